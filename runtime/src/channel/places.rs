//! Waiting in a line that is served all at once: what the simpler channels have in common.

use std::cell::RefCell;
use std::task::Context;

use super::waiters::{Key, Waiters};
use super::wakes::Wakes;

/// Tasks that wait for something to change, all of them for the same.
#[derive(Debug)]
pub(super) struct Line(RefCell<Waiters<()>>);

impl Line {
    pub(super) const fn new() -> Line {
        Line(RefCell::new(Waiters::new()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Has the task woken by the next `wake_all`. `place` is the caller's own, empty at first, and to be
    /// given to `leave` in the end. As cloning a waker is foreign code, what is waited for has to be
    /// looked at after this.
    pub(super) fn wait(&self, place: &mut Option<Key>, cx: &mut Context<'_>) {
        if place.is_some_and(|key| self.0.borrow().knows(key, cx.waker())) {
            return;
        }
        self.leave(place);
        let waker = crate::own_waker(cx);
        *place = Some(self.0.borrow_mut().push_back((), waker));
    }

    pub(super) fn leave(&self, place: &mut Option<Key>) {
        if let Some(key) = place.take() {
            let left = self.0.borrow_mut().remove(key);
            drop(left);
        }
    }

    fn take_all(&self) -> Wakes {
        let mut wakes = Wakes::new();
        let mut waiters = self.0.borrow_mut();
        while let Some(key) = waiters.front() {
            waiters.unlink(key);
            wakes.add(waiters.take_waker(key));
        }
        wakes
    }

    pub(super) fn wake_all(&self) {
        self.take_all().wake();
    }

    pub(super) fn wake_all_in_drop(&self) {
        self.take_all().wake_in_drop();
    }
}
