//! Waiting for an item.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::access::Access;
use super::error::TryRecvError;
use super::state::{Glance, Place, Receiving, State};
use super::statistics::Statistics;
use super::waiters::Key;
use super::wakes::Wakes;
use crate::{poll_proceed, waits_for};

/// Receives an item.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Recv<'a, A: Access> {
    channel: &'a A,
    parked: Option<Place>,
}

impl<'a, A: Access> Recv<'a, A> {
    #[inline]
    pub(super) fn new(channel: &'a A) -> Recv<'a, A> {
        Recv {
            channel,
            parked: None,
        }
    }

    /// Most often nothing is there, and nobody else waits.
    #[inline]
    fn park(&mut self, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let waker = A::waker(cx);
        // Cloning it was foreign code, and other threads may be at it, so all may be different now.
        match self.channel.with(|state| state.quick_park(waker)) {
            Ok(()) => {
                self.parked = Some(Place::First);
                self.pending()
            }
            Err(waker) => self.take_or_park(waker),
        }
    }

    #[cold]
    fn take(&mut self, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        match self.channel.change(|state, wakes| state.try_recv(wakes)) {
            Ok(item) => Poll::Ready(Some(item)),
            Err(TryRecvError::Ended) => Poll::Ready(None),
            Err(TryRecvError::Empty) => self.take_or_park(A::waker(cx)),
        }
    }

    #[cold]
    fn take_or_park(&mut self, waker: Waker) -> Poll<Option<A::Item>> {
        let mut wakes = Wakes::new();
        let parked = self.channel.with(|state| match state.try_recv(&mut wakes) {
            Err(TryRecvError::Empty) => Ok(state.park_receiver(waker, &mut wakes)),
            Err(TryRecvError::Ended) => Err((None, waker)),
            Ok(item) => Err((Some(item), waker)),
        });
        // Whether it is parked is noted before anything foreign runs, which may panic.
        self.parked = parked.as_ref().ok().copied();
        wakes.wake();
        match parked {
            Ok(_) => self.pending(),
            Err((item, waker)) => {
                drop(waker);
                Poll::Ready(item)
            }
        }
    }

    #[cold]
    fn poll_parked(&mut self, place: Place, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        // An item that was handed over is delivered also in a cancelled context.
        let mut wakes = Wakes::new();
        let owned = self
            .channel
            .with(|state| state.take_owned(place, &mut wakes));
        if let Some(item) = owned {
            self.parked = None;
            wakes.wake();
            return Poll::Ready(Some(item));
        }
        ready!(poll_proceed(cx));
        let known = self
            .channel
            .with(|state| !state.is_ended() && state.knows_receiver(place, cx.waker()));
        if known {
            return self.pending();
        }
        let waker = A::waker(cx);
        let (receiving, old) = self.channel.with(|state| {
            let receiving = state.poll_receiver(place, &mut wakes);
            match receiving {
                Receiving::Waiting => (receiving, state.set_receiver_waker(place, waker)),
                _ => (receiving, Some(waker)),
            }
        });
        if !matches!(receiving, Receiving::Waiting) {
            self.parked = None;
        }
        wakes.wake();
        drop(old);
        match receiving {
            Receiving::Waiting => self.pending(),
            Receiving::Item(item) => Poll::Ready(Some(item)),
            Receiving::Ended(waker) => {
                drop(waker);
                Poll::Ready(None)
            }
        }
    }

    #[inline]
    fn pending<R>(&self) -> Poll<R> {
        wait_for_item(self.channel);
        Poll::Pending
    }
}

#[inline]
fn wait_for_item<A: Access>(channel: &A) {
    #[cold]
    fn what(channel: Statistics) -> String {
        format!("an item of {channel}")
    }
    waits_for(|| what(channel.with(|state| state.statistics())));
}

impl<A: Access> Future for Recv<'_, A> {
    type Output = Option<A::Item>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.parked {
            None => {
                ready!(poll_proceed(cx));
                match this.channel.with(State::quick_recv) {
                    Glance::Item(item) => Poll::Ready(Some(item)),
                    Glance::Nothing => this.park(cx),
                    Glance::Unclear => this.take(cx),
                }
            }
            Some(Place::First) => match this.channel.with(State::take_lone) {
                // It was handed over, so it is delivered also in a cancelled context.
                Some((item, is_last)) => {
                    this.parked = None;
                    if is_last {
                        tell_the_end(this.channel);
                    }
                    Poll::Ready(Some(item))
                }
                None => this.poll_parked(Place::First, cx),
            },
            Some(place) => this.poll_parked(place, cx),
        }
    }
}

/// Those who wait behind are woken, as nothing will come.
#[cold]
fn tell_the_end<A: Access>(channel: &A) {
    channel.change(|state, wakes| state.wake_ended(wakes));
}

impl<A: Access> Drop for Recv<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.parked {
            leave(self.channel, place);
        }
    }
}

#[cold]
fn leave<A: Access>(channel: &A, place: Place) {
    let waker = channel.change_in_drop(|state, wakes| state.leave_receiver(place, wakes));
    drop(waker);
}

/// Polls for an item as a stream does, which has no future to keep its place: `place` is kept by the
/// receiver.
pub(super) fn poll_stream<A: Access>(
    channel: &A,
    place: &mut Option<Key>,
    cx: &mut Context<'_>,
) -> Poll<Option<A::Item>> {
    ready!(poll_proceed(cx));
    leave_stream(channel, place);
    match channel.change(|state, wakes| state.try_recv(wakes)) {
        Ok(item) => return Poll::Ready(Some(item)),
        Err(TryRecvError::Ended) => return Poll::Ready(None),
        Err(TryRecvError::Empty) => {}
    }
    let waker = A::waker(cx);
    let mut wakes = Wakes::new();
    let parked = channel.with(|state| match state.try_recv(&mut wakes) {
        Err(TryRecvError::Empty) => Ok(state.park_stream(waker, &mut wakes)),
        Err(TryRecvError::Ended) => Err((None, waker)),
        Ok(item) => Err((Some(item), waker)),
    });
    *place = parked.as_ref().ok().copied();
    wakes.wake();
    match parked {
        Ok(_) => {
            wait_for_item(channel);
            Poll::Pending
        }
        Err((item, waker)) => {
            drop(waker);
            Poll::Ready(item)
        }
    }
}

/// Gives up the place of a stream.
pub(super) fn leave_stream<A: Access>(channel: &A, place: &mut Option<Key>) {
    if let Some(key) = place.take() {
        let waker = channel.with(|state| state.leave_stream(key));
        drop(waker);
    }
}
