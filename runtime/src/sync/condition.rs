//! Waiting for a change of what a lock protects.
//!
//! ```text
//!             first poll                 notify               the lock is handed over
//! 1 holding ------------> 2 waiting, ------------> 3 waiting, ------------------------> 4 done
//!   the guard               in the condition's       in the lock's line
//!                           line; lock released      without having been woken
//! ```

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::lock::{Lock, LockGuard, LockLot};
use super::parking_lot::ParkingLot;
use super::turn::{Abandoned, Turn};
use crate::task_id::TaskId;

/// Lets tasks wait until others say that what a [`Lock`] protects has changed.
///
/// ```
/// use std::collections::VecDeque;
/// use nestling_runtime::sync::{Condition, Lock, LockGuard};
///
/// struct Queue {
///     items: Lock<VecDeque<u32>>,
///     not_empty: Condition,
/// }
///
/// impl Queue {
///     async fn push(&self, item: u32) {
///         let mut items = self.items.acquire().await;
///         items.push_back(item);
///         self.not_empty.notify_one(&items);
///     }
///
///     async fn pop(&self) -> u32 {
///         let mut items = self.items.acquire().await;
///         loop {
///             match items.pop_front() {
///                 Some(item) => return item,
///                 None => items = self.not_empty.wait(items).await,
///             }
///         }
///     }
/// }
///
/// nestling_runtime::run(async {
///     let queue = Queue { items: Lock::default(), not_empty: Condition::new() };
///     queue.push(7).await;
///     assert_eq!(queue.pop().await, 7);
/// });
/// ```
///
/// Those who are notified are not woken one and all, to find the lock held: they go over to the line of
/// the lock, and each wakes when the lock is its own.
///
/// Look at what you wait for in a loop, as above: between the notification and the turn of the one who
/// was notified, others may hold the lock.
///
/// # Cancellation
/// In trio, a `wait` that is cancelled acquires the lock again before it raises, since the code around
/// it believes that it holds it. Here `wait` takes the guard and gives a new one back, so nobody believes
/// that: a `wait` that is cut off or dropped holds nothing. If it had been notified already, the
/// notification goes on to the next who waits.
pub struct Condition {
    lot: LockLot,
    /// The address of the lock that those in the line have released; it is only compared.
    lock: Cell<*const ()>,
    next_ticket: Cell<u64>,
    /// Those with lower tickets have been notified, all of them.
    all_before: Cell<u64>,
}

impl Condition {
    /// One for which nobody waits. It may be used with any lock, but with one at a time.
    #[track_caller]
    #[must_use]
    pub const fn new() -> Condition {
        Condition {
            lot: ParkingLot::new("a notification of the condition"),
            lock: Cell::new(std::ptr::null()),
            next_ticket: Cell::new(0),
            all_before: Cell::new(0),
        }
    }

    /// Releases the lock, waits until notified, and then for the lock.
    ///
    /// # Cancel and drop
    /// A checkpoint: in a cancelled context the lock is not released before the guard is dropped with the
    /// rest. Cut off or dropped, the lock is not held any more; what was handed over to it, a
    /// notification or the lock, goes on to the next. Cancelled after it was handed the lock, it goes on.
    ///
    /// # Panics
    /// When polled, if others wait here with another lock.
    pub fn wait<'c, 'l, T: ?Sized>(&'c self, guard: LockGuard<'l, T>) -> ConditionWait<'c, 'l, T> {
        ConditionWait {
            condition: self,
            lock: LockGuard::lock(&guard),
            guard: Some(guard),
            turn: None,
            ticket: 0,
        }
    }

    /// Notifies the first who waits; returns how many that were. The guard proves that the caller holds
    /// the lock.
    ///
    /// # Panics
    /// As [`notify`](Self::notify).
    pub fn notify_one<T: ?Sized>(&self, guard: &LockGuard<'_, T>) -> usize {
        self.notify(guard, 1)
    }

    /// Notifies the first `count` who wait, or as many as there are; returns how many that were.
    ///
    /// # Panics
    /// If those who wait wait with another lock.
    pub fn notify<T: ?Sized>(&self, guard: &LockGuard<'_, T>, count: usize) -> usize {
        let lock = LockGuard::lock(guard);
        if self.lot.is_empty() {
            return 0;
        }
        self.check(lock);
        self.lot.repark(lock.raw().lot(), count)
    }

