//! Every item to every receiver.
//!
//! The last items lie in a ring. Each knows how many receivers have yet to get it, and goes when nobody
//! has. A receiver that the ring has overtaken is told how many items it has missed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::error::SendError;
use super::places::Line;
use super::waiters::Key;
use super::wakes::discard;
use crate::{poll_proceed, waits_for};

struct Shared<T> {
    ring: RefCell<Ring<T>>,
    arrived: Line,
}

struct Ring<T> {
    items: VecDeque<Entry<T>>,
    /// The number of the first item in `items`.
    first: u64,
    capacity: usize,
    senders: usize,
    receivers: usize,
}

struct Entry<T> {
    item: Rc<T>,
    /// Receivers that have yet to get it.
    left: usize,
}

impl<T> Ring<T> {
    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// The entries from the item with this number on.
    fn since(&mut self, next: u64) -> impl Iterator<Item = &mut Entry<T>> {
        let passed = next.saturating_sub(self.first);
        let passed = usize::try_from(passed).unwrap_or(usize::MAX);
        self.items.iter_mut().skip(passed)
    }

    /// Removes what nobody waits for; to be dropped when nothing is borrowed.
    fn remove_passed(&mut self) -> Vec<Rc<T>> {
        let mut passed = Vec::new();
        while self.items.front().is_some_and(|entry| entry.left == 0) {
            passed.extend(self.items.pop_front().map(|entry| entry.item));
            self.first += 1;
        }
        passed
    }
}

/// A channel that gives each item to every receiver. It keeps the last `capacity` items for receivers that
/// are slower than the sender, which never waits.
///
/// ```
/// use nestling_runtime::channel::broadcast;
///
/// # nestling_runtime::run(async {
/// let (sender, mut one) = broadcast(2);
/// let mut two = sender.subscribe();
/// sender.send('a')?;
/// assert_eq!(one.recv().await, Ok(Some('a')));
/// sender.send('b')?;
/// sender.send('c')?;
/// drop(sender);
///
/// assert_eq!(one.recv().await, Ok(Some('b')));
/// assert_eq!(one.recv().await, Ok(Some('c')));
/// assert_eq!(one.recv().await, Ok(None));
///
/// let lagged = two.recv().await.unwrap_err(); // 'a' is gone
/// assert_eq!(lagged.missed, 1);
/// assert_eq!(two.recv().await, Ok(Some('b')));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// If the capacity is zero: such a channel could give nothing to anybody.
#[must_use]
#[track_caller]
pub fn broadcast<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "broadcast: a capacity of 0 would lose every item; keep at least one"
    );
    let shared = Rc::new(Shared {
        ring: RefCell::new(Ring {
            items: VecDeque::new(),
            first: 0,
            capacity,
            senders: 1,
            receivers: 1,
        }),
        arrived: Line::new(),
    });
    let sender = Sender {
        shared: Rc::clone(&shared),
    };
    (sender, Receiver::new(shared, 0))
}

/// Items were missed, as the receiver was too slow. The next one it receives is the oldest there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{missed} items of the broadcast channel were missed: this receiver is slower than the senders; \
     receive more often, or raise the capacity"
)]
#[non_exhaustive]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}

/// No item could be received without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// There is none now.
    #[error("there is no item to receive now; `recv` waits for one")]
    Empty,
    /// Every sender is gone, and every item has been received.
    #[error("there will be no item any more: every sender is gone, so stop receiving")]
    Ended,
    /// Items were missed; the next attempt gets the oldest there is.
    #[error(transparent)]
    Lagged(#[from] Lagged),
}

/// The sending end, made by [`broadcast()`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends an item to all receivers there are now, and returns how many those are. It never waits.
    ///
    /// # Errors
    /// With the item, if there is no receiver. Others may [`subscribe`](Self::subscribe) later.
    pub fn send(&self, item: T) -> Result<usize, SendError<T>> {
        let (receivers, old) = {
            let mut ring = self.shared.ring.borrow_mut();
            let left = ring.receivers;
            if left == 0 {
                return Err(SendError(item));
            }
            let mut old = None;
            if ring.items.len() >= ring.capacity {
                old = ring.items.pop_front();
                ring.first += 1;
            }
            let item = Rc::new(item);
            ring.items.push_back(Entry { item, left });
            (left, old)
        };
        self.shared.arrived.wake_all();
        drop(old);
        Ok(receivers)
    }

    /// Another receiver, for what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        let mut ring = self.shared.ring.borrow_mut();
        ring.receivers += 1;
        let next = ring.end();
        Receiver::new(Rc::clone(&self.shared), next)
    }

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.ring.borrow_mut().senders += 1;
        Sender {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let ended = {
            let mut ring = self.shared.ring.borrow_mut();
            ring.senders -= 1;
            ring.senders == 0
        };
        if ended {
            self.shared.arrived.wake_all_in_drop();
        }
    }
}

