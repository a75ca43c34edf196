//! Many readers or one writer.

mod guards;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use self::guards::{ReadGuard, WriteGuard};
use super::parking_lot::ParkingLot;
use super::turn::{Abandoned, Turn};

/// A value that many tasks may read at a time, or one may change, across awaits.
///
/// Readers and writers stand in one line, so that neither is starved: who comes to read while a writer
/// waits, waits behind it.
///
/// ```
/// use nestling_runtime::sync::RwLock;
///
/// nestling_runtime::run(async {
///     let config = RwLock::new("old");
///     {
///         let one = config.read().await;
///         let two = config.read().await;
///         assert_eq!(*one, *two);
///     }
///     *config.write().await = "new";
///     assert_eq!(*config.read().await, "new");
/// });
/// ```
///
/// A task that holds it and waits for it again, to write or behind one who wants to, waits for ever; the
/// lock does not notice that.
pub struct RwLock<T: ?Sized> {
    readers: Cell<usize>,
    writer: Cell<bool>,
    lot: ParkingLot<Access>,
    value: RefCell<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl<T> RwLock<T> {
    /// A lock around `value` that nobody holds.
    #[track_caller]
    #[must_use]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            readers: Cell::new(0),
            writer: Cell::new(false),
            lot: ParkingLot::new("the read-write lock"),
            value: RefCell::new(value),
        }
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until the caller may read.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if nobody has to be waited for. Cut off or dropped, it leaves the line, and has
    /// no part in the lock. Cancelled after it was handed the lock, it gets it.
    pub fn read(&self) -> Read<'_, T> {
        Read(Waiting::new(self, Access::Read))
    }

    /// Waits until the caller may write.
    ///
    /// # Cancel and drop
    /// As [`read`](Self::read).
    pub fn write(&self) -> Write<'_, T> {
        Write(Waiting::new(self, Access::Write))
    }

    /// The value for reading, if nobody writes and nobody waits.
    #[must_use]
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.take(Access::Read).then(|| ReadGuard::new(self))
    }

    /// The value for writing, if nobody holds it and nobody waits.
    #[must_use]
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        self.take(Access::Write).then(|| WriteGuard::new(self))
    }

    /// The value, without locking: nobody else can have it meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> RwLockStatistics {
        RwLockStatistics {
            readers: self.readers.get(),
            is_writing: self.writer.get(),
            tasks_waiting: self.lot.len(),
        }
    }

    fn take(&self, access: Access) -> bool {
        if !self.lot.is_empty() {
            // Those who have been cancelled, and are still to be cut off, keep nobody out.
            self.settle();
        }
        self.lot.is_empty() && self.take_free(access)
    }

    fn take_free(&self, access: Access) -> bool {
        match (access, self.writer.get(), self.readers.get()) {
            (Access::Read, false, readers) => self.readers.set(readers + 1),
            (Access::Write, false, 0) => self.writer.set(true),
            _ => return false,
        }
        true
    }

    fn release(&self, access: Access) {
        match access {
            Access::Read => self.readers.set(self.readers.get() - 1),
            Access::Write => self.writer.set(false),
        }
        self.settle();
    }

    /// One who writes reads from now on.
    fn downgrade(&self) {
        self.writer.set(false);
        self.readers.set(1);
        self.settle();
    }

    /// Hands it over to those who may have it, first come, first served. Whether anybody was served.
    fn settle(&self) -> bool {
        self.lot.unpark_while(|access| self.take_free(access)) > 0
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("readers", &self.readers.get())
            .field("is_writing", &self.writer.get())
            .field("tasks_waiting", &self.lot.len())
            .finish_non_exhaustive()
    }
}

/// The state of a [`RwLock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RwLockStatistics {
    /// How many hold it for reading.
    pub readers: usize,
    /// Whether somebody holds it for writing.
    pub is_writing: bool,
    /// Futures that wait for it.
    pub tasks_waiting: usize,
}

#[derive(Debug)]
struct Waiting<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    access: Access,
    turn: Turn<Access>,
}

impl<'a, T: ?Sized> Waiting<'a, T> {
    fn new(lock: &'a RwLock<T>, access: Access) -> Waiting<'a, T> {
        Waiting {
            lock,
            access,
            turn: Turn::new(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (lock, access) = (self.lock, self.access);
        self.turn.poll(
            cx,
            &lock.lot,
            || lock.take(access),
            || access,
            || lock.settle(),
        )
    }
}

impl<T: ?Sized> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        match self.turn.abandon() {
            Abandoned::Nothing => {}
            // It may have been the writer that the readers behind it waited for.
            Abandoned::Waiting => {
                self.lock.settle();
            }
            Abandoned::Handed => self.lock.release(self.access),
        }
    }
}

/// The future of [`RwLock::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, T: ?Sized>(Waiting<'a, T>);

impl<'a, T: ?Sized> Future for Read<'a, T> {
    type Output = ReadGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadGuard<'a, T>> {
        ready!(self.0.poll(cx));
        Poll::Ready(ReadGuard::new(self.0.lock))
    }
}

/// The future of [`RwLock::write`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, T: ?Sized>(Waiting<'a, T>);

impl<'a, T: ?Sized> Future for Write<'a, T> {
    type Output = WriteGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WriteGuard<'a, T>> {
        ready!(self.0.poll(cx));
        Poll::Ready(WriteGuard::new(self.0.lock))
    }
}
