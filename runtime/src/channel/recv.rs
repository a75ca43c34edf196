//! Waiting for an item.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::access::Access;
use super::error::TryRecvError;
use super::state::Receiving;
use super::waiters::Key;
use super::wakes::Wakes;
use crate::{poll_proceed, waits_for};

/// Receives an item.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Recv<'a, A: Access> {
    channel: &'a A,
    parked: Option<Key>,
}

impl<'a, A: Access> Recv<'a, A> {
    pub(super) fn new(channel: &'a A) -> Recv<'a, A> {
        Recv {
            channel,
            parked: None,
        }
    }

    fn park(&mut self, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let waker = A::waker(cx);
        let mut wakes = Wakes::new();
        let parked = self.channel.with(|state| {
            if !state.must_wait() {
                match state.try_recv(&mut wakes) {
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Ended) => return Err((None, waker)),
                    Ok(item) => return Err((Some(item), waker)),
                }
            }
            Ok(state.park_receiver(waker, &mut wakes))
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

    fn poll_parked(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        // An item that was handed over is delivered also in a cancelled context.
        let mut wakes = Wakes::new();
        let owned = self.channel.with(|state| state.take_owned(key, &mut wakes));
        if let Some(item) = owned {
            self.parked = None;
            wakes.wake();
            return Poll::Ready(Some(item));
        }
        ready!(poll_proceed(cx));
        let known = self
            .channel
            .with(|state| !state.is_ended() && state.receiving().knows(key, cx.waker()));
        if known {
            return self.pending();
        }
        let waker = A::waker(cx);
        let (receiving, old) = self.channel.with(|state| {
            let receiving = state.poll_receiver(key, &mut wakes);
            match receiving {
                Receiving::Waiting => (receiving, state.receiving().set_waker(key, waker)),
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

    fn pending<R>(&self) -> Poll<R> {
        wait_for_item(self.channel);
        Poll::Pending
    }
}

fn wait_for_item<A: Access>(channel: &A) {
    waits_for(|| format!("an item of {}", channel.with(|state| state.statistics())));
}

impl<A: Access> Future for Recv<'_, A> {
    type Output = Option<A::Item>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(key) = self.parked {
            return self.poll_parked(key, cx);
        }
        ready!(poll_proceed(cx));
        match self.channel.change(|state, wakes| state.try_recv(wakes)) {
            Ok(item) => Poll::Ready(Some(item)),
            Err(TryRecvError::Ended) => Poll::Ready(None),
            Err(TryRecvError::Empty) => self.park(cx),
        }
    }
}

impl<A: Access> Drop for Recv<'_, A> {
    fn drop(&mut self) {
        if let Some(key) = self.parked {
            let waker = self
                .channel
                .change_in_drop(|state, wakes| state.leave_receiver(key, wakes));
            drop(waker);
        }
    }
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
