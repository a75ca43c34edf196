//! What a read-write lock hands out.

use std::cell::{Ref, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{Access, RwLock};
use crate::testing;

/// Holds a [`RwLock`] for reading until it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct ReadGuard<'a, T: ?Sized> {
    // First, so that the value is not borrowed any more when the lock is handed over.
    value: Ref<'a, T>,
    _held: Held<'a, T>,
}

/// Holds a [`RwLock`] for writing until it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard<'a, T: ?Sized> {
    value: RefMut<'a, T>,
    held: Held<'a, T>,
}

struct Held<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    access: Access,
    _counted: testing::Held,
}

impl<'a, T: ?Sized> Held<'a, T> {
    fn new(lock: &'a RwLock<T>, access: Access) -> Held<'a, T> {
        Held {
            lock,
            access,
            _counted: testing::Held::new(),
        }
    }
}

impl<T: ?Sized> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.lock.release(self.access);
    }
}

impl<'a, T: ?Sized> ReadGuard<'a, T> {
    /// For one who counts as a reader.
    pub(super) fn new(lock: &'a RwLock<T>) -> ReadGuard<'a, T> {
        let access = Access::Read;
        ReadGuard {
            value: lock.value.borrow(),
            _held: Held::new(lock, access),
        }
    }
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// For the one who counts as the writer.
    pub(super) fn new(lock: &'a RwLock<T>) -> WriteGuard<'a, T> {
        let access = Access::Write;
        WriteGuard {
            value: lock.value.borrow_mut(),
            held: Held::new(lock, access),
        }
    }

    /// Goes on as a reader: no writer comes in between, and readers at the head of the line come in.
    ///
    /// ```
    /// use nestling_runtime::sync::{RwLock, WriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.try_write().ok_or("it is free")?;
    /// *guard = 2;
    /// let guard = WriteGuard::downgrade(guard);
    /// assert!(lock.try_read().is_some());
    /// assert_eq!(*guard, 2);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn downgrade(guard: WriteGuard<'a, T>) -> ReadGuard<'a, T> {
        let WriteGuard { value, mut held } = guard;
        drop(value);
        let value = held.lock.value.borrow();
        held.access = Access::Read;
        held.lock.downgrade();
        ReadGuard { value, _held: held }
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadGuard").field(&&*self.value).finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteGuard").field(&&*self.value).finish()
    }
}
