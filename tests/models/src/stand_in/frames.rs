//! A tree of frames that only remembers what was cancelled on this thread, and why.

use std::cell::RefCell;

use crate::cancelled::Cancelled;

#[derive(Clone, Copy)]
pub(crate) struct FrameId;

loom::thread_local! {
    static CAUSES: RefCell<Vec<Cancelled>> = RefCell::new(Vec::new());
}

pub(crate) fn cancel(_frame: FrameId, cause: Cancelled) {
    CAUSES.with(|causes| causes.borrow_mut().push(cause));
}

/// The causes that arrived, also those that the real tree would ignore since it has one.
pub(crate) fn causes() -> Vec<Cancelled> {
    CAUSES.with(|causes| causes.borrow().clone())
}
