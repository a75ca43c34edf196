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

    #[inline]
    fn look(&self, is_it: impl FnOnce(&State<W>) -> bool) -> bool {
        let Place::At(key) = self.place else {
            return false;
        };
        let queue = self.lot.queue.borrow();
        let state = &queue.get(key).state;
        if let State::Moved(..) = state {
            drop(queue);
            return find(&self.lot, key, |_, state| is_it(state));
        }
        is_it(state)
    }

    /// Takes note of having been unparked, if it has been.
    #[inline]
    fn end(&mut self) -> bool {
        let Place::At(key) = self.place else {
            return false;
        };
        let ended = self.lot.queue.borrow_mut().free_unparked(key);
        if ended {
            self.place = Place::Done;
        }
        ended
    }

    /// Goes after a waiter that was moved to another lot.
    fn follow(&mut self) {
        while let Place::At(key) = self.place {
            let mut queue = self.lot.queue.borrow_mut();
            if !matches!(queue.get(key).state, State::Moved(..)) {
                return;
            }
            let (state, _) = queue.remove(key);
            drop(queue);
            if let State::Moved(lot, key) = state {
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
    #[inline]
    fn leave(&mut self) {
        if let Place::At(key) = std::mem::replace(&mut self.place, Place::Outside) {
            self.leave_from(key);
        }
    }

    #[cold]
    fn leave_from(&mut self, mut key: usize) {
        loop {
            let (state, waker) = self.lot.queue.borrow_mut().remove(key);
            match state {
                State::Moved(lot, there) => {
                    self.lot = lot;
                    key = there;
                }
                _ => return drop(waker),
            }
        }
    }
}

/// Calls `f` with where the waiter is, and its state.
#[cold]
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
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx));
        self.join(cx);
        waits_for(|| self.lot.name());
        Poll::Pending
    }

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

    /// One that stands where it was, or was moved or passed over.
    #[cold]
    fn poll_again(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.follow();
        // Both: what it is woken by may come while its waker is being changed.
        if !self.end() {
            self.refresh(cx);
            self.end();
        }
        if self.place == Place::Done {
            return Poll::Ready(());
        }
        if !self.is_parked() {
            self.leave();
            return self.poll_join(cx);
        }
        waits_for(|| self.lot.name());
        Poll::Pending
    }
}

// Nothing in it is pinned.
impl<W> Unpin for Park<W> {}

impl<W: Copy> Future for Park<W> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match this.place {
            Place::Outside => this.poll_join(cx),
            Place::Done => Poll::Ready(()),
            Place::At(_) => {
                // It took effect, so that also one who has been cancelled since gets to know.
                if this.end() {
                    return Poll::Ready(());
                }
                this.poll_again(cx)
            }
        }
    }
}

impl<W> Drop for Park<W> {
    #[inline]
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
