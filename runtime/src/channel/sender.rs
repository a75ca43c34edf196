//! The sending end.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;

use super::access::Access;
use super::error::{Closed, SendError, TrySendError};
use super::send::{Closing, Reserve, SendItem};
use super::state::State;
use super::statistics::Statistics;
use crate::testing::Held;

/// The sending end of a channel, made by [`channel`](super::channel()).
///
/// Clones send into the same channel, which ends when the last of them is dropped.
pub struct Sender<T> {
    channel: Rc<RefCell<State<T>>>,
}

impl<T> Sender<T> {
    pub(super) fn new(channel: Rc<RefCell<State<T>>>) -> Sender<T> {
        Sender { channel }
    }

    /// Sends an item, once there is room for it. Senders that wait are served in order.
    ///
    /// ```
    /// use nestling_runtime::channel::channel;
    ///
    /// # nestling_runtime::run(async {
    /// let (sender, receiver) = channel(1);
    /// assert_eq!(sender.send("an item").await, Ok(()));
    /// assert_eq!(receiver.recv().await, Some("an item"));
    /// # });
    /// ```
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped before the item was taken, it is not sent, and dropped with
    /// the future; an item that must not be lost then is better sent through [`reserve`](Self::reserve).
    /// Once the item is in the channel, or with a receiver, it stays sent: cancelled in that moment, it
    /// returns `Ok`.
    ///
    /// # Errors
    /// With the item, if every receiver is gone or goes meanwhile.
    pub fn send(&self, item: T) -> impl Future<Output = Result<(), SendError<T>>> + Unpin {
        SendItem::new(&*self.channel, item)
    }

    /// Sends an item if there is room now and nobody waits for that.
    ///
    /// With capacity 0 there is room if a receiver is parked that has been given nothing yet.
    ///
    /// ```
    /// use nestling_runtime::channel::{TrySendError, channel};
    ///
    /// let (sender, receiver) = channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    ///
    /// # Errors
    /// With the item, if there is no room or every receiver is gone.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.channel
            .change(|state, wakes| state.try_send(item, wakes))
    }

    /// Waits for room and keeps it, so that the item can be made, or taken from elsewhere, when it is
    /// certain that it can be sent.
    ///
    /// ```
    /// use nestling_runtime::channel::channel;
    ///
    /// # nestling_runtime::run(async {
    /// let mut work = vec!["first", "second"];
    /// let (sender, receiver) = channel(2);
    /// while !work.is_empty() {
    ///     let permit = sender.reserve().await?; // cut off here, the work is all still there
    ///     permit.send(work.remove(0))?;
    /// }
    /// assert_eq!(receiver.recv().await, Some("first"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, it has reserved nothing. A permit that is dropped gives
    /// the room back.
    ///
    /// # Errors
    /// If every receiver is gone or goes meanwhile.
    pub async fn reserve(&self) -> Result<SendPermit<'_, T>, Closed> {
        Reserve::new(&*self.channel).await?;
        Ok(SendPermit {
            channel: &self.channel,
            used: false,
            _counted: Held::new(),
        })
    }

    /// Reserves room if there is some now and nobody waits for that.
    ///
    /// # Errors
    /// If there is no room or every receiver is gone.
    pub fn try_reserve(&self) -> Result<SendPermit<'_, T>, TrySendError<()>> {
        self.channel.with(State::try_reserve)?;
        Ok(SendPermit {
            channel: &self.channel,
            used: false,
            _counted: Held::new(),
        })
    }

    /// Waits until every receiver is gone, so that nobody wants items any more.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing is left.
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
        Sender::new(Rc::clone(&self.channel))
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
        write!(f, "Sender of {}", self.statistics())
    }
}

/// Room for one item, from [`Sender::reserve`]. Dropped, it gives the room to the next one who waits.
#[must_use = "the room is given back at once if the permit is dropped"]
pub struct SendPermit<'a, T> {
    channel: &'a RefCell<State<T>>,
    used: bool,
    _counted: Held,
}

impl<T> SendPermit<'_, T> {
    /// Sends an item, without waiting.
    ///
    /// # Errors
    /// With the item, if every receiver has gone since.
    pub fn send(mut self, item: T) -> Result<(), SendError<T>> {
        self.used = true;
        self.channel
            .change(|state, wakes| state.send_reserved(item, wakes))
            .map_err(SendError)
    }
}

impl<T> Drop for SendPermit<'_, T> {
    fn drop(&mut self) {
        if !self.used {
            self.channel
                .change_in_drop(|state, wakes| state.release(wakes));
        }
    }
}

impl<T> fmt::Debug for SendPermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = self.channel.with(|state| state.statistics());
        write!(f, "SendPermit of {channel}")
    }
}
