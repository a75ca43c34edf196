//! What can go wrong with files.

use std::error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::line_buffer::LineTooLong;

/// An operation on a file or a directory failed: which one, on what, and why.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// if let Err(error) = fs::read("/does/not/exist").await {
///     assert!(error.is_not_found());
///     assert!(error.to_string().starts_with("read /does/not/exist: "));
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
    path: PathBuf,
    to: Option<PathBuf>,
    reason: io::Error,
}

/// Misuse of an open file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    #[error(
        "another task is using this file: one operation at a time; let one task do it, take turns with a \
         lock, or open the file twice"
    )]
    Busy,
    #[error("the buffer is empty, so the answer 0 would look like the end of the file")]
    EmptyBuffer,
}

impl From<Misuse> for io::Error {
    fn from(misuse: Misuse) -> io::Error {
        let kind = match misuse {
            Misuse::Busy => io::ErrorKind::ResourceBusy,
            Misuse::EmptyBuffer => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, misuse)
    }
}

impl Error {
    #[cold]
    pub(super) fn new(operation: &'static str, path: &Path, reason: impl Into<io::Error>) -> Error {
        Error(Box::new(Failure {
            operation,
            path: path.to_owned(),
            to: None,
            reason: reason.into(),
        }))
    }

    pub(super) fn with_target(mut self, to: &Path) -> Error {
        self.0.to = Some(to.to_owned());
        self
    }

    /// What was to be done, in a word: `open`, `read`, `rename`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What it was to be done to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Where a copied or renamed file was to go.
    #[must_use]
    pub fn target(&self) -> Option<&Path> {
        self.0.to.as_deref()
    }

    /// The kind of the [`io::Error`].
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.0.reason.kind()
    }

    /// The system's number of the error, if it comes from there.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.reason.raw_os_error()
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// Whether there is one already.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// Whether another task was using the [`File`](super::File).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.inner(), Some(Misuse::Busy))
    }

    /// Whether a line was longer than allowed.
    #[must_use]
    pub fn is_line_too_long(&self) -> bool {
        self.inner::<LineTooLong>().is_some()
    }

    pub(super) fn inner<E: error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.0.reason.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            operation,
            path,
            to,
            reason,
        } = &*self.0;
        write!(f, "{operation} {}", path.display())?;
        if let Some(to) = to {
            write!(f, " to {}", to.display())?;
        }
        write!(f, ": {reason}")?;
        match reason.kind() {
            io::ErrorKind::PermissionDenied => f.write_str(" (check who may access it)"),
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
