//! [`StartError`]: why a child did not become ready.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;

use nestling_runtime::Cancelled;

use crate::multi_error::{TaskError, TaskPhrase, find_in, fmt_debug};

/// Why a child that was started with `Nursery::start` did not become ready.
///
/// Its text says which child that was and what it failed with. As the error is part of the text,
/// `source()` is the error's own source.
///
/// ```
/// use std::panic::Location;
/// use nestling_nursery::{StartError, TaskError};
///
/// let site = Location::caller();
/// let error = StartError::Failed(TaskError::new("db", site, "connection refused"));
/// let at = format!("{}:{}", site.file(), site.line());
/// assert_eq!(
///     error.to_string(),
///     format!("task `db` ({at}) failed before it was ready: connection refused"),
/// );
/// ```
pub enum StartError {
    /// The child failed before it was ready. Its error is here, and nowhere else: the nursery goes
    /// on.
    Failed(TaskError),
    /// The child was cancelled before it was ready, since the nursery or the caller was.
    Cancelled(Cancelled),
    /// The child ended, without failing, and had not called `ready.started(..)`.
    NotReady {
        /// The child's name.
        task: Cow<'static, str>,
        /// Where it was started.
        site: &'static Location<'static>,
    },
}

impl StartError {
    /// Whether the child failed before it was ready.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{StartError, TaskError};
    /// let error = StartError::Failed(TaskError::new("db", Location::caller(), "refused"));
    /// assert!(error.is_failed());
    /// ```
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, StartError::Failed(_))
    }

    /// Whether the child was cancelled before it was ready.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{StartError, TaskError};
    /// let error = StartError::Failed(TaskError::new("db", Location::caller(), "refused"));
    /// assert!(!error.is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, StartError::Cancelled(_))
    }

    /// Whether the child ended without calling `ready.started(..)`.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::StartError;
    /// let error = StartError::NotReady { task: "db".into(), site: Location::caller() };
    /// assert!(error.is_not_ready());
    /// ```
    #[must_use]
    pub fn is_not_ready(&self) -> bool {
        matches!(self, StartError::NotReady { .. })
    }

    /// The name of the child, unless it was cancelled.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{StartError, TaskError};
    /// let error = StartError::Failed(TaskError::new("db", Location::caller(), "refused"));
    /// assert_eq!(error.task(), Some("db"));
    /// ```
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match self {
            StartError::Failed(failed) => Some(failed.task()),
            StartError::Cancelled(_) => None,
            StartError::NotReady { task, .. } => Some(task),
        }
    }

    /// Where the child was started, unless it was cancelled.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{StartError, TaskError};
    /// let error = StartError::Failed(TaskError::new("db", Location::caller(), "refused"));
    /// assert_eq!(error.site().map(Location::file), Some(file!()));
    /// ```
    #[must_use]
    pub fn site(&self) -> Option<&'static Location<'static>> {
        match self {
            StartError::Failed(failed) => Some(failed.site()),
            StartError::Cancelled(_) => None,
            StartError::NotReady { site, .. } => Some(site),
        }
    }

    /// The first `E` that the child's error is, holds, or was caused by: see
    /// [`MultiError::find`](crate::MultiError::find).
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{StartError, TaskError};
    /// use std::io;
    ///
    /// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    /// let error = StartError::Failed(TaskError::new("db", Location::caller(), refused));
    /// assert!(error.find::<io::Error>().is_some());
    /// ```
    #[must_use]
    pub fn find<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            StartError::Failed(failed) => find_in(failed),
            StartError::Cancelled(cancelled) => find_in(cancelled),
            StartError::NotReady { .. } => None,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Failed(failed) => {
                write!(
                    f,
                    "{} failed before it was ready: {failed}",
                    failed.phrase()
                )
            }
            StartError::Cancelled(cancelled) => fmt::Display::fmt(cancelled, f),
            StartError::NotReady { task, site } => write!(
                f,
                "{} ended without having called `ready.started(..)`: call it as soon as the task can be \
                 used, or use `start_soon` for a task that nobody waits for",
                TaskPhrase { task, site },
            ),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_debug(self, f)
    }
}

/// By hand because `thiserror` can't give the source of a field as the source of the whole.
impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::Failed(failed) => failed.source(),
            StartError::Cancelled(cancelled) => cancelled.source(),
            StartError::NotReady { .. } => None,
        }
    }
}

impl From<Cancelled> for StartError {
    fn from(cancelled: Cancelled) -> StartError {
        StartError::Cancelled(cancelled)
    }
}