    /// Notifies everybody who waits; returns how many that were.
    ///
    /// # Panics
    /// As [`notify`](Self::notify).
    pub fn notify_all<T: ?Sized>(&self, guard: &LockGuard<'_, T>) -> usize {
        let count = self.notify(guard, usize::MAX);
        self.all_before.set(self.next_ticket.get());
        count
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> ConditionStatistics {
        ConditionStatistics {
            tasks_waiting: self.lot.len(),
        }
    }

    fn check<T: ?Sized>(&self, lock: &Lock<T>) {
        let site = self.lot.site();
        assert!(
            self.lock.get() == address(lock),
            "the condition made at {}:{} is used with two locks at a time: tasks wait there that \
             released another one; make a condition for each lock",
            site.file(),
            site.line(),
        );
    }

    /// Notes which lock is used.
    fn adopt<T: ?Sized>(&self, lock: &Lock<T>) {
        if self.lot.is_empty() {
            self.lock.set(address(lock));
        }
        self.check(lock);
    }

    fn ticket(&self) -> u64 {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        ticket
    }

    /// One who was notified is dropped: its notification goes to the next, unless that is notified too.
    fn pass_on<T: ?Sized>(&self, lock: &Lock<T>, ticket: u64) {
        if ticket >= self.all_before.get() && self.lock.get() == address(lock) {
            self.lot.repark(lock.raw().lot(), 1);
        }
    }
}

fn address<T: ?Sized>(lock: &Lock<T>) -> *const () {
    std::ptr::from_ref(lock.raw()).cast()
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Condition {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("tasks_waiting", &self.lot.len())
            .finish_non_exhaustive()
    }
}

/// The state of a [`Condition`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConditionStatistics {
    /// Futures that wait for a notification. Those who were notified wait for the lock.
    pub tasks_waiting: usize,
}

/// The future of [`Condition::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct ConditionWait<'c, 'l, T: ?Sized> {
    condition: &'c Condition,
    lock: &'l Lock<T>,
    /// Until it waits.
    guard: Option<LockGuard<'l, T>>,
    /// Once it waits.
    turn: Option<Turn<Option<TaskId>>>,
    ticket: u64,
}

impl<'l, T: ?Sized> ConditionWait<'_, 'l, T> {
    /// Joins the line, and then releases the lock.
    fn begin(&mut self, cx: &mut Context<'_>) {
        self.condition.adopt(self.lock);
        let mut park = self.condition.lot.park_with(self.lock.raw().me());
        if Pin::new(&mut park).poll(cx).is_pending() && !park.is_parked() {
            return;
        }
        self.ticket = self.condition.ticket();
        self.turn = Some(Turn::of(park));
        drop(self.guard.take());
    }

    /// Whether it has left the line of the condition for that of the lock.
    fn is_notified(&mut self) -> bool {
        let lot = &self.condition.lot;
        let park = self.turn.as_mut().and_then(Turn::park);
        !park.is_some_and(|park| park.is_of(lot))
    }
}

impl<'l, T: ?Sized> Future for ConditionWait<'_, 'l, T> {
    type Output = LockGuard<'l, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'l, T>> {
        let this = &mut *self;
        if this.guard.is_some() {
            this.begin(cx);
            return Poll::Pending;
        }
        let is_notified = this.is_notified();
        let Some(turn) = &mut this.turn else {
            panic!("`Condition::wait` was polled after it had ended");
        };
        match turn.park() {
            Some(park) if !is_notified => {
                if !park.is_parked() {
                    // It was passed over, since it had been cancelled, and is polled outside of that now.
                    this.condition.adopt(this.lock);
                }
                // Nobody unparks in this line: they are all moved.
                Pin::new(park).poll(cx).map(|()| this.lock.guard())
            }
            _ => {
                ready!(this.lock.raw().poll_acquire(turn, cx));
                this.turn = None;
                Poll::Ready(this.lock.guard())
            }
        }
    }
}

impl<T: ?Sized> Drop for ConditionWait<'_, '_, T> {
    fn drop(&mut self) {
        let is_notified = self.is_notified();
        let Some(mut turn) = self.turn.take() else {
            return;
        };
        let abandoned = turn.abandon();
        if !is_notified {
            return;
        }
        self.condition.pass_on(self.lock, self.ticket);
        match abandoned {
            Abandoned::Handed => self.lock.raw().release(),
            // The lock may be free by now, if nobody but this one was in its line.
            Abandoned::Waiting | Abandoned::Nothing => {
                self.lock.raw().settle();
            }
        }
    }
}

impl<T: ?Sized> fmt::Debug for ConditionWait<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionWait")
            .field("condition", &self.condition)
            .field("lock", &self.lock)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}
