//! What can go wrong with an operation on a channel.

use std::fmt;

/// The item could not be sent, and is given back: every receiver is gone.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the item was not sent: every receiver of the channel is gone, so stop sending")]
pub struct SendError<T>(
    /// The item.
    pub T,
);

impl<T> SendError<T> {
    /// The item.
    pub fn into_item(self) -> T {
        self.0
    }

    /// The error without the item, for items that an error can't carry on, as they are not `Send`.
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// use nestling_runtime::channel::{SendError, channel};
    ///
    /// # nestling_runtime::run(async {
    /// async fn produce() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let (sender, _) = channel(1);
    ///     sender.send(Rc::new(7)).await.map_err(SendError::without_item)?;
    ///     Ok(())
    /// }
    /// assert!(produce().await.is_err());
    /// # });
    /// ```
    pub fn without_item(self) -> Closed {
        Closed
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

/// The other side is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side of the channel is gone, so there is nobody to talk to any more")]
pub struct Closed;

impl<T> From<SendError<T>> for Closed {
    fn from(_: SendError<T>) -> Closed {
        Closed
    }
}

/// The item could not be sent without waiting, and is given back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// There is no room; of a channel with capacity 0: no receiver waits.
    #[error("the item was not sent: the channel has no room for it now; `send` waits until it has")]
    Full(
        /// The item.
        T,
    ),
    /// Every receiver is gone.
    #[error("the item was not sent: every receiver of the channel is gone, so stop sending")]
    Closed(
        /// The item.
        T,
    ),
}

impl<T> TrySendError<T> {
    /// The item.
    pub fn into_item(self) -> T {
        match self {
            TrySendError::Full(item) | TrySendError::Closed(item) => item,
        }
    }

    /// Whether there was no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// Whether every receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySendError::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

/// No item could be received without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// There is none now, or none that isn't another receiver's.
    #[error("there is no item to receive now; `recv` waits for one")]
    Empty,
    /// Every sender is gone, and every item has been received.
    #[error("there will be no item any more: every sender is gone, so stop receiving")]
    Ended,
}
