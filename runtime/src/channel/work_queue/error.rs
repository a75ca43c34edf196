//! Why a job was not put.

use std::fmt;

/// The job was not put, and is given back: the queue has been shut down.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job was not put: the queue has been shut down, and takes no more jobs")]
pub struct ShutDown<T>(
    /// The job.
    pub T,
);

impl<T> ShutDown<T> {
    /// The job.
    pub fn into_job(self) -> T {
        self.0
    }

    /// The error without the job, for jobs that an error can't carry on, as they are not `Send` or borrow
    /// something.
    ///
    /// ```
    /// use nestling_runtime::channel::WorkQueue;
    /// use nestling_runtime::channel::work_queue::ShutDown;
    ///
    /// async fn put_all(names: &[String]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let queue = WorkQueue::fifo(10);
    ///     queue.shutdown();
    ///     for name in names {
    ///         queue.put(name).await.map_err(ShutDown::without_job)?;
    ///     }
    ///     Ok(())
    /// }
    /// # nestling_runtime::run(async {
    /// assert!(put_all(&["a job".to_owned()]).await.is_err());
    /// # });
    /// ```
    pub fn without_job(self) -> ShutDown<()> {
        ShutDown(())
    }
}

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

impl<T> TryPutError<T> {
    /// The job.
    pub fn into_job(self) -> T {
        match self {
            TryPutError::Full(job) | TryPutError::ShutDown(job) => job,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::ShutDown(_) => "ShutDown(..)",
        })
    }
}
