//! Waiting for room, and for the last receiver to go.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::access::Access;
use super::error::{Closed, SendError, TrySendError};
use super::state::{Brought, Sending};
use super::statistics::Statistics;
use super::waiters::Key;
use crate::{poll_proceed, waits_for};

/// Sends an item.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct SendItem<'a, A: Access> {
    channel: &'a A,
    stage: Stage<A::Item>,
}

enum Stage<T> {
    New(T),
    Parked(Key),
    Done,
}

// The item is never pinned.
impl<A: Access> Unpin for SendItem<'_, A> {}

impl<'a, A: Access> SendItem<'a, A> {
    pub(super) fn new(channel: &'a A, item: A::Item) -> SendItem<'a, A> {
        let stage = Stage::New(item);
        SendItem { channel, stage }
    }

    #[cold]
    fn send_or_park(
        &mut self,
        item: A::Item,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A::Item>>> {
        let sent = self
            .channel
            .change(|state, wakes| state.try_send(item, wakes));
        match sent {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TrySendError::Closed(item)) => Poll::Ready(Err(SendError(item))),
            Err(TrySendError::Full(item)) => self.park(item, cx),
        }
    }

    /// Parks with the item, unless there is room meanwhile.
    fn park(
        &mut self,
        item: A::Item,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A::Item>>> {
        let waker = A::waker(cx);
        let parked = self.channel.change(|state, wakes| {
            let item = match state.try_send(item, wakes) {
                Err(TrySendError::Full(item)) => item,
                done => return Err((done, waker)),
            };
            Ok(state.park_sender(Brought::Item(item), waker))
        });
        match parked {
            Ok(key) => {
                self.stage = Stage::Parked(key);
                self.pending()
            }
            Err((done, waker)) => {
                drop(waker);
                Poll::Ready(done.map_err(|error| SendError(error.into_item())))
            }
        }
    }

    #[inline(never)]
    fn poll_parked(
        &mut self,
        key: Key,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A::Item>>> {
        // What took effect is told also in a cancelled context.
        if self.channel.with(|state| state.leave_served(key)) {
            self.stage = Stage::Done;
            return Poll::Ready(Ok(()));
        }
        ready!(poll_proceed(cx));
        let (sending, old) = remember_sender(self.channel, key, cx);
        if !matches!(sending, Sending::Waiting) {
            self.stage = Stage::Done;
        }
        drop(old);
        match sending {
            Sending::Served => Poll::Ready(Ok(())),
            Sending::Closed(brought, waker) => {
                drop(waker);
                match brought {
                    Brought::Item(item) => Poll::Ready(Err(SendError(item))),
                    // It had parked with an item, so that cannot be.
                    Brought::Nothing | Brought::Served => Poll::Ready(Ok(())),
                }
            }
            Sending::Waiting => self.pending(),
        }
    }

    fn pending<R>(&self) -> Poll<R> {
        wait_for_room(self.channel);
        Poll::Pending
    }
}

fn wait_for_room<A: Access>(channel: &A) {
    #[cold]
    fn what(channel: Statistics) -> String {
        format!("room in {channel}")
    }
    waits_for(|| what(channel.with(|state| state.statistics())));
}

/// Has a parked sender woken through `cx`. The waker is to be dropped when it is noted whether the sender
/// is still parked, since that may panic.
fn remember_sender<A: Access>(
    channel: &A,
    key: Key,
    cx: &mut Context<'_>,
) -> (Sending<A::Item>, Option<Waker>) {
    let (known, sending) = channel.with(|state| {
        let sending = state.poll_sender(key);
        let waits = matches!(sending, Sending::Waiting);
        (!waits || state.sending().knows(key, cx.waker()), sending)
    });
    if known {
        return (sending, None);
    }
    // Cloning and dropping wakers is foreign code: not while the state is borrowed.
    let waker = A::waker(cx);
    channel.with(|state| {
        let sending = state.poll_sender(key);
        let waits = matches!(sending, Sending::Waiting);
        let old = if waits {
            state.sending().set_waker(key, waker)
        } else {
            Some(waker)
        };
        (sending, old)
    })
}

impl<A: Access> Future for SendItem<'_, A> {
    type Output = Result<(), SendError<A::Item>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Parked(key) = self.stage {
            return self.poll_parked(key, cx);
        }
        ready!(poll_proceed(cx));
        let Stage::New(item) = std::mem::replace(&mut self.stage, Stage::Done) else {
            panic!("a future of `send` was polled again after it had ended");
        };
        match self.channel.with(|state| state.quick_send(item)) {
            Ok(waker) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
                Poll::Ready(Ok(()))
            }
            Err(item) => self.send_or_park(item, cx),
        }
    }
}

