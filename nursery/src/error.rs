//! The errors that nurseries return.

mod start_error;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;

use nestling_runtime::Cancelled;

pub use self::start_error::StartError;
use crate::multi_error::{MultiError, find_in, fmt_debug};

/// Any error at all, as long as it may go to another thread.
///
/// Children of a nursery may fail with whatever error they like. `?` turns it into this one.
///
/// ```
/// use nestling_nursery::BoxError;
///
/// fn port(text: &str) -> Result<u16, BoxError> {
///     let port = text.trim().parse()?;
///     if port == 0 {
///         return Err("port 0 can't be connected to".into());
///     }
///     Ok(port)
/// }
/// assert!(port("8080").is_ok());
/// assert!(port("0").is_err());
/// ```
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// Why a nursery has no value to return.
///
/// It displays as what it holds: a single error as itself, several as a tree (see [`MultiError`]).
/// `Debug` shows the names of the tasks as well, so returning it from `main` gives a readable
/// report.
///
/// ```
/// use nestling_nursery::{MultiError, NurseryError};
///
/// fn report(error: NurseryError) {
///     match error {
///         NurseryError::Failed(errors) => {
///             for leaf in errors.leaves() {
///                 eprintln!("{} failed: {leaf}", leaf.task());
///             }
///         }
///         NurseryError::Cancelled(cancelled) => eprintln!("gave up: {cancelled}"),
///     }
/// }
/// # let site = std::panic::Location::caller();
/// # report(MultiError::from(nestling_nursery::TaskError::new("reader", site, "reset")).into());
/// ```
#[derive(thiserror::Error)]
pub enum NurseryError {
    /// The body or children failed. Here is every error that occurred.
    #[error(transparent)]
    Failed(#[from] MultiError),
    /// Nothing failed, but the nursery's own scope was cancelled before the body had a value.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl NurseryError {
    /// Whether nothing failed and the nursery was only cancelled.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, NurseryError, TaskError};
    /// fn exit_code(error: &NurseryError) -> u8 {
    ///     if error.is_cancelled() { 130 } else { 1 }
    /// }
    /// let failed = TaskError::new("reader", Location::caller(), "connection reset");
    /// assert_eq!(exit_code(&MultiError::from(failed).into()), 1);
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, NurseryError::Cancelled(_))
    }

    /// The errors, if anything failed.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, NurseryError, TaskError};
    /// let failed = TaskError::new("reader", Location::caller(), "connection reset");
    /// let error = NurseryError::from(MultiError::from(failed));
    /// assert_eq!(error.multi().map(MultiError::len), Some(1));
    /// ```
    #[must_use]
    pub fn multi(&self) -> Option<&MultiError> {
        match self {
            NurseryError::Failed(multi) => Some(multi),
            NurseryError::Cancelled(_) => None,
        }
    }

    /// The errors by value, if anything failed.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, NurseryError, TaskError};
    /// # let failed = TaskError::new("reader", Location::caller(), std::fmt::Error);
    /// # let error = NurseryError::from(MultiError::from(failed));
    /// if let Some(multi) = error.into_multi() {
    ///     let (formatting, rest) = multi.split::<std::fmt::Error>();
    ///     assert_eq!(formatting.len(), 1);
    ///     assert!(rest.is_none());
    /// }
    /// ```
    #[must_use]
    pub fn into_multi(self) -> Option<MultiError> {
        match self {
            NurseryError::Failed(multi) => Some(multi),
            NurseryError::Cancelled(_) => None,
        }
    }

    /// The first `E` among the errors and their sources: see [`MultiError::find`].
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, NurseryError, TaskError};
    /// # let failed = TaskError::new("reader", Location::caller(), std::fmt::Error);
    /// # let error = NurseryError::from(MultiError::from(failed));
    /// assert!(error.find::<std::fmt::Error>().is_some());
    /// assert!(error.find::<std::io::Error>().is_none());
    /// ```
    #[must_use]
    pub fn find<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            NurseryError::Failed(multi) => multi.find(),
            NurseryError::Cancelled(cancelled) => find_in(cancelled),
        }
    }
}

impl fmt::Debug for NurseryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NurseryError::Failed(multi) => fmt_debug(multi, f),
            NurseryError::Cancelled(cancelled) => fmt_debug(cancelled, f),
        }
    }
}
