//! The queue of a lot: slots in a slab of its own, linked by their keys. Pure data: nothing here wakes, clones or
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

use super::Inner;
use crate::frame::FrameRef;

const NONE: usize = usize::MAX;

pub(super) struct Slot<W> {
    prev: usize,
    /// In a vacant slot, the next one.
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
    /// It has gone.
    Vacant,
}

pub(super) struct Queue<W> {
    slots: Vec<Slot<W>>,
    vacant: usize,
    first: usize,
    last: usize,
    len: usize,
}

impl<W> Queue<W> {
    pub(super) fn new() -> Queue<W> {
        Queue {
            slots: Vec::new(),
            vacant: NONE,
            first: NONE,
            last: NONE,
            len: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn after(&self, key: usize) -> Option<usize> {
        let next = self.slots[key].next;
        (next != NONE).then_some(next)
    }

    #[inline]
    pub(super) fn slot(&mut self, key: usize) -> &mut Slot<W> {
        &mut self.slots[key]
    }

    #[inline]
    pub(super) fn get(&self, key: usize) -> &Slot<W> {
        &self.slots[key]
    }

    #[inline]
    pub(super) fn push(&mut self, waiter: Waiter<W>) -> usize {
        let prev = std::mem::replace(&mut self.last, self.vacant);
        let key = match self.slots.get_mut(self.vacant) {
            Some(slot) => {
                self.vacant = slot.next;
                (slot.prev, slot.next) = (prev, NONE);
                // What was there before has no destructor.
                slot.state = State::Queued;
                slot.waiter = waiter;
                self.last
            }
            None => self.grow(prev, waiter),
        };
        match prev {
            NONE => self.first = key,
            prev => self.slots[prev].next = key,
        }
        self.len += 1;
        key
    }

    #[cold]
    fn grow(&mut self, prev: usize, waiter: Waiter<W>) -> usize {
        self.last = self.slots.len();
        self.slots.push(Slot {
            prev,
            next: NONE,
            state: State::Queued,
            waiter,
        });
        self.last
    }

    /// As [`unlink`](Self::unlink) for the first one, which has been unparked.
    #[inline(always)]
    pub(super) fn unpark_first(&mut self, key: usize) -> Option<Waker> {
        let slot = &mut self.slots[key];
        debug_assert!(self.first == key && slot.prev == NONE, "it is the first");
        let next = slot.next;
        slot.state = State::Unparked;
        let waker = slot.waiter.waker.take();
        self.first = next;
        match next {
            NONE => self.last = NONE,
            next => self.slots[next].prev = NONE,
        }
        self.len -= 1;
        waker
    }

    /// Frees the slot of one that has been unparked. `false`: it has not.
    #[inline]
    pub(super) fn free_unparked(&mut self, key: usize) -> bool {
        let slot = &mut self.slots[key];
        if !matches!(slot.state, State::Unparked) {
            return false;
        }
        // Its waker went when it was unparked.
        slot.state = State::Vacant;
        slot.next = std::mem::replace(&mut self.vacant, key);
        true
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

    /// Takes it out of the line, if it stands there, and frees its slot. What became of it, and its waker,
    /// which is to be dropped when nothing is borrowed.
    pub(super) fn remove(&mut self, key: usize) -> (State<W>, Option<Waker>) {
        let waker = match self.slots[key].state {
            State::Queued => self.unlink(key, State::Left),
            _ => None,
        };
        let slot = &mut self.slots[key];
        let state = std::mem::replace(&mut slot.state, State::Vacant);
        debug_assert!(!matches!(state, State::Vacant), "it has gone");
        slot.next = std::mem::replace(&mut self.vacant, key);
        // One that was unlinked has none.
        (state, waker)
    }
}