impl<A: Access> Drop for SendItem<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Parked(key) = self.stage {
            leave(self.channel, key);
        }
    }
}

/// Leaves the line, with the item if that was not taken.
#[cold]
fn leave<A: Access>(channel: &A, key: Key) {
    let left = channel.with(|state| state.leave_sender(key));
    drop(left);
}

/// Reserves a slot, which the caller makes a permit of.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Reserve<'a, A: Access> {
    channel: &'a A,
    parked: Option<Key>,
}

impl<'a, A: Access> Reserve<'a, A> {
    pub(super) fn new(channel: &'a A) -> Reserve<'a, A> {
        Reserve {
            channel,
            parked: None,
        }
    }

    #[cold]
    fn park(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let waker = A::waker(cx);
        let parked = self.channel.with(|state| match state.try_reserve() {
            Err(TrySendError::Full(())) => Ok(state.park_sender(Brought::Nothing, waker)),
            done => Err((done, waker)),
        });
        match parked {
            Ok(key) => {
                self.parked = Some(key);
                wait_for_room(self.channel);
                Poll::Pending
            }
            Err((done, waker)) => {
                drop(waker);
                Poll::Ready(done.map_err(|_| Closed))
            }
        }
    }
}

impl<A: Access> Future for Reserve<'_, A> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(key) = self.parked else {
            ready!(poll_proceed(cx));
            return match self.channel.with(|state| state.try_reserve()) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TrySendError::Closed(())) => Poll::Ready(Err(Closed)),
                Err(TrySendError::Full(())) => self.park(cx),
            };
        };
        if !self.channel.with(|state| state.is_sender_served(key)) {
            ready!(poll_proceed(cx));
        }
        let (sending, old) = remember_sender(self.channel, key, cx);
        if !matches!(sending, Sending::Waiting) {
            self.parked = None;
        }
        drop(old);
        match sending {
            Sending::Served => Poll::Ready(Ok(())),
            Sending::Closed(_, waker) => {
                drop(waker);
                Poll::Ready(Err(Closed))
            }
            Sending::Waiting => {
                wait_for_room(self.channel);
                Poll::Pending
            }
        }
    }
}

impl<A: Access> Drop for Reserve<'_, A> {
    fn drop(&mut self) {
        let Some(key) = self.parked else { return };
        let left = self.channel.change_in_drop(|state, wakes| {
            let left = state.leave_sender(key);
            if matches!(left.0, Brought::Served) {
                // Nobody will use the permit.
                state.release(wakes);
            }
            left
        });
        drop(left);
    }
}

/// Waits until every receiver is gone.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Closing<'a, A: Access> {
    channel: &'a A,
    parked: Option<Key>,
}

impl<'a, A: Access> Closing<'a, A> {
    pub(super) fn new(channel: &'a A) -> Closing<'a, A> {
        Closing {
            channel,
            parked: None,
        }
    }
}

impl<A: Access> Future for Closing<'_, A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx));
        let waker = A::waker(cx);
        let parked = self.parked;
        let (parked, old) = self.channel.with(|state| {
            if state.is_closed() {
                return (None, Some(waker));
            }
            let closing = state.closing();
            match parked {
                Some(key) => (Some(key), closing.set_waker(key, waker)),
                None => (Some(closing.push_back((), waker)), None),
            }
        });
        if parked.is_some() {
            self.parked = parked;
        }
        drop(old);
        if parked.is_none() {
            return Poll::Ready(());
        }
        waits_for(|| {
            let channel = self.channel.with(|state| state.statistics());
            format!("the last receiver of {channel} to go")
        });
        Poll::Pending
    }
}

impl<A: Access> Drop for Closing<'_, A> {
    fn drop(&mut self) {
        if let Some(key) = self.parked {
            let left = self.channel.with(|state| state.closing().remove(key));
            drop(left);
        }
    }
}
