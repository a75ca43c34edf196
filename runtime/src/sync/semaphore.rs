//! A number of permits.

mod permit;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use thiserror::Error;

pub use self::permit::{OwnedPermit, Permit};
use super::parking_lot::ParkingLot;
use super::turn::{Abandoned, Turn};

/// A number of permits, which are handed out in the order in which tasks came for them.
///
/// ```
/// use nestling_runtime::sync::Semaphore;
///
/// nestling_runtime::run(async {
///     let connections = Semaphore::new(2);
///     let one = connections.acquire().await;
///     let _two = connections.acquire().await;
///     assert!(connections.try_acquire().is_none());
///     drop(one);
///     assert_eq!(connections.available(), 1);
/// });
/// ```
///
/// Whoever wants many waits at the head of the line until there are as many; nobody overtakes, so that
/// those behind wait as well, even for what is there.
pub struct Semaphore {
    free: Cell<usize>,
    held: Cell<usize>,
    max: usize,
    lot: ParkingLot<usize>,
}

impl Semaphore {
    /// One with `permits` permits.
    #[track_caller]
    #[must_use]
    pub const fn new(permits: usize) -> Semaphore {
        Semaphore::with_max(permits, usize::MAX)
    }

    /// One with `permits` permits that can never have more than `max`, those that are held included: to
    /// add more is an error. If `permits` is more than `max`, it has `max`.
    #[track_caller]
    #[must_use]
    pub const fn with_max(permits: usize, max: usize) -> Semaphore {
        Semaphore::waited_for_as("a permit of the semaphore", permits, max)
    }

    /// Part of something else, which is what tasks wait for.
    #[track_caller]
    pub(super) const fn waited_for_as(what: &'static str, permits: usize, max: usize) -> Semaphore {
        Semaphore {
            free: Cell::new(if permits < max { permits } else { max }),
            held: Cell::new(0),
            max,
            lot: ParkingLot::new(what),
        }
    }

    /// Waits for a permit, which is given back when it is dropped.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if there are permits. Cut off or dropped, it leaves the line; if it had been
    /// handed a permit already, that goes on to the next. Cancelled after it was handed one, it gets it.
    pub fn acquire(&self) -> AcquirePermits<&Semaphore> {
        self.acquire_many(1)
    }

    /// As [`acquire`](Self::acquire), for `count` permits at once. To want none is to wait for one's turn.
    ///
    /// # Panics
    /// If `count` is more than the semaphore can ever have, see [`with_max`](Self::with_max).
    #[track_caller]
    pub fn acquire_many(&self, count: usize) -> AcquirePermits<&Semaphore> {
        AcquirePermits::new(self, count)
    }

    /// As [`acquire`](Self::acquire), with a permit that borrows nothing.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use nestling_runtime::sync::{OwnedPermit, Semaphore};
    ///
    /// struct Job {
    ///     permit: OwnedPermit,
    /// }
    ///
    /// nestling_runtime::run(async {
    ///     let semaphore = Rc::new(Semaphore::new(1));
    ///     let job = Job { permit: semaphore.clone().acquire_owned().await };
    ///     assert_eq!(semaphore.available(), 0);
    ///     drop(job);
    ///     assert_eq!(semaphore.available(), 1);
    /// });
    /// ```
    pub fn acquire_owned(self: Rc<Self>) -> AcquirePermits<Rc<Semaphore>> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that borrows nothing.
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn acquire_many_owned(self: Rc<Self>, count: usize) -> AcquirePermits<Rc<Semaphore>> {
        AcquirePermits::new(self, count)
    }

