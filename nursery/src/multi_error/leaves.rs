//! [`Leaves`]: the walk over a multi-error's leaves.

use std::iter::FusedIterator;
use std::slice;

use super::{MultiError, TaskError};

/// The leaves of a [`MultiError`], depth first: see [`MultiError::leaves`].
///
/// ```
/// use std::panic::Location;
/// use nestling_nursery::{MultiError, TaskError};
///
/// let error = MultiError::from(TaskError::new("reader", Location::caller(), "reset"));
/// let mut leaves = error.leaves();
/// assert_eq!(leaves.next().map(TaskError::task), Some("reader"));
/// assert!(leaves.next().is_none());
/// ```
#[derive(Clone, Debug)]
#[must_use = "iterators do nothing unless they are gone through"]
pub struct Leaves<'a> {
    /// What is left to visit of each level on the way down; the innermost last.
    levels: Vec<slice::Iter<'a, TaskError>>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(multi: &'a MultiError) -> Leaves<'a> {
        Leaves {
            levels: vec![multi.errors().iter()],
        }
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = &'a TaskError;

    fn next(&mut self) -> Option<&'a TaskError> {
        loop {
            match self.levels.last_mut()?.next() {
                None => drop(self.levels.pop()),
                Some(entry) => match entry.nested() {
                    Some(nested) => self.levels.push(nested.errors().iter()),
                    None => return Some(entry),
                },
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Each entry yet to be visited has a leaf at least, be it a leaf or a level.
        let entries = self.levels.iter().map(|level| level.len()).sum();
        (entries, if entries == 0 { Some(0) } else { None })
    }
}

impl FusedIterator for Leaves<'_> {}
