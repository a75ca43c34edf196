//! The queue of a lot: slots in a slab, linked by their keys. Pure data: nothing here wakes, clones or
//! drops a waker.
//!
//! ```text
//!            unpark: front                 the future is polled or dropped
//! 1 queued ----------------> 2 unparked ----------------------------------> gone
//!     | front, and cancelled                                                 ^
//!     +--------------------> 3 left ------------------------------------------+
//!     | repark                                                               |
//!     +--------------------> 4 moved, and queued in another lot --------------+
//! ```

use std::rc::Rc;
use std::task::Waker;

use slab::Slab;

use super::Inner;
use crate::frame::FrameRef;

const NONE: usize = usize::MAX;

pub(super) struct Slot<W> {
    prev: usize,
    next: usize,
    pub(super) state: State<W>,
    pub(super) waiter: Waiter<W>,
}

pub(super) struct Waiter<W> {
    pub(super) request: W,
    pub(super) waker: Option<Waker>,
    /// Where it was polled last: there it is cancelled, or not.
    pub(super) frame: Option<FrameRef>,
}

pub(super) enum State<W> {
    Queued,
    Unparked,
    /// It was cancelled when its turn came.
    Left,
    Moved(Rc<Inner<W>>, usize),
}

pub(super) struct Queue<W> {
    slots: Slab<Slot<W>>,
    first: usize,
    last: usize,
    len: usize,
}

impl<W> Queue<W> {
    pub(super) fn new() -> Queue<W> {
        Queue {
            slots: Slab::new(),
            first: NONE,
            last: NONE,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<usize> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn after(&self, key: usize) -> Option<usize> {
        let next = self.slots[key].next;
        (next != NONE).then_some(next)
    }

    pub(super) fn slot(&mut self, key: usize) -> &mut Slot<W> {
        &mut self.slots[key]
    }

    pub(super) fn get(&self, key: usize) -> &Slot<W> {
        &self.slots[key]
    }

    pub(super) fn push(&mut self, waiter: Waiter<W>) -> usize {
        let key = self.slots.insert(Slot {
            prev: self.last,
            next: NONE,
            state: State::Queued,
            waiter,
        });
        match self.last {
            NONE => self.first = key,
            last => self.slots[last].next = key,
        }
        self.last = key;
        self.len += 1;
        key
    }

    /// Takes a queued one out of the line; its slot stays. Gives back whom to wake.
    pub(super) fn unlink(&mut self, key: usize, state: State<W>) -> Option<Waker> {
        let slot = &mut self.slots[key];
        debug_assert!(matches!(slot.state, State::Queued), "it is in the line");
        let (prev, next) = (slot.prev, slot.next);
        slot.state = state;
        let waker = slot.waiter.waker.take();
        match prev {
            NONE => self.first = next,
            prev => self.slots[prev].next = next,
        }
        match next {
            NONE => self.last = prev,
            next => self.slots[next].prev = prev,
        }
        self.len -= 1;
        waker
    }

    /// Frees the slot, which must not be in the line any more.
    pub(super) fn free(&mut self, key: usize) -> Slot<W> {
        self.slots.remove(key)
    }
}
