//! The receiving end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::access::Access;
use super::error::TryRecvError;
use super::recv::{Recv, leave_stream, poll_stream};
use super::state::State;
use super::statistics::Statistics;
use super::waiters::Key;
use super::wakes::discard;

/// The receiving end of a channel, made by [`channel`](super::channel()).
///
/// Clones receive from the same channel: each item goes to one of them.
///
/// It is a `Stream` too. A stream may be polled and then left alone, so a task that waits through
/// `Stream` owns no item: it has no place in the line, all such tasks are woken when an item comes that
/// no waiting `recv` is given, and the first of them takes it. With several receivers `recv` is better.
pub struct Receiver<T> {
    channel: Rc<RefCell<State<T>>>,
    /// The place of the stream, while it waits.
    stream: Option<Key>,
    closed: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(channel: Rc<RefCell<State<T>>>) -> Receiver<T> {
        Receiver {
            channel,
            stream: None,
            closed: false,
        }
    }

    /// Receives the next item, or `None` for ever once every sender is gone and every item received.
    ///
    /// Tasks that wait are served in order, and an item is the next one's as soon as it is sent.
    ///
    /// ```
    /// use nestling_runtime::channel::channel;
    ///
    /// # nestling_runtime::run(async {
    /// let (sender, receiver) = channel(2);
    /// sender.send(1).await?;
    /// sender.send(2).await?;
    /// drop(sender);
    ///
    /// let mut sum = 0;
    /// while let Some(item) = receiver.recv().await {
    ///     sum += item;
    /// }
    /// assert_eq!(sum, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, it has received nothing: an item that was its own already
    /// goes to the next receiver, or is the next one in the queue again. Cancelled when it owns an item,
    /// it delivers it.
    pub fn recv(&self) -> impl Future<Output = Option<T>> + Unpin {
        Recv::new(&*self.channel)
    }

    /// Receives an item if there is one now that is not another receiver's.
    ///
    /// ```
    /// use nestling_runtime::channel::{TryRecvError, channel};
    ///
    /// let (sender, receiver) = channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(5).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(5));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Ended));
    /// ```
    ///
    /// # Errors
    /// If there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.change(|state, wakes| state.try_recv(wakes))
    }

    /// Closes this end. If it is the last one, nothing can be sent any more, and the items that nobody
    /// has received come back, the oldest first. Dropped instead, it drops them.
    ///
    /// ```
    /// use nestling_runtime::channel::channel;
    ///
    /// let (sender, receiver) = channel(2);
    /// sender.try_send("letter").unwrap();
    /// let undelivered = receiver.close();
    /// assert_eq!(undelivered, ["letter"]);
    /// assert!(sender.is_closed());
    /// ```
    ///
    /// Items of senders that are waiting come back to those.
    pub fn close(mut self) -> Vec<T> {
        self.leave().into()
    }

    fn leave(&mut self) -> VecDeque<T> {
        if std::mem::replace(&mut self.closed, true) {
            return VecDeque::new();
        }
        leave_stream(&*self.channel, &mut self.stream);
        self.channel
            .change_in_drop(|state, wakes| state.remove_receiver(wakes))
    }

    /// Whether every sender is gone and every item received, so that `recv` returns `None`.
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

    fn size_hint(&self) -> (usize, Option<usize>) {
        let now = self.statistics();
        (0, (now.senders == 0).then_some(now.buffered))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.channel.with(State::add_receiver);
        Receiver::new(Rc::clone(&self.channel))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        discard(self.leave());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver of {}", self.statistics())
    }
}
