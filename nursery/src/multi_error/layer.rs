//! What an error is, seen from the tree: a level, a wrapper around something, or a leaf.

use std::error::Error;
use std::{mem, slice};

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
    // Many ask, none of them often: not a copy for each.
    #[inline(never)]
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

/// As [`level_in`].
pub(super) fn level_in_mut<'a>(
    mut error: &'a mut (dyn Error + Send + Sync + 'static),
) -> Option<&'a mut MultiError> {
    loop {
        match LayerMut::of(error) {
            LayerMut::Level(multi) => return Some(multi),
            LayerMut::Task(task) => error = task.error_mut(),
            LayerMut::Leaf => return None,
        }
    }
}

/// Takes `error` apart by one step: what it holds goes to `parts`, the rest of it is dropped.
pub(super) fn disassemble(mut error: BoxError, parts: &mut Vec<BoxError>) {
    match LayerMut::of(&mut *error) {
        LayerMut::Level(multi) => {
            for entry in mem::take(&mut multi.errors) {
                parts.push(entry.into_error());
            }
        }
        LayerMut::Task(task) => parts.push(task.take_error()),
        LayerMut::Leaf => {}
    }
}

/// As [`Layer`], to be changed.
enum LayerMut<'a> {
    Level(&'a mut MultiError),
    Task(&'a mut TaskError),
    Leaf,
}

impl<'a> LayerMut<'a> {
    /// Asks `is` before `downcast_mut`, since a borrow that is returned on one path counts as held on
    /// all of them.
    fn of(error: &'a mut (dyn Error + Send + Sync + 'static)) -> LayerMut<'a> {
        if error.is::<MultiError>() {
            return error.downcast_mut().map_or(LayerMut::Leaf, LayerMut::Level);
        }
        if error.is::<NurseryError>() {
            return match error.downcast_mut() {
                Some(NurseryError::Failed(multi)) => LayerMut::Level(multi),
                _ => LayerMut::Leaf,
            };
        }
        if error.is::<TaskError>() {
            return error.downcast_mut().map_or(LayerMut::Leaf, LayerMut::Task);
        }
        match error.downcast_mut() {
            Some(StartError::Failed(task)) => LayerMut::Task(task),
            _ => LayerMut::Leaf,
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
