//! How running a program fails.

use std::fmt;
use std::io;
use std::process::{ExitStatus, Output};

use nestling_runtime::process::{Child, Error};

/// How [`run_process`](crate::run_process) fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The system: the program could not be started, or a pipe failed.
    #[error(transparent)]
    System(#[from] Error),
    /// The program ended with another status than 0, or by a signal.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// It was asked for in a way that cannot be followed.
    #[error("the program cannot be run: {0}")]
    Misuse(&'static str),
}

impl ProcessError {
    pub(super) fn two_inputs() -> ProcessError {
        ProcessError::Misuse(
            "there is an `input`, and the command's `stdin` is set: use one of them",
        )
    }

    /// Whether there is no such program.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, ProcessError::System(error) if error.is_not_found())
    }

    /// How it ended, and what it had written, if it ended by itself.
    #[must_use]
    pub fn output(&self) -> Option<&Output> {
        match self {
            ProcessError::Status(error) => Some(error.output()),
            ProcessError::System(_) | ProcessError::Misuse(_) => None,
        }
    }
}

/// A program ended with another status than 0, or by a signal.
#[derive(Clone)]
pub struct StatusError(Box<Ended>);

#[derive(Clone)]
struct Ended {
    child: String,
    output: Output,
}

/// So much of the standard error is shown, from its end, in bytes.
const SHOWN: usize = 1000;

impl StatusError {
    pub(super) fn new(child: &Child, output: Output) -> StatusError {
        StatusError(Box::new(Ended {
            child: child.program().to_owned(),
            output,
        }))
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        self.0.output.status
    }

    /// How it ended, and what it had written.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.0.output
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { child, output } = &*self.0;
        write!(f, "`{child}` ended with {}", output.status)?;
        let from = output.stderr.len().saturating_sub(SHOWN);
        let shown = output.stderr.get(from..).unwrap_or_default();
        let shown = String::from_utf8_lossy(shown);
        match shown.trim() {
            "" => Ok(()),
            shown if from > 0 => write!(f, "; its standard error ends with: {shown}"),
            shown => write!(f, "; its standard error: {shown}"),
        }
    }
}

impl fmt::Debug for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StatusError {}

impl From<ProcessError> for io::Error {
    fn from(error: ProcessError) -> io::Error {
        match error {
            ProcessError::System(error) => error.into(),
            other => io::Error::other(other),
        }
    }
}
