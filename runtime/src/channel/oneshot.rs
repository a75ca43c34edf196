//! One value, set once and awaited once.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::error::{SendError, TryRecvError};
use super::wakes::Wakes;
use crate::panics::Panics;
use crate::{poll_proceed, waits_for};

struct Slot<T> {
    value: RefCell<Option<T>>,
    sender: Cell<bool>,
    receiver: Cell<bool>,
    receiving: RefCell<Option<Waker>>,
    closing: RefCell<Option<Waker>>,
}

/// A channel for one value.
///
/// ```
/// use nestling_runtime::channel::oneshot;
///
/// # nestling_runtime::run(async {
/// let (sender, receiver) = oneshot();
/// sender.send("answer")?;
/// assert_eq!(receiver.await, Ok("answer"));
///
/// let (sender, receiver) = oneshot::<u8>();
/// drop(sender);
/// assert!(receiver.await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// For an error as the value, let `T` be a `Result`.
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Rc::new(Slot {
        value: RefCell::new(None),
        sender: Cell::new(true),
        receiver: Cell::new(true),
        receiving: RefCell::new(None),
        closing: RefCell::new(None),
    });
    let sender = Sender {
        slot: Rc::clone(&slot),
    };
    let receiver = Receiver {
        slot,
        has_waited: false,
        taken: false,
    };
    (sender, receiver)
}

/// The sender was dropped without having sent a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there will be no value: the sender of the oneshot channel was dropped without sending one"
)]
pub struct NoValue;

/// Sets the value, made by [`oneshot()`].
pub struct Sender<T> {
    slot: Rc<Slot<T>>,
}

impl<T> Sender<T> {
    /// Sets the value. It never waits.
    ///
    /// # Errors
    /// With the value, if the receiver is gone.
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        *self.slot.value.borrow_mut() = Some(value);
        // The receiver is woken as the sender is dropped here.
        Ok(())
    }

    /// Whether the receiver is gone, so that nobody wants the value.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.slot.receiver.get()
    }

    /// Waits until the receiver is gone.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing is changed.
    pub async fn closed(&mut self) {
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            remember(&self.slot.closing, cx);
            if self.is_closed() {
                return Poll::Ready(());
            }
            waits_for(|| "the receiver of a oneshot channel to go".to_owned());
            Poll::Pending
        })
        .await;
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.slot.sender.set(false);
        let own = self.slot.closing.take();
        wake(&self.slot.receiving);
        drop(own);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("oneshot::Sender")
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The value to come, made by [`oneshot()`]: a future.
///
/// # Cancel and drop
/// Awaiting it is a checkpoint. Cut off or dropped while `&mut receiver` is awaited, the value stays in
/// the receiver. Cancelled when it had been woken for the value, it delivers it.
///
/// # Errors
/// [`NoValue`], if the sender is dropped instead.
///
/// # Panics
/// Polled again after it has yielded.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    slot: Rc<Slot<T>>,
    has_waited: bool,
    taken: bool,
}

impl<T> Receiver<T> {
    /// The value, if it is there.
    ///
    /// # Errors
    /// If it isn't, or will never be, or has been taken already.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let value = self.slot.value.borrow_mut().take();
        match value {
            Some(value) => {
                self.taken = true;
                Ok(value)
            }
            None if self.slot.sender.get() => Err(TryRecvError::Empty),
            None => Err(TryRecvError::Ended),
        }
    }

    /// Closes this end; the value, if it had been sent.
    pub fn close(mut self) -> Option<T> {
        self.try_recv().ok()
    }

    /// Whether awaiting it would not wait.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.slot.sender.get()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, NoValue>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.taken,
            "a oneshot receiver was polled again after it had yielded"
        );
        // Woken for a value, it delivers that also in a cancelled context.
        if !(self.has_waited && self.slot.value.borrow().is_some()) {
            ready!(poll_proceed(cx));
        }
        if !self.is_ready() {
            remember(&self.slot.receiving, cx);
            self.has_waited = true;
        }
        match self.try_recv() {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Ended) => {
                self.taken = true;
                Poll::Ready(Err(NoValue))
            }
            Err(TryRecvError::Empty) => {
                waits_for(|| "the value of a oneshot channel".to_owned());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.slot.receiver.set(false);
        let own = self.slot.receiving.take();
        let value = self.slot.value.take();
        let mut panics = Panics::default();
        panics.catch(|| wake(&self.slot.closing));
        panics.catch(|| drop(value));
        panics.catch(|| drop(own));
        panics.resume();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("oneshot::Receiver")
            .field("ready", &self.is_ready())
            .finish()
    }
}

/// Has the task woken through `place`.
fn remember(place: &RefCell<Option<Waker>>, cx: &mut Context<'_>) {
    let known = place
        .borrow()
        .as_ref()
        .is_some_and(|old| old.will_wake(cx.waker()));
    if !known {
        let waker = crate::own_waker(cx);
        let old = place.replace(Some(waker));
        drop(old);
    }
}

fn wake(place: &RefCell<Option<Waker>>) {
    let mut wakes = Wakes::new();
    wakes.add(place.take());
    wakes.wake_in_drop();
}
