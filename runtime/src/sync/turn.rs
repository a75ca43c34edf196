//! What all that is handed over has in common: it is there at once, or one waits for one's turn.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::parking_lot::{Park, ParkingLot};
use crate::checkpoint::poll_proceed;

/// A place in the line of a primitive, taken only if there is something to wait for.
#[derive(Debug)]
pub(super) struct Turn<W: Copy> {
    park: Option<Park<W>>,
}

/// How a turn that is dropped had got on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abandoned {
    /// There is nothing to be done about it.
    Nothing,
    /// It stood in the line, so those behind it may have come closer.
    Waiting,
    /// Something had been handed over to it, which has to be passed on.
    Handed,
}

impl<W: Copy> Turn<W> {
    pub(super) fn new() -> Turn<W> {
        Turn { park: None }
    }

    /// One that stands in a line already.
    pub(super) fn of(park: Park<W>) -> Turn<W> {
        Turn { park: Some(park) }
    }

    pub(super) fn park(&mut self) -> Option<&mut Park<W>> {
        self.park.as_mut()
    }

    /// Ready when it has something.
    ///
    /// `take` takes what is free and says whether it did; only if it did not, the request is asked for, and
    /// joins the line of `lot`. `settle` hands over what is free to those in the line; `false` if that was
    /// nobody.
    #[inline]
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        lot: &ParkingLot<W>,
        take: impl FnOnce() -> bool,
        request: impl FnOnce() -> W,
        settle: impl FnOnce() -> bool,
    ) -> Poll<()> {
        let stands = |park: &Park<W>| park.is_unparked() || park.is_parked();
        if let Some(park) = self.park.as_mut().filter(|park| stands(park)) {
            ready!(Pin::new(park).poll(cx));
            self.park = None;
            return Poll::Ready(());
        }
        // Also one that was passed over, since it had been cancelled, and is polled outside of that now.
        ready!(poll_proceed(cx));
        if take() {
            self.park = None;
            return Poll::Ready(());
        }
        self.poll_park(cx, lot, request(), settle)
    }

    fn poll_park(
        &mut self,
        cx: &mut Context<'_>,
        lot: &ParkingLot<W>,
        request: W,
        settle: impl FnOnce() -> bool,
    ) -> Poll<()> {
        let park = self.park.insert(lot.park_with(request));
        let mut poll = Pin::new(&mut *park).poll(cx);
        // A waker that was cloned on the way may have given something back.
        if poll.is_pending() && settle() && park.is_unparked() {
            poll = Pin::new(park).poll(cx);
        }
        ready!(poll);
        self.park = None;
        Poll::Ready(())
    }

    /// Leaves the line, for one who is being dropped.
    #[inline]
    pub(super) fn abandon(&mut self) -> Abandoned {
        if self.park.is_none() {
            return Abandoned::Nothing;
        }
        self.leave()
    }

    #[cold]
    fn leave(&mut self) -> Abandoned {
        match self.park.take() {
            Some(park) if park.is_unparked() => Abandoned::Handed,
            Some(park) if park.is_parked() => Abandoned::Waiting,
            _ => Abandoned::Nothing,
        }
    }
}
