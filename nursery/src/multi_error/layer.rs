//! What an error is, seen from the tree: a level, a wrapper around something, or a leaf.

use std::error::Error;
use std::slice;

use super::{MultiError, TaskError};
use crate::error::{BoxError, NurseryError, StartError};

/// An error, looked into by one step.
pub(super) enum Layer<'a> {
    /// A multi-error, bare or as `NurseryError::Failed`.
    Level(&'a MultiError),
    /// A task's error that was taken out of a multi-error and passed on by itself.
    Task(&'a TaskError),
    /// A child that failed before it was ready: `StartError::Failed`.
    Start(&'a TaskError),
    /// Any other error.
    Leaf,
}

impl<'a> Layer<'a> {
    pub(super) fn of(error: &'a (dyn Error + 'static)) -> Layer<'a> {
        if let Some(multi) = error.downcast_ref::<MultiError>() {
            return Layer::Level(multi);
        }
        if let Some(NurseryError::Failed(multi)) = error.downcast_ref::<NurseryError>() {
            return Layer::Level(multi);
        }
        if let Some(task) = error.downcast_ref::<TaskError>() {
            return Layer::Task(task);
        }
        if let Some(StartError::Failed(task)) = error.downcast_ref::<StartError>() {
            return Layer::Start(task);
        }
        Layer::Leaf
    }
}

/// The level that `error` is, behind whatever it is wrapped in.
pub(super) fn level_in<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a MultiError> {
    loop {
        match Layer::of(error) {
            Layer::Level(multi) => return Some(multi),
            Layer::Task(task) | Layer::Start(task) => error = task.error(),
            Layer::Leaf => return None,
        }
    }
}

/// As [`level_in`]. Asks `is` before `downcast_mut`, since a borrow that is returned on one path
/// counts as held on all of them.
pub(super) fn level_in_mut<'a>(
    mut error: &'a mut (dyn Error + Send + Sync + 'static),
) -> Option<&'a mut MultiError> {
    loop {
        if error.is::<MultiError>() {
            return error.downcast_mut::<MultiError>();
        }
        if error.is::<NurseryError>() {
            return match error.downcast_mut::<NurseryError>()? {
                NurseryError::Failed(multi) => Some(multi),
                NurseryError::Cancelled(_) => None,
            };
        }
        let task = if error.is::<TaskError>() {
            error.downcast_mut::<TaskError>()?
        } else {
            match error.downcast_mut::<StartError>()? {
                StartError::Failed(task) => task,
                StartError::Cancelled(_) | StartError::NotReady { .. } => return None,
            }
        };
        error = task.error_mut();
    }
}

/// Takes `error` apart by one step: what it holds goes to `parts`, the rest of it is dropped.
pub(super) fn disassemble(error: BoxError, parts: &mut Vec<BoxError>) {
    let error = match error.downcast::<MultiError>() {
        Ok(multi) => return parts.extend(multi.into_iter().map(TaskError::into_error)),
        Err(error) => error,
    };
    let error = match error.downcast::<NurseryError>() {
        Ok(nursery) => {
            let entries = nursery.into_multi().into_iter().flatten();
            return parts.extend(entries.map(TaskError::into_error));
        }
        Err(error) => error,
    };
    let error = match error.downcast::<TaskError>() {
        Ok(task) => return parts.push(task.into_error()),
        Err(error) => error,
    };
    if let Ok(start) = error.downcast::<StartError>() {
        if let StartError::Failed(task) = *start {
            parts.push(task.into_error());
        }
    }
}

/// The first `E` in or below `root`: see [`MultiError::find`].
///
/// Levels and wrapped tasks are not themselves found, they are the tree's structure. A `StartError`
/// is found, and looked into as well, since its `source()` leaves out the error it displays.
pub(crate) fn find_in<'a, E: Error + 'static>(root: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut levels: Vec<slice::Iter<'a, TaskError>> = Vec::new();
    let mut next = Some(root);
    loop {
        while let Some(error) = next {
            let layer = Layer::of(error);
            if let (Layer::Start(_) | Layer::Leaf, Some(found)) = (&layer, error.downcast_ref()) {
                return Some(found);
            }
            next = match layer {
                Layer::Level(multi) => {
                    levels.push(multi.errors().iter());
                    None
                }
                Layer::Task(task) | Layer::Start(task) => Some(task.error()),
                Layer::Leaf => cancelled_in(error).or_else(|| error.source()),
            };
        }
        match levels.last_mut()?.next() {
            Some(entry) => next = Some(entry.error()),
            None => drop(levels.pop()),
        }
    }
}

/// The cancellation that `error` stands for. It displays as that, so its `source()` leaves it out.
fn cancelled_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(NurseryError::Cancelled(cancelled)) = error.downcast_ref() {
        return Some(cancelled);
    }
    match error.downcast_ref() {
        Some(StartError::Cancelled(cancelled)) => Some(cancelled),
        _ => None,
    }
}
