//! A future in the line of a lot.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::queue::{State, Waiter};
use super::{Inner, ParkingLot};
use crate::checkpoint::poll_proceed;
use crate::frame::FrameRef;
use crate::waits::waits_for;

/// The future of [`ParkingLot::park`] and [`ParkingLot::park_with`].
#[must_use = "futures do nothing unless awaited"]
pub struct Park<W = ()> {
    /// The lot that it was made for, or that it has been moved to.
    lot: Rc<Inner<W>>,
    place: Place,
    request: W,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not in the line yet, or not any more.
    Outside,
    At(usize),
    /// It has been unparked, and its owner knows.
    Done,
}

impl<W> Park<W> {
    pub(super) fn new(lot: Rc<Inner<W>>, request: W) -> Park<W> {
        Park {
            lot,
            place: Place::Outside,
            request,
        }
    }

    /// Whether it stands in a line. It does not before its first poll, and not any more once it has been
    /// unparked or passed over. A primitive that finds its future neither parked nor
    /// [unparked](Self::is_unparked) has to begin anew.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.look(|state| matches!(state, State::Queued))
    }

    /// Whether it has been unparked and not been polled since: the next poll is ready. Asked in a
    /// destructor, it tells that what was handed over has to be passed on.
    #[must_use]
    pub fn is_unparked(&self) -> bool {
        self.look(|state| matches!(state, State::Unparked))
    }

    /// Whether it belongs to `lot`: it was made for it, or has been moved there.
    #[must_use]
    pub fn is_of(&self, lot: &ParkingLot<W>) -> bool {
        let Some(inner) = lot.inner.get() else {
            return false;
        };
        match self.place {
            Place::At(key) => find(&self.lot, key, |at, _| Rc::ptr_eq(at, inner)),
            Place::Outside | Place::Done => Rc::ptr_eq(&self.lot, inner),
        }
    }

    fn look(&self, is_it: impl FnOnce(&State<W>) -> bool) -> bool {
        let Place::At(key) = self.place else {
            return false;
        };
        let queue = self.lot.queue.borrow();
        match &queue.get(key).state {
            State::Moved(..) => {
                drop(queue);
                find(&self.lot, key, |_, state| is_it(state))
            }
            state => is_it(state),
        }
    }

    /// Takes note of having been unparked, if it has been.
    fn end(&mut self) -> bool {
        let Place::At(key) = self.place else {
            return false;
        };
        let mut queue = self.lot.queue.borrow_mut();
        if !matches!(queue.get(key).state, State::Unparked) {
            return false;
        }
        // Its waker has been woken, so that no foreign code is dropped here.
        drop(queue.free(key));
        self.place = Place::Done;
        true
    }

    /// Goes after a waiter that was moved to another lot.
    fn follow(&mut self) {
        while let Place::At(key) = self.place {
            let mut queue = self.lot.queue.borrow_mut();
            if !matches!(queue.get(key).state, State::Moved(..)) {
                return;
            }
            let slot = queue.free(key);
            drop(queue);
            if let State::Moved(lot, key) = slot.state {
                self.lot = lot;
                self.place = Place::At(key);
            }
        }
    }

    /// Keeps whom to wake, and where it was polled.
    fn refresh(&mut self, cx: &Context<'_>) {
        let Place::At(key) = self.place else { return };
        let frame = FrameRef::current();
        {
            let mut queue = self.lot.queue.borrow_mut();
            let slot = queue.slot(key);
            if !matches!(slot.state, State::Queued) {
                return;
            }
            slot.waiter.frame = frame;
            let waker = slot.waiter.waker.as_ref();
            if waker.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return;
            }
        }
        // Cloning and dropping wakers is foreign code, which may unpark this one or move it.
        let waker = crate::own_waker(cx);
        self.follow();
        let Place::At(key) = self.place else { return };
        let old = {
            let mut queue = self.lot.queue.borrow_mut();
            let slot = queue.slot(key);
            match slot.state {
                State::Queued => slot.waiter.waker.replace(waker),
                _ => Some(waker),
            }
        };
        drop(old);
        self.follow();
    }

    /// Frees its slot, wherever that is.
    fn leave(&mut self) {
        self.follow();
        let Place::At(key) = std::mem::replace(&mut self.place, Place::Outside) else {
            return;
        };
        let mut queue = self.lot.queue.borrow_mut();
        let waker = match queue.get(key).state {
            State::Queued => queue.unlink(key, State::Left),
            _ => None,
        };
        let slot = queue.free(key);
        drop(queue);
        drop((waker, slot));
    }
}

/// Calls `f` with where the waiter is, and its state.
fn find<W, R>(lot: &Rc<Inner<W>>, key: usize, f: impl FnOnce(&Rc<Inner<W>>, &State<W>) -> R) -> R {
    let mut moved;
    let (mut lot, mut key) = (lot, key);
    loop {
        let queue = lot.queue.borrow();
        match &queue.get(key).state {
            State::Moved(there, at) => {
                let next = (Rc::clone(there), *at);
                drop(queue);
                moved = next;
                (lot, key) = (&moved.0, moved.1);
            }
            state => return f(lot, state),
        }
    }
}

impl<W: Copy> Park<W> {
    fn join(&mut self, cx: &Context<'_>) {
        let waker = Some(crate::own_waker(cx));
        let frame = FrameRef::current();
        let request = self.request;
        let mut queue = self.lot.queue.borrow_mut();
        self.place = Place::At(queue.push(Waiter {
            request,
            waker,
            frame,
        }));
    }
}

// Nothing in it is pinned.
impl<W> Unpin for Park<W> {}

impl<W: Copy> Future for Park<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.place != Place::Outside {
            this.follow();
            // Both: what it is woken by may come while its waker is being changed.
            if !this.end() {
                this.refresh(cx);
                this.end();
            }
            // It took effect, so that also one who has been cancelled since gets to know.
            if this.place == Place::Done {
                return Poll::Ready(());
            }
        }
        if !this.is_parked() {
            this.leave();
            ready!(poll_proceed(cx));
            this.join(cx);
        }
        waits_for(|| this.lot.name());
        Poll::Pending
    }
}

impl<W> Drop for Park<W> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<W> fmt::Debug for Park<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.place {
            Place::Done => "done",
            _ if self.is_unparked() => "unparked",
            _ if self.is_parked() => "parked",
            _ => "not parked",
        };
        write!(f, "Park({state} in {})", self.lot.name())
    }
}