    /// A permit, if there is one and nobody waits.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit<&Semaphore>> {
        self.try_acquire_many(1)
    }

    /// `count` permits at once, if there are as many and nobody waits.
    #[must_use]
    pub fn try_acquire_many(&self, count: usize) -> Option<Permit<&Semaphore>> {
        self.take(count).then(|| Permit::new(self, count))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that borrows nothing.
    #[must_use]
    pub fn try_acquire_owned(self: Rc<Self>) -> Option<OwnedPermit> {
        self.take(1).then(|| Permit::new(self, 1))
    }

    /// Adds permits, and hands them to those who wait.
    ///
    /// # Errors
    /// There would be more than the greatest number, see [`with_max`](Self::with_max); none is added then.
    pub fn add_permits(&self, count: usize) -> Result<(), TooManyPermits> {
        let room = self.max - self.held.get() - self.free.get();
        if count > room {
            return Err(TooManyPermits {
                added: count,
                room,
                max: self.max,
            });
        }
        self.free.set(self.free.get() + count);
        self.settle();
        Ok(())
    }

    /// Takes up to `count` of the permits that nobody holds away for good, and returns how many they were.
    pub fn forget_permits(&self, count: usize) -> usize {
        let count = count.min(self.free.get());
        self.free.set(self.free.get() - count);
        count
    }

    /// Permits that nobody holds.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.get()
    }

    /// The greatest number of permits it can have, held ones included.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> SemaphoreStatistics {
        SemaphoreStatistics {
            available: self.free.get(),
            held: self.held.get(),
            tasks_waiting: self.lot.len(),
        }
    }

    #[inline]
    fn take(&self, count: usize) -> bool {
        if !self.lot.is_empty() {
            // Those who have been cancelled, and are still to be cut off, keep nobody out.
            self.settle();
        }
        self.lot.is_empty() && self.take_free(count)
    }

    #[inline]
    fn take_free(&self, count: usize) -> bool {
        let Some(left) = self.free.get().checked_sub(count) else {
            return false;
        };
        self.free.set(left);
        self.held.set(self.held.get() + count);
        true
    }

    #[inline]
    fn give_back(&self, count: usize) {
        self.held.set(self.held.get() - count);
        self.free.set(self.free.get() + count);
        self.settle();
    }

    fn forget(&self, count: usize) {
        self.held.set(self.held.get() - count);
    }

    /// Hands out what is free, first come, first served. Whether anybody was served.
    #[inline]
    fn settle(&self) -> bool {
        self.lot.unpark_while(|count| self.take_free(count)) > 0
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Semaphore");
        debug
            .field("available", &self.free.get())
            .field("held", &self.held.get());
        if self.max < usize::MAX {
            debug.field("max", &self.max);
        }
        debug.field("tasks_waiting", &self.lot.len()).finish()
    }
}

/// The state of a [`Semaphore`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreStatistics {
    /// Permits that nobody holds.
    pub available: usize,
    /// Permits that are held, or have been handed to a waiter that has not been polled since.
    pub held: usize,
    /// Futures that wait for permits.
    pub tasks_waiting: usize,
}

/// More permits than a [`Semaphore`] may have were to be added to it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{added} permits were to be added to a semaphore that has room for {room} more: it may have {max}, \
     those that are held included; make it with `Semaphore::with_max` and a greater number"
)]
#[non_exhaustive]
pub struct TooManyPermits {
    /// How many were to be added.
    pub added: usize,
    /// How many could have been.
    pub room: usize,
    /// The greatest number it may have.
    pub max: usize,
}

/// The future of [`Semaphore::acquire`] and its like.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct AcquirePermits<S: Deref<Target = Semaphore>> {
    semaphore: S,
    count: usize,
    turn: Turn<usize>,
}

impl<S: Deref<Target = Semaphore>> AcquirePermits<S> {
    #[track_caller]
    fn new(semaphore: S, count: usize) -> AcquirePermits<S> {
        assert!(
            count <= semaphore.max,
            "{count} permits are wanted of a semaphore that never has more than {}: nobody could ever \
             get as many",
            semaphore.max,
        );
        AcquirePermits {
            semaphore,
            count,
            turn: Turn::new(),
        }
    }
}

// Nothing in it is pinned.
impl<S: Deref<Target = Semaphore>> Unpin for AcquirePermits<S> {}

impl<S: Deref<Target = Semaphore> + Clone> Future for AcquirePermits<S> {
    type Output = Permit<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<S>> {
        let this = &mut *self;
        let (semaphore, count) = (&*this.semaphore, this.count);
        ready!(this.turn.poll(
            cx,
            &semaphore.lot,
            || semaphore.take(count),
            || count,
            || semaphore.free.get() > 0 && semaphore.settle(),
        ));
        Poll::Ready(Permit::new(this.semaphore.clone(), count))
    }
}

impl<S: Deref<Target = Semaphore>> Drop for AcquirePermits<S> {
    fn drop(&mut self) {
        match self.turn.abandon() {
            Abandoned::Nothing => {}
            // It may have been the big one at the head.
            Abandoned::Waiting => {
                self.semaphore.settle();
            }
            Abandoned::Handed => self.semaphore.give_back(self.count),
        }
    }
}
