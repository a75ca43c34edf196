//! Channels, which carry items from task to task.
//!
//! | | carries | |
//! |---|---|---|
//! | [`channel()`] | each item to one receiver | bounded; senders wait for room |
//! | [`oneshot()`] | one value | |
//! | [`broadcast()`] | each item to every receiver | bounded; slow receivers miss items, and hear how many |
//! | [`watch()`] | the latest value to every receiver | |
//! | [`WorkQueue`] | jobs to workers | knows when all have been done |
//! | [`sync`] | items between threads and tasks | |
//!
//! All but `sync` belong to one thread and use no atomics. Items come out in the order in which they
//! went in, and tasks that wait are served in the order in which they came: what is handed to a waiting
//! task is its own at once, and nobody can overtake it. An operation that is cut off or dropped leaves the
//! channel as if it had not been called, and what it had been handed goes to the next one.
//!
//! An end is closed by dropping it, or by its `close`. As `close` takes the end by value, no operation
//! can be waiting on an end that is closed, or be called on it.
//!
//! The end of a channel is not an error: `recv` returns an `Option`, so that receiving is a loop
//! `while let Some(item) = receiver.recv().await`.

mod access;
pub mod broadcast;
mod error;
pub mod oneshot;
mod places;
mod receiver;
mod recv;
mod send;
mod sender;
mod state;
mod statistics;
pub mod sync;
mod tickets;
mod waiters;
mod wakes;
pub mod watch;
pub mod work_queue;

use std::cell::RefCell;
use std::rc::Rc;

pub use broadcast::broadcast;
pub use error::{Closed, SendError, TryRecvError, TrySendError};
pub use oneshot::oneshot;
pub use receiver::Receiver;
pub use sender::{SendPermit, Sender};
pub use statistics::Statistics;
pub use watch::watch;
pub use work_queue::WorkQueue;

use state::{State, UNBOUNDED};

/// A channel that holds up to `capacity` items that no receiver has taken yet.
///
/// A sender waits when it is full. A small capacity makes a fast sender keep step with a slow receiver,
/// which is mostly what one wants. With capacity 0 nothing is held: a `send` returns when a
/// receiver has taken the item, or waits for one that is parked in `recv` to get it.
///
/// ```
/// use nestling_runtime::channel::channel;
///
/// # nestling_runtime::run(async {
/// let (sender, receiver) = channel(10);
/// for number in 1..=3 {
///     sender.send(number).await?;
/// }
/// drop(sender); // the receiver's loop ends with the last sender
/// while let Some(number) = receiver.recv().await {
///     println!("{number}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// When several tasks send, each with a clone, the original has to be dropped too, or the receiver waits
/// for ever.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let channel = Rc::new(RefCell::new(State::new(capacity)));
    (Sender::new(Rc::clone(&channel)), Receiver::new(channel))
}

/// A channel that holds as many items as are sent: a sender never waits.
///
/// If the receivers are slower than the senders for long, it grows until the memory is full.
///
/// ```
/// use nestling_runtime::channel::unbounded;
///
/// let (sender, receiver) = unbounded();
/// for number in 0..1000 {
///     sender.try_send(number).unwrap();
/// }
/// assert_eq!(receiver.try_recv(), Ok(0));
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(UNBOUNDED)
}
