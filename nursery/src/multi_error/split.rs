//! [`MultiError::split`]: sorting the leaves by type.

use std::error::Error;
use std::{mem, vec};

use super::{MultiError, TaskError};

impl MultiError {
    /// Takes all leaves whose error is an `E` out of the tree; gives them and what is left.
    ///
    /// What is left keeps its shape, its task names and sites. A level vanishes when nothing is
    /// left in it, but stays a level when one entry is. Only the leaf's error itself counts,
    /// not its sources: they can't be had by value.
    ///
    /// This is how to handle one kind of error and pass the others on:
    ///
    /// ```
    /// # use std::panic::Location;
    /// # use nestling_nursery::{MultiError, NurseryError, TaskError};
    /// use std::io;
    ///
    /// fn tolerate_io(error: MultiError) -> Result<(), NurseryError> {
    ///     let (io_errors, rest) = error.split::<io::Error>();
    ///     for error in io_errors {
    ///         eprintln!("ignored: {error}");
    ///     }
    ///     rest.map_or(Ok(()), |rest| Err(rest.into()))
    /// }
    ///
    /// # let site = Location::caller();
    /// let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    /// assert!(tolerate_io(TaskError::new("conn", site, reset).into()).is_ok());
    /// assert!(tolerate_io(TaskError::new("conn", site, "bad frame").into()).is_err());
    /// ```
    #[must_use]
    pub fn split<E: Error + 'static>(self) -> (Vec<E>, Option<MultiError>) {
        let mut taken = Vec::new();
        let mut outer: Vec<OpenLevel> = Vec::new();
        let mut level = OpenLevel::new(None, self.errors);
        loop {
            if let Some(mut entry) = level.rest.next() {
                if let Some(nested) = entry.nested_mut() {
                    let errors = mem::take(&mut nested.errors);
                    outer.push(mem::replace(
                        &mut level,
                        OpenLevel::new(Some(entry), errors),
                    ));
                } else {
                    match entry.downcast::<E>() {
                        Ok(error) => taken.push(error),
                        Err(entry) => level.kept.push(entry),
                    }
                }
                continue;
            }
            let Some(parent) = outer.pop() else {
                return (taken, MultiError::new(level.kept));
            };
            let done = mem::replace(&mut level, parent);
            level.kept.extend(done.close());
        }
    }
}

/// A level that [`MultiError::split`] is going through.
struct OpenLevel {
    /// The entry whose error is this level, emptied for the time being; `None` for the root.
    holder: Option<TaskError>,
    rest: vec::IntoIter<TaskError>,
    kept: Vec<TaskError>,
}

impl OpenLevel {
    fn new(holder: Option<TaskError>, errors: Vec<TaskError>) -> OpenLevel {
        OpenLevel {
            holder,
            rest: errors.into_iter(),
            kept: Vec::new(),
        }
    }

    /// Puts what was kept back into the holder, whose wrapping (a `NurseryError`, say) thus stays.
    fn close(self) -> Option<TaskError> {
        let mut holder = self.holder.filter(|_| !self.kept.is_empty())?;
        holder.nested_mut()?.errors = self.kept;
        Some(holder)
    }
}
