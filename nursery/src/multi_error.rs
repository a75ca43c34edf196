//! [`MultiError`]: every error of a nursery, as a tree.
//!
//! ```text
//! MultiError ──▶ [TaskError, TaskError, …]          one level, never empty, in order of failure
//!                    │
//!                    └▶ task name, where the task was started, and its error, which is either
//!                         a leaf: any error at all, or
//!                         a level: a MultiError, bare or in a NurseryError, StartError or TaskError
//! ```
//!
//! `layer` knows how to look inside an error; nothing else here depends on how a level is wrapped.
//! All walks keep their own stack, so that nesting is bounded by memory and not by the thread's
//! stack.

mod layer;
mod leaves;
mod split;
mod task_error;
mod tree;

#[cfg(test)]
pub(crate) mod tests;

use std::error::Error;
use std::{fmt, mem, slice, vec};

use crate::error::BoxError;

pub(crate) use self::layer::find_in;
pub use self::leaves::Leaves;
pub use self::task_error::TaskError;
pub(crate) use self::tree::{TaskPhrase, fmt_debug};

/// All the errors of a nursery's tasks, as a tree.
///
/// A nursery waits for all of its tasks, so more than one of them can fail. None of their errors is
/// dropped: each becomes a [`TaskError`], in the order of failure. When a task failed because a
/// nursery inside it failed, its error is a multi-error again, and so the errors form a tree with
/// the shape of the tasks.
///
/// A multi-error is never empty, is `Send + Sync`, and goes into `Box<dyn Error>` and the error
/// types of other crates with `?`.
///
/// # What it looks like
///
/// If there is exactly one error in the whole tree, the multi-error displays as that error.
/// Otherwise it displays as a numbered tree, which gives for each error the task's name, the place
/// where the task was started, the message, and the chain of causes. A level that has only one
/// entry takes up no line: its task stands in front of what failed in it (`server` below). A cause
/// is left out if the lines above it already say the same.
///
/// ```
/// use std::panic::Location;
/// use nestling_nursery::{MultiError, NurseryError, TaskError};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("cannot read the settings")]
/// struct Settings(#[source] std::num::ParseIntError);
///
/// # fn several(errors: Vec<TaskError>) -> NurseryError {
/// #     MultiError::new(errors).map(NurseryError::Failed).unwrap()
/// # }
/// # let site = Location::caller();
/// let connections = several(vec![
///     TaskError::new("conn 7", site, "bad frame:\nexpected 4 bytes, found 2"),
///     TaskError::new("conn 9", site, "timed out"),
/// ]);
/// let server = several(vec![TaskError::new("acceptor", site, connections)]);
/// # let cause = "8o80".parse::<u16>().unwrap_err();
/// let error = several(vec![
///     TaskError::new("settings", site, Settings(cause)),
///     TaskError::new("server", site, server),
///     TaskError::new("logger", site, "disk is full"),
/// ]);
///
/// let text = error.to_string();
/// # let text = text.replace(&format!("{}:{}", site.file(), site.line()), "src/main.rs:12");
/// assert_eq!(
///     text,
///     "\
/// 3 tasks failed
/// ├─ 1. settings (src/main.rs:12): cannot read the settings
/// │     caused by: invalid digit found in string
/// ├─ 2. server (src/main.rs:12): acceptor (src/main.rs:12): 2 tasks failed
/// │  ├─ 2.1. conn 7 (src/main.rs:12): bad frame:
/// │  │       expected 4 bytes, found 2
/// │  └─ 2.2. conn 9 (src/main.rs:12): timed out
/// └─ 3. logger (src/main.rs:12): disk is full",
/// );
/// ```
///
/// `Debug` shows the same tree, and for a single error its message, its tasks and its causes,
/// because `Debug` is what `main` prints when it returns an error:
///
/// ```
/// # use std::panic::Location;
/// # use nestling_nursery::{MultiError, TaskError};
/// # let site = Location::caller();
/// let single = MultiError::from(TaskError::new("logger", site, "disk is full"));
/// assert_eq!(single.to_string(), "disk is full");
///
/// let text = format!("Error: {single:?}");
/// # let text = text.replace(&format!("{}:{}", site.file(), site.line()), "src/main.rs:12");
/// assert_eq!(
///     text,
///     "\
/// Error: disk is full
///   in task `logger` (src/main.rs:12)",
/// );
/// ```
///
/// `{:#}` and `{:#?}` add nothing. Trees deeper than 32 levels are cut there, and the number of
/// errors left out is shown; [`leaves`](MultiError::leaves) has them all.
///
/// # `source()`
///
/// With exactly one error in the tree, [`source`](Error::source) is that error's own source,
/// because the multi-error already displays as the error. With several, it is the error of the
/// first leaf: what failed first is what set the rest off, more often than not. To look for an
/// error by its type, prefer [`find`](MultiError::find), which sees all of them.
pub struct MultiError {
    /// Empty only while it is taken apart, and in what is then thrown away.
    errors: Vec<TaskError>,
}

