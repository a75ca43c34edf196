//! A job that somebody works on.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::WorkQueue;
use crate::channel::wakes::discard;
use crate::testing::Held;

/// A job that is being worked on, from [`WorkQueue::get`]. Dropped, it is done.
#[must_use = "dropping it says that the job is done"]
pub struct Job<'a, T> {
    item: Option<T>,
    queue: &'a WorkQueue<T>,
    _counted: Held,
}

impl<'a, T> Job<'a, T> {
    pub(super) fn new(item: T, queue: &'a WorkQueue<T>) -> Job<'a, T> {
        let item = Some(item);
        Job {
            item,
            queue,
            _counted: Held::new(),
        }
    }

    /// The item by itself; the job counts as done from here on.
    pub fn into_inner(mut self) -> T {
        match self.item.take() {
            Some(item) => item,
            None => unreachable!("a job has its item until it is dropped"),
        }
    }
}

impl<T> Deref for Job<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.item {
            Some(item) => item,
            None => unreachable!("a job has its item until it is dropped"),
        }
    }
}

impl<T> DerefMut for Job<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.item {
            Some(item) => item,
            None => unreachable!("a job has its item until it is dropped"),
        }
    }
}

impl<T> Drop for Job<'_, T> {
    fn drop(&mut self) {
        struct Done<'a, T>(&'a WorkQueue<T>);
        impl<T> Drop for Done<'_, T> {
            fn drop(&mut self) {
                self.0.task_done();
            }
        }
        // Also if the item's destructor panics.
        let _done = Done(self.queue);
        discard(self.item.take());
    }
}

impl<T: fmt::Debug> fmt::Debug for Job<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&**self).finish()
    }
}

/// As the item itself.
impl<T: fmt::Display> fmt::Display for Job<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
