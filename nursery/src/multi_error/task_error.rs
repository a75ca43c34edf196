//! [`TaskError`]: one task's failure.

use std::borrow::Cow;
use std::error::Error;
use std::panic::Location;
use std::{fmt, mem};

use super::MultiError;
use super::layer::{Layer, disassemble, level_in, level_in_mut};
use super::tree::{TaskPhrase, fmt_debug};
use crate::error::BoxError;

/// One entry of a [`MultiError`]: which task failed, where it was started, and with what error.
///
/// It displays as the error alone, and its `source()` is the error's own source, so that a report
/// that walks the chain of sources shows nothing twice. `Debug` shows the task as well.
///
/// ```
/// use std::panic::Location;
/// use nestling_nursery::TaskError;
///
/// let failed = TaskError::new("logger", Location::caller(), "disk is full");
/// assert_eq!(failed.to_string(), "disk is full");
/// assert_eq!(failed.task(), "logger");
/// assert_eq!(failed.site().file(), file!());
/// ```
pub struct TaskError {
    task: Cow<'static, str>,
    site: &'static Location<'static>,
    error: BoxError,
}

impl TaskError {
    /// The failure of the task named `task`, started at `site`, with `error`.
    ///
    /// Nurseries do this by themselves; see [`MultiError::new`]. A task without a name has the
    /// empty one.
    ///
    /// ```
    /// use std::panic::Location;
    /// use nestling_nursery::TaskError;
    ///
    /// #[track_caller]
    /// fn failed(number: u32) -> TaskError {
    ///     TaskError::new(format!("worker {number}"), Location::caller(), std::fmt::Error)
    /// }
    /// assert_eq!(failed(3).task(), "worker 3");
    /// ```
    #[must_use]
    pub fn new(
        task: impl Into<Cow<'static, str>>,
        site: &'static Location<'static>,
        error: impl Into<BoxError>,
    ) -> TaskError {
        TaskError {
            task: task.into(),
            site,
            error: error.into(),
        }
    }

    /// The task's name.
    ///
    /// ```
    /// # use nestling_nursery::TaskError;
    /// let failed = TaskError::new("logger", std::panic::Location::caller(), "disk is full");
    /// assert_eq!(failed.task(), "logger");
    /// ```
    #[must_use]
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Where the task was started.
    ///
    /// ```
    /// # use nestling_nursery::TaskError;
    /// let failed = TaskError::new("logger", std::panic::Location::caller(), "disk is full");
    /// assert_eq!(failed.site().file(), file!());
    /// ```
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// The error the task failed with.
    ///
    /// ```
    /// # use nestling_nursery::TaskError;
    /// let failed = TaskError::new("fmt", std::panic::Location::caller(), std::fmt::Error);
    /// assert!(failed.error().is::<std::fmt::Error>());
    /// ```
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// The error the task failed with, by value.
    ///
    /// ```
    /// # use nestling_nursery::{BoxError, TaskError};
    /// fn only_formatting(failed: TaskError) -> Result<(), BoxError> {
    ///     failed.into_error().downcast::<std::fmt::Error>().map(|_| ())
    /// }
    /// # let site = std::panic::Location::caller();
    /// assert!(only_formatting(TaskError::new("fmt", site, std::fmt::Error)).is_ok());
    /// assert!(only_formatting(TaskError::new("fmt", site, "other")).is_err());
    /// ```
    #[must_use]
    pub fn into_error(mut self) -> BoxError {
        self.take_error()
    }

    /// What is left is of no use but to be dropped.
    pub(super) fn take_error(&mut self) -> BoxError {
        mem::replace(&mut self.error, Box::new(MovedOut))
    }

    /// The multi-error that the task failed with, if that is what it failed with.
    ///
    /// This is so when a nursery inside the task failed and the task passed the error on, as a
    /// `MultiError`, a [`NurseryError`](crate::NurseryError), a [`StartError`](crate::StartError)
    /// or a `TaskError`. If there is none, the entry is a leaf: also when the task hid the
    /// multi-error in an error type of its own or in `anyhow::Error`, which can't be looked
    /// into.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// # let site = Location::caller();
    /// let conn = TaskError::new("conn", site, "bad frame");
    /// assert!(conn.nested().is_none());
    ///
    /// let server = TaskError::new("server", site, MultiError::from(conn));
    /// assert_eq!(server.nested().map(MultiError::len), Some(1));
    /// ```
    #[must_use]
    pub fn nested(&self) -> Option<&MultiError> {
        level_in(self.error())
    }

    pub(crate) fn phrase(&self) -> TaskPhrase<'_> {
        TaskPhrase {
            task: &self.task,
            site: self.site,
        }
    }

    pub(super) fn nested_mut(&mut self) -> Option<&mut MultiError> {
        level_in_mut(&mut *self.error)
    }

    pub(super) fn error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        &mut *self.error
    }

    /// The error as an `E`, or the entry unharmed.
    pub(super) fn downcast<E: Error + 'static>(mut self) -> Result<E, TaskError> {
        let error = self.take_error();
        match error.downcast::<E>() {
            Ok(error) => Ok(*error),
            Err(error) => {
                self.error = error;
                Err(self)
            }
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_debug(self, f)
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Takes the errors below apart one by one. The drop that the compiler writes would call itself
/// once per level, and a tree may be deeper than the stack.
///
/// It stands here and not on `MultiError` because every way down the tree goes through a
/// `TaskError`, and because `NurseryError` and `StartError` can then still be taken apart with
/// `match`.
impl Drop for TaskError {
    fn drop(&mut self) {
        if let Layer::Leaf = Layer::of(&*self.error) {
            return;
        }
        let mut doomed = vec![self.take_error()];
        while let Some(error) = doomed.pop() {
            disassemble(error, &mut doomed);
        }
    }
}

/// Stands in for an error that was moved out of its `TaskError`. It has no size, so that boxing it
/// allocates nothing.
#[derive(Debug, thiserror::Error)]
#[error("the error was moved elsewhere")]
struct MovedOut;