#[expect(
    clippy::len_without_is_empty,
    reason = "a multi-error is never empty, so the question does not arise"
)]
impl MultiError {
    /// Makes a multi-error of the errors of one level, or `None` if there are none.
    ///
    /// Nurseries do this by themselves. It is public for libraries that run tasks in ways of their
    /// own and want to report in the same form.
    ///
    /// ```
    /// use std::panic::Location;
    /// use nestling_nursery::{MultiError, TaskError};
    ///
    /// let error = TaskError::new("reader", Location::caller(), "connection reset");
    /// assert!(MultiError::new(vec![error]).is_some());
    /// assert!(MultiError::new(vec![]).is_none());
    /// ```
    #[must_use]
    pub fn new(errors: Vec<TaskError>) -> Option<MultiError> {
        if errors.is_empty() {
            None
        } else {
            Some(MultiError { errors })
        }
    }

    /// The errors of this level, in the order of failure.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// # let site = Location::caller();
    /// # let reader = TaskError::new("reader", site, "connection reset");
    /// # let writer = TaskError::new("writer", site, "broken pipe");
    /// # let error = MultiError::new(vec![reader, writer]).unwrap();
    /// let tasks: Vec<&str> = error.errors().iter().map(|failed| failed.task()).collect();
    /// assert_eq!(tasks, ["reader", "writer"]);
    /// ```
    #[must_use]
    pub fn errors(&self) -> &[TaskError] {
        &self.errors
    }

    /// How many errors this level has. At least one.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// let error = MultiError::from(TaskError::new("reader", Location::caller(), "reset"));
    /// assert_eq!(error.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// All errors of the tree that are not multi-errors themselves, depth first.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// # let site = Location::caller();
    /// let inner = MultiError::from(TaskError::new("conn", site, "bad frame"));
    /// let outer = vec![
    ///     TaskError::new("server", site, inner),
    ///     TaskError::new("logger", site, "disk is full"),
    /// ];
    /// let outer = MultiError::new(outer).ok_or("no errors")?;
    ///
    /// let tasks: Vec<&str> = outer.leaves().map(|leaf| leaf.task()).collect();
    /// assert_eq!(tasks, ["conn", "logger"]);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn leaves(&self) -> Leaves<'_> {
        Leaves::new(self)
    }

    /// The first `E` in the tree.
    ///
    /// It goes through the leaves in order and looks at each one's error and at the chain of its
    /// sources. Multi-errors are looked into wherever they stand, also in such a chain.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// use std::io;
    ///
    /// # let site = Location::caller();
    /// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    /// let error = MultiError::from(TaskError::new("client", site, refused));
    ///
    /// let kind = error.find::<io::Error>().map(io::Error::kind);
    /// assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused));
    /// assert!(error.find::<std::fmt::Error>().is_none());
    /// ```
    #[must_use]
    pub fn find<E: Error + 'static>(&self) -> Option<&E> {
        find_in(self)
    }

    /// If there is exactly one error in the whole tree, that error itself; otherwise the
    /// multi-error.
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, TaskError};
    /// # let site = Location::caller();
    /// let inner = MultiError::from(TaskError::new("conn", site, std::fmt::Error));
    /// let outer = MultiError::from(TaskError::new("server", site, inner));
    ///
    /// let single = outer.into_single().map_err(|_| "more than one error")?;
    /// assert!(single.is::<std::fmt::Error>());
    /// # Ok::<(), &str>(())
    /// ```
    pub fn into_single(self) -> Result<BoxError, MultiError> {
        if self.only_leaf().is_none() {
            return Err(self);
        }
        let mut level = self.errors;
        loop {
            let Some(mut entry) = level.pop() else {
                unreachable!("a level is never empty")
            };
            match entry.nested_mut() {
                Some(nested) => level = mem::take(&mut nested.errors),
                None => return Ok(entry.into_error()),
            }
        }
    }

    /// The one leaf of the tree, if there is just one.
    fn only_leaf(&self) -> Option<&TaskError> {
        let mut level = self;
        while let [entry] = &*level.errors {
            match entry.nested() {
                Some(nested) => level = nested,
                None => return Some(entry),
            }
        }
        None
    }
}

impl fmt::Display for MultiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only_leaf() {
            Some(leaf) => fmt::Display::fmt(leaf, f),
            None => tree::fmt_display(self, f),
        }
    }
}

impl fmt::Debug for MultiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_debug(self, f)
    }
}

impl Error for MultiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.only_leaf() {
            Some(leaf) => leaf.source(),
            None => self.leaves().next().map(|leaf| leaf.error() as _),
        }
    }
}

impl From<TaskError> for MultiError {
    fn from(error: TaskError) -> MultiError {
        MultiError {
            errors: vec![error],
        }
    }
}

impl IntoIterator for MultiError {
    type Item = TaskError;
    type IntoIter = vec::IntoIter<TaskError>;

    /// Goes through the errors of this level by value.
    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl<'a> IntoIterator for &'a MultiError {
    type Item = &'a TaskError;
    type IntoIter = slice::Iter<'a, TaskError>;

    /// Goes through the errors of this level.
    fn into_iter(self) -> Self::IntoIter {
        self.errors.iter()
    }
}
