//! How many connections may be open at the same time.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use nestling_runtime::waits_for;

/// Counts free places. Those who wait for one are the server's acceptors, a handful.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Slots {
        Slots {
            free: Cell::new(count),
            waiting: RefCell::default(),
        }
    }

    /// Ready while a place is free, which is the caller's only if he takes it before anyone else runs.
    pub(crate) fn poll_free(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.free.get() > 0 {
            return Poll::Ready(());
        }
        let known = self
            .waiting
            .borrow()
            .iter()
            .any(|waker| waker.will_wake(cx.waker()));
        if !known {
            let waker = nestling_runtime::own_waker(cx);
            self.waiting.borrow_mut().push(waker);
        }
        waits_for(|| "a connection to end, as there are as many as allowed".to_owned());
        Poll::Pending
    }

    /// Takes a place that `poll_free` has just shown to be free.
    pub(crate) fn take(&self) -> Slot<'_> {
        debug_assert!(self.free.get() > 0);
        self.free.set(self.free.get().saturating_sub(1));
        Slot(self)
    }
}

/// A place, free again on drop.
#[derive(Debug)]
pub(crate) struct Slot<'a>(&'a Slots);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.free.set(self.0.free.get() + 1);
        // All of them, since the first may be busy with a listener that has nothing to accept. Taken
        // out before they are woken, as a waker may do anything.
        let waiting = self.0.waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }
}
