//! What can go wrong with processes.

use std::error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Something about a process failed: what, of which program, and why.
///
/// ```
/// use nestling_runtime::process::Command;
///
/// # nestling_runtime::run(async {
/// if let Err(error) = Command::new("/does/not/exist").spawn().await {
///     assert!(error.is_not_found());
///     assert!(error.to_string().starts_with("start `/does/not/exist`: "));
/// }
/// # });
/// ```
///
/// `source()` is the [`io::Error`]. An error turns into an `io::Error` with `?`, of the same kind.
#[derive(Debug)]
pub struct Error(Box<Failure>);

#[derive(Debug)]
struct Failure {
    operation: &'static str,
    program: Box<str>,
    reason: io::Error,
}

/// Misuse of a pipe.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    #[error(
        "another task is using this pipe: one at a time; let one task do it and hand the others what they \
         need, or take turns with a lock"
    )]
    Busy,
    #[error("the buffer is empty, so the answer 0 would look like the end")]
    EmptyBuffer,
}

impl From<Misuse> for io::Error {
    fn from(misuse: Misuse) -> io::Error {
        let kind = match misuse {
            Misuse::Busy => ErrorKind::ResourceBusy,
            Misuse::EmptyBuffer => ErrorKind::InvalidInput,
        };
        io::Error::new(kind, misuse)
    }
}

impl Error {
    #[cold]
    pub(super) fn new(
        operation: &'static str,
        program: &str,
        reason: impl Into<io::Error>,
    ) -> Error {
        Error(Box::new(Failure {
            operation,
            program: program.into(),
            reason: reason.into(),
        }))
    }

    /// The program, as it was called.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.0.program
    }

    /// The kind of the [`io::Error`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.reason.kind()
    }

    /// The system's number of the error, if it comes from there.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.reason.raw_os_error()
    }

    /// Whether there is no such program, or no such directory to start it in.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether another task was using the pipe.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.kind() == ErrorKind::ResourceBusy
    }

    /// Whether nobody reads from the pipe any more, because the process has closed it, or ended.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.kind() == ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            operation,
            program,
            reason,
        } = &*self.0;
        write!(f, "{operation} `{program}`: {reason}")?;
        match (reason.kind(), *operation) {
            (ErrorKind::NotFound, "start") => {
                f.write_str(" (is it installed, in PATH, and its directory there?)")
            }
            (ErrorKind::PermissionDenied, "start") => f.write_str(" (is it executable?)"),
            _ => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0.reason)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}
