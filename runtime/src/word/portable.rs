//! Every system that the standard library knows.

use std::sync::PoisonError;
use std::time::Duration;

use crate::prim::{AtomicU32, Condvar, Mutex, Ordering};

#[derive(Debug)]
pub(crate) struct Word {
    value: AtomicU32,
    /// Held from the look at the value until the wait has begun, and for a moment before waking: so
    /// nobody is woken between the two.
    lock: Mutex<()>,
    changed: Condvar,
}

impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word {
            value: AtomicU32::new(value),
            lock: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.value.load(order)
    }

    #[inline]
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.value.swap(value, order)
    }

    /// Whether it was `old`, and now is `new`.
    #[inline]
    pub(crate) fn change(&self, old: u32, new: u32) -> bool {
        self.value
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Waits for at most `timeout` while it is `value`, and tells whether the time has run out. It may return for no
    /// reason.
    pub(crate) fn wait(&self, value: u32, timeout: Option<Duration>) -> bool {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if self.value.load(Ordering::Relaxed) != value {
            return false;
        }
        match timeout {
            None => {
                drop(self.changed.wait(guard));
                false
            }
            Some(Duration::ZERO) => true,
            Some(timeout) => {
                let waited = self.changed.wait_timeout(guard, timeout);
                let (_guard, result) = waited.unwrap_or_else(PoisonError::into_inner);
                result.timed_out()
            }
        }
    }

    /// Wakes the one who waits, after a change.
    pub(crate) fn wake(&self) {
        drop(self.lock.lock());
        self.changed.notify_one();
    }
}
