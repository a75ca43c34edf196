//! Why a job was not put.

use std::fmt;

/// The job was not put, and is given back: the queue has been shut down.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job was not put: the queue has been shut down, and takes no more jobs")]
pub struct ShutDown<T>(
    /// The job.
    pub T,
);

impl<T> fmt::Debug for ShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShutDown(..)")
    }
}

/// The job was not put, and is given back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TryPutError<T> {
    /// There is no room now, or others wait for it.
    #[error("the job was not put: the queue has no room for it now; `put` waits until it has")]
    Full(
        /// The job.
        T,
    ),
    /// The queue has been shut down.
    #[error("the job was not put: the queue has been shut down, and takes no more jobs")]
    ShutDown(
        /// The job.
        T,
    ),
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::ShutDown(_) => "ShutDown(..)",
        })
    }
}
