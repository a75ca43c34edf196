//! What a semaphore hands out.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use super::Semaphore;
use crate::testing::Held;

/// Permits of a [`Semaphore`], given back when they are dropped. `S` is a reference to it, or an `Rc`.
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    count: usize,
    _counted: Held,
}

/// Permits that borrow nothing.
pub type OwnedPermit = Permit<Rc<Semaphore>>;

impl<S: Deref<Target = Semaphore>> Permit<S> {
    /// Of permits that count as held already.
    pub(super) fn new(semaphore: S, count: usize) -> Permit<S> {
        Permit {
            semaphore,
            count,
            _counted: Held::new(),
        }
    }

    /// How many permits it is.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes `count` of its permits off, as a permit of its own. `None` if it has not as many.
    ///
    /// ```
    /// use nestling_runtime::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(5);
    /// let mut five = semaphore.try_acquire_many(5).ok_or("five are free")?;
    /// let two = five.split(2).ok_or("two are among five")?;
    /// assert_eq!((five.count(), two.count()), (3, 2));
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn split(&mut self, count: usize) -> Option<Permit<S>>
    where
        S: Clone,
    {
        let left = self.count.checked_sub(count)?;
        let semaphore = self.semaphore.clone();
        self.count = left;
        Some(Permit::new(semaphore, count))
    }

    /// Takes the permits away from the semaphore for good.
    ///
    /// ```
    /// use nestling_runtime::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(2);
    /// semaphore.try_acquire().ok_or("two are free")?.forget();
    /// assert_eq!(semaphore.available(), 1);
    /// assert_eq!(semaphore.statistics().held, 0);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn forget(mut self) {
        self.semaphore.forget(std::mem::take(&mut self.count));
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.give_back(self.count);
        }
    }
}

impl<S: Deref<Target = Semaphore>> fmt::Debug for Permit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} of {:?})", self.count, &*self.semaphore)
    }
}
