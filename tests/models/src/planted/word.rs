//! The word with a bug.

use crate::models::Waits;
use crate::prim::{AtomicU32, Condvar, Mutex, Ordering};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `wait` looks at the word before it takes the lock.
    LooksFirst,
    /// `wake` does not take the lock.
    WakesAtOnce,
}

pub(crate) struct Planted {
    value: AtomicU32,
    lock: Mutex<()>,
    changed: Condvar,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            value: AtomicU32::new(0),
            lock: Mutex::new(()),
            changed: Condvar::new(),
            bug,
        }
    }
}

impl Waits for Planted {
    fn load(&self) -> u32 {
        self.value.load(Ordering::Acquire)
    }

    fn set(&self, value: u32) -> u32 {
        self.value.swap(value, Ordering::AcqRel)
    }

    fn wait(&self, value: u32) {
        if self.bug == Bug::LooksFirst && self.load() != value {
            return;
        }
        let guard = self.lock.lock().unwrap();
        if self.bug == Bug::LooksFirst || self.load() == value {
            drop(self.changed.wait(guard));
        }
    }

    fn wake(&self) {
        if self.bug != Bug::WakesAtOnce {
            drop(self.lock.lock());
        }
        self.changed.notify_one();
    }
}