/// A receiving end, made by [`broadcast()`] or [`Sender::subscribe`].
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    /// The number of the item that is its next.
    next: u64,
    place: Option<Key>,
}

impl<T> Receiver<T> {
    fn new(shared: Rc<Shared<T>>, next: u64) -> Receiver<T> {
        Receiver {
            shared,
            next,
            place: None,
        }
    }

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.shared)
    }

    /// The next item, with those that are to be dropped.
    fn take(&mut self) -> Result<(Rc<T>, Vec<Rc<T>>), TryRecvError> {
        let mut ring = self.shared.ring.borrow_mut();
        if self.next < ring.first {
            let missed = ring.first - self.next;
            self.next = ring.first;
            return Err(Lagged { missed }.into());
        }
        let Some(entry) = ring.since(self.next).next() else {
            return Err(match ring.senders {
                0 => TryRecvError::Ended,
                _ => TryRecvError::Empty,
            });
        };
        entry.left -= 1;
        let item = Rc::clone(&entry.item);
        self.next += 1;
        Ok((item, ring.remove_passed()))
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next item, or `None` for ever once every sender is gone and every item received.
    ///
    /// The item is cloned; the last receiver to get it has the original.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing has been received.
    ///
    /// # Errors
    /// [`Lagged`], once, with the number of items that were missed.
    pub async fn recv(&mut self) -> Result<Option<T>, Lagged> {
        let waiting = Waiting(self);
        poll_fn(|cx| waiting.0.poll_recv(cx)).await
    }

    /// Receives an item if there is one now.
    ///
    /// # Errors
    /// If there is none, now or for ever, or if items were missed.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let (item, passed) = self.take()?;
        drop(passed);
        Ok(Rc::unwrap_or_clone(item))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Lagged>> {
        ready!(poll_proceed(cx));
        for waits in [false, true] {
            if waits {
                self.shared.arrived.wait(&mut self.place, cx);
            }
            match self.try_recv() {
                Ok(item) => return Poll::Ready(Ok(Some(item))),
                Err(TryRecvError::Ended) => return Poll::Ready(Ok(None)),
                Err(TryRecvError::Lagged(lagged)) => return Poll::Ready(Err(lagged)),
                Err(TryRecvError::Empty) => {}
            }
        }
        waits_for(|| "an item of a broadcast channel".to_owned());
        Poll::Pending
    }
}

impl<T: Clone> Stream for Receiver<T> {
    type Item = Result<T, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

/// A receiver that leaves the line on drop.
struct Waiting<'a, T>(&'a mut Receiver<T>);

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.0.shared.arrived.leave(&mut self.0.place);
    }
}

/// A clone gets what the original has yet to get.
impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        let mut ring = self.shared.ring.borrow_mut();
        ring.receivers += 1;
        ring.since(self.next).for_each(|entry| entry.left += 1);
        Receiver::new(Rc::clone(&self.shared), self.next)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let passed = {
            let mut ring = self.shared.ring.borrow_mut();
            ring.receivers -= 1;
            ring.since(self.next).for_each(|entry| entry.left -= 1);
            ring.remove_passed()
        };
        self.shared.arrived.leave(&mut self.place);
        discard(passed);
    }
}

/// What a broadcast channel is like at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Items that some receiver has yet to get.
    pub buffered: usize,
    /// How many it keeps at most.
    pub capacity: usize,
    /// Open senders.
    pub senders: usize,
    /// Open receivers.
    pub receivers: usize,
    /// Tasks that wait for an item.
    pub tasks_waiting_recv: usize,
}

impl Statistics {
    fn of<T>(shared: &Shared<T>) -> Statistics {
        let ring = shared.ring.borrow();
        Statistics {
            buffered: ring.items.len(),
            capacity: ring.capacity,
            senders: ring.senders,
            receivers: ring.receivers,
            tasks_waiting_recv: shared.arrived.len(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broadcast::Sender {{ {:?} }}", self.statistics())
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broadcast::Receiver {{ {:?} }}", self.statistics())
    }
}
