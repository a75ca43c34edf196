//! Figures of a channel.

use std::fmt;

/// What a channel is like at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Items that wait for a receiver. What a parked receiver owns already is not among them.
    pub buffered: usize,
    /// How many items it holds at most; `None` if there is no limit.
    pub capacity: Option<usize>,
    /// Open senders.
    pub senders: usize,
    /// Open receivers.
    pub receivers: usize,
    /// Tasks, and threads, that wait for room.
    pub tasks_waiting_send: usize,
    /// Tasks, and threads, that wait for an item.
    pub tasks_waiting_recv: usize,
    /// The most that `buffered` has ever been.
    pub peak_buffered: usize,
}

/// As in "an item of Channel(0 of 3)".
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.capacity {
            Some(capacity) => write!(f, "Channel({} of {capacity})", self.buffered),
            None => write!(f, "Channel({}, unbounded)", self.buffered),
        }
    }
}
