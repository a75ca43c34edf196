//! What can go wrong between tasks and threads.

use std::io;
use std::sync::Arc;

use crate::cancelled::Cancelled;

/// A thread could not be started; the work has not begun, and has been dropped.
#[derive(Debug, thiserror::Error)]
#[error(
    "a thread of `{name}` could not be started: {source} (the system may be short of memory or of \
     threads: let fewer work at a time, by a limiter)"
)]
pub struct SpawnError {
    name: Arc<str>,
    source: io::Error,
}

impl SpawnError {
    pub(super) fn new(name: &Arc<str>, source: io::Error) -> SpawnError {
        SpawnError {
            name: Arc::clone(name),
            source,
        }
    }

    /// What the system said.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// Why a thread could not have something done in a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// The task that waits for the thread was cancelled, or its call was dropped.
    #[error("the task that the thread works for has been cut off: {0}")]
    Cancelled(#[source] Cancelled),
    /// The thread does not work for a task.
    #[error(
        "this thread was not given its work by `to_thread::run_sync`, so there is no task to run this \
         in: send it through a `Portal`, or call `from_thread::run_sync_in` with the run's handle"
    )]
    NoHost,
    /// The call came from the thread that it would have waited for.
    #[error(
        "a run is going on in this thread, and waiting here would block it, for ever if it is the one to \
         wait for: await the future, or call the closure, right here"
    )]
    OwnThread,
    /// The portal is not served any more.
    #[error(
        "the portal's service has ended, so this was not run: \
         it lives no longer than the nursery that it was started in"
    )]
    PortalClosed,
    /// The run has ended.
    #[error("the run has ended, so this was not run in it")]
    RunFinished,
}

impl VisitError {
    /// Whether it is due to a cancellation.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, VisitError::Cancelled(_))
    }
}
