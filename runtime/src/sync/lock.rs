//! Mutual exclusion.

mod raw;

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(super) use self::raw::RawLock;
use super::parking_lot::ParkingLot;
use super::turn::Turn;
use crate::task_id::TaskId;
use crate::testing;

/// A value that one task at a time may use, across awaits.
///
/// It is handed over in the order in which tasks came for it. Tasks of a run never run at the same time,
/// so what is used without an await in between needs no lock: a `Cell` or `RefCell` will do.
///
/// ```
/// use nestling_runtime::sync::Lock;
///
/// nestling_runtime::run(async {
///     let account = Lock::new(100);
///     {
///         let mut balance = account.acquire().await;
///         *balance -= 30;
///     } // released here
///     assert_eq!(*account.acquire().await, 70);
/// });
/// ```
///
/// # Acquiring it twice
/// A task that waits for a lock which it holds itself would wait for ever. So that panics, as in trio,
/// and names the lock. A lock is held by the [task](TaskId) that acquired it, until the guard is dropped.
/// There are two cases in which the same task may well wait for it: if the guard was handed to another
/// task, and if branches of one task share the lock (`join!`, `select!`, `FuturesUnordered`). For those
/// there is [`Lock::unowned`].
pub struct Lock<T: ?Sized> {
    raw: RawLock,
    /// Borrowed by the guard, so that it can be had without unsafe code.
    value: RefCell<T>,
}

impl<T> Lock<T> {
    /// A lock around `value` that nobody holds.
    #[track_caller]
    #[must_use]
    pub const fn new(value: T) -> Lock<T> {
        Lock {
            raw: RawLock::new(true),
            value: RefCell::new(value),
        }
    }

    /// A lock that does not care which task holds it: waiting for it in the same task is no error.
    ///
    /// ```
    /// use nestling_runtime::sync::Lock;
    ///
    /// nestling_runtime::run(async {
    ///     let lock = Lock::unowned(0);
    ///     let mut guard = lock.acquire().await;
    ///     let more = async { *lock.acquire().await += 1 };
    ///     let first = async move { *guard += 1 };
    ///     // In one task; `more` has to wait for `first`.
    ///     # let mut more = Box::pin(more);
    ///     # std::future::poll_fn(|cx| {
    ///     #     assert!(more.as_mut().poll(cx).is_pending());
    ///     #     std::task::Poll::Ready(())
    ///     # }).await;
    ///     first.await;
    ///     more.await;
    ///     assert_eq!(lock.into_inner(), 2);
    /// });
    /// ```
    #[track_caller]
    #[must_use]
    pub const fn unowned(value: T) -> Lock<T> {
        Lock {
            raw: RawLock::new(false),
            value: RefCell::new(value),
        }
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits until it is the caller's turn, and holds the lock until the guard is dropped.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if the lock is free. Cut off or dropped, it leaves the line; if it had been
    /// handed the lock already, that goes on to the next. Cancelled after it was handed the lock, it
    /// gets it.
    ///
    /// # Panics
    /// If the same task holds it, unless it was made with [`unowned`](Self::unowned).
    pub fn acquire(&self) -> Acquire<'_, T> {
        Acquire {
            lock: self,
            turn: Turn::new(),
        }
    }

    /// Takes the lock if it is free. `None` if somebody holds it, be it the caller.
    #[must_use]
    pub fn try_acquire(&self) -> Option<LockGuard<'_, T>> {
        self.raw.try_take(self.raw.me()).then(|| self.guard())
    }

    /// The value, without locking: nobody else can have the lock meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether somebody holds it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> LockStatistics {
        LockStatistics {
            is_locked: self.raw.is_locked(),
            owner: self.raw.owner(),
            tasks_waiting: self.raw.lot().len(),
        }
    }

    /// For the one who holds the lock.
    pub(super) fn guard(&self) -> LockGuard<'_, T> {
        LockGuard {
            value: self.value.borrow_mut(),
            held: Held(self, testing::Held::new()),
        }
    }

    pub(super) fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T: Default> Default for Lock<T> {
    #[track_caller]
    fn default() -> Lock<T> {
        Lock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LockStatistics {
            is_locked,
            owner,
            tasks_waiting,
        } = self.statistics();
        f.debug_struct("Lock")
            .field("is_locked", &is_locked)
            .field("owner", &owner)
            .field("tasks_waiting", &tasks_waiting)
            .finish_non_exhaustive()
    }
}

/// The state of a [`Lock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStatistics {
    /// Whether somebody holds it.
    pub is_locked: bool,
    /// The task that acquired it; `None` if nobody did, if that was outside a run, or if the lock is
    /// [unowned](Lock::unowned).
    pub owner: Option<TaskId>,
    /// Futures that wait for it.
    pub tasks_waiting: usize,
}

/// Holds a [`Lock`] until it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard<'a, T: ?Sized> {
    // First, so that the value is not borrowed any more when the lock is handed over.
    value: RefMut<'a, T>,
    held: Held<'a, T>,
}

struct Held<'a, T: ?Sized>(&'a Lock<T>, testing::Held);

impl<T: ?Sized> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.0.raw.release();
    }
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// The lock that it holds.
    #[must_use]
    pub fn lock(guard: &LockGuard<'a, T>) -> &'a Lock<T> {
        guard.held.0
    }
}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockGuard").field(&&*self.value).finish()
    }
}

/// The future of [`Lock::acquire`].
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    turn: Turn<Option<TaskId>>,
}

impl<'a, T: ?Sized> Future for Acquire<'a, T> {
    type Output = LockGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a, T>> {
        let lock = self.lock;
        ready!(lock.raw.poll_acquire(&mut self.turn, cx));
        Poll::Ready(lock.guard())
    }
}

impl<T: ?Sized> Drop for Acquire<'_, T> {
    fn drop(&mut self) {
        self.lock.raw.abandon(&mut self.turn);
    }
}

impl<T: ?Sized> fmt::Debug for Acquire<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("lock", &self.lock)
            .field("turn", &self.turn)
            .finish()
    }
}

/// What a condition moves its waiters to.
pub(super) type LockLot = ParkingLot<Option<TaskId>>;
