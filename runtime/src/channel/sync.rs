//! Channels whose ends may be on any thread: from threads to tasks, and back.
//!
//! Both ends can be sent to other threads and shared. Tasks use `send` and `recv`, threads without a run
//! `send_blocking` and `recv_blocking`. Order, hand-off and ends are as in [`channel`](super::channel()); a
//! lock takes the place of the borrow, so it costs more than that, and nobody is woken under it.
//!
//! When a run ends, the ends that its tasks held are dropped with them, and the other side hears of it.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking::Parker;

use super::access::Access;
use super::error::{SendError, TryRecvError, TrySendError};
use super::recv::{Recv, leave_stream, poll_stream};
use super::send::{Closing, SendItem};
use super::state::{State, UNBOUNDED};
use super::statistics::Statistics;
use super::waiters::Key;
use super::wakes::discard;
use crate::core;

/// As [`channel`](super::channel()), with ends for any thread.
///
/// ```
/// use nestling_runtime::channel::sync::channel;
///
/// let (sender, receiver) = channel(10);
/// let thread = std::thread::spawn(move || {
///     for number in 1..=3 {
///         sender.send_blocking(number).unwrap();
///     }
/// });
/// let sum = nestling_runtime::run(async {
///     let mut sum = 0;
///     while let Some(number) = receiver.recv().await {
///         sum += number;
///     }
///     sum
/// });
/// assert_eq!(sum, 6);
/// thread.join().unwrap();
/// ```
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Mutex::new(State::new(capacity)));
    let sender = Sender {
        channel: Arc::clone(&channel),
    };
    (sender, Receiver::new(channel))
}

/// As [`unbounded`](super::unbounded()), with ends for any thread.
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(UNBOUNDED)
}

/// Why a blocking call was refused: a run is going on on this very thread, which could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a blocking call on the thread of a run would stop all its tasks: await `send` or `recv` there, and \
     block on other threads only"
)]
pub struct WouldBlockRun;

/// Why [`Sender::send_blocking`] did not send; the item is given back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendBlockingError<T> {
    /// Every receiver is gone.
    #[error("the item was not sent: every receiver of the channel is gone, so stop sending")]
    Closed(
        /// The item.
        T,
    ),
    /// This is the thread of a run.
    #[error("the item was not sent: {WouldBlockRun}")]
    OnRunThread(
        /// The item.
        T,
    ),
}

impl<T> SendBlockingError<T> {
    /// The item.
    pub fn into_item(self) -> T {
        match self {
            SendBlockingError::Closed(item) | SendBlockingError::OnRunThread(item) => item,
        }
    }
}

impl<T> fmt::Debug for SendBlockingError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendBlockingError::Closed(_) => "Closed(..)",
            SendBlockingError::OnRunThread(_) => "OnRunThread(..)",
        })
    }
}

/// Blocks the thread until the future is ready; `None` on the thread of a run.
fn block_on<F: Future>(future: F) -> Option<F::Output> {
    if core::try_current().is_some() {
        return None;
    }
    let mut future = pin!(future);
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        parker.park();
    }
}

/// The sending end, made by [`channel`].
pub struct Sender<T> {
    channel: Arc<Mutex<State<T>>>,
}

impl<T> Sender<T> {
    /// Sends an item, once there is room for it: for tasks.
    ///
    /// Cancelled or dropped it does what [`send`](super::Sender::send) of the other channels does.
    ///
    /// # Errors
    /// With the item, if every receiver is gone or goes meanwhile.
    pub fn send(&self, item: T) -> impl Future<Output = Result<(), SendError<T>>> + Unpin {
        SendItem::new(&*self.channel, item)
    }

    /// Sends an item, and blocks the thread until there is room for it.
    ///
    /// # Errors
    /// With the item, if every receiver is gone or goes meanwhile, and at once on the thread of a run.
    pub fn send_blocking(&self, item: T) -> Result<(), SendBlockingError<T>> {
        if core::try_current().is_some() {
            return Err(SendBlockingError::OnRunThread(item));
        }
        match block_on(self.send(item)) {
            Some(sent) => sent.map_err(|SendError(item)| SendBlockingError::Closed(item)),
            None => unreachable!("this was looked at above"),
        }
    }

    /// Sends an item if there is room now and nobody waits for that. It never waits, on any thread.
    ///
    /// # Errors
    /// With the item, if there is no room or every receiver is gone.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.channel
            .change(|state, wakes| state.try_send(item, wakes))
    }

    /// Waits until every receiver is gone. It is a checkpoint.
    pub fn closed(&self) -> impl Future<Output = ()> + Unpin {
        Closing::new(&*self.channel)
    }

    /// Whether every receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.channel.with(|state| state.is_closed())
    }

    /// Closes this end, as dropping it does. The channel ends with its last sender.
    pub fn close(self) {}

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.channel.with(|state| state.statistics())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.channel.with(State::add_sender);
        Sender {
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.channel
            .change_in_drop(|state, wakes| state.remove_sender(wakes));
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sync::Sender of {}", self.statistics())
    }
}

/// The receiving end, made by [`channel`]. Clones receive from the same channel: each item goes to one of
/// them.
pub struct Receiver<T> {
    channel: Arc<Mutex<State<T>>>,
    stream: Option<Key>,
    closed: bool,
}

impl<T> Receiver<T> {
    fn new(channel: Arc<Mutex<State<T>>>) -> Receiver<T> {
        Receiver {
            channel,
            stream: None,
            closed: false,
        }
    }

    /// Receives the next item, or `None` for ever once every sender is gone and every item received: for
    /// tasks.
    ///
    /// Cancelled or dropped it does what [`recv`](super::Receiver::recv) of the other channels does.
    pub fn recv(&self) -> impl Future<Output = Option<T>> + Unpin {
        Recv::new(&*self.channel)
    }

    /// Receives the next item, and blocks the thread until there is one; `None` at the end.
    ///
    /// ```
    /// use nestling_runtime::channel::sync::{WouldBlockRun, channel};
    ///
    /// let (sender, receiver) = channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.recv_blocking(), Ok(Some(1)));
    ///
    /// let refused = nestling_runtime::run(async { receiver.recv_blocking() });
    /// assert_eq!(refused, Err(WouldBlockRun));
    /// ```
    ///
    /// # Errors
    /// At once on the thread of a run.
    pub fn recv_blocking(&self) -> Result<Option<T>, WouldBlockRun> {
        block_on(self.recv()).ok_or(WouldBlockRun)
    }

    /// Receives an item if there is one now that is not another receiver's.
    ///
    /// # Errors
    /// If there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.change(|state, wakes| state.try_recv(wakes))
    }

    /// Closes this end. If it is the last one, nothing can be sent any more, and the items that nobody
    /// has received come back, the oldest first. Dropped instead, it drops them, on this thread.
    pub fn close(mut self) -> Vec<T> {
        self.leave()
    }

    fn leave(&mut self) -> Vec<T> {
        if std::mem::replace(&mut self.closed, true) {
            return Vec::new();
        }
        leave_stream(&*self.channel, &mut self.stream);
        self.channel
            .change_in_drop(|state, wakes| state.remove_receiver(wakes))
            .into()
    }

    /// Whether every sender is gone and every item received.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.channel.with(|state| state.is_ended())
    }

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.channel.with(|state| state.statistics())
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        poll_stream(&*this.channel, &mut this.stream, cx)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.channel.with(State::add_receiver);
        Receiver::new(Arc::clone(&self.channel))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        discard(self.leave());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sync::Receiver of {}", self.statistics())
    }
}
