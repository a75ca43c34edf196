//! Linux.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Timespec};

#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word(AtomicU32::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }

    /// Whether it was `old`, and now is `new`.
    #[inline]
    pub(crate) fn change(&self, old: u32, new: u32) -> bool {
        self.0
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Waits for at most `timeout` while it is `value`, and tells whether the time has run out. It may return for no
    /// reason.
    pub(crate) fn wait(&self, value: u32, timeout: Option<Duration>) -> bool {
        let timeout = timeout.map(|timeout| Timespec {
            // What is longer ends too early, for no reason. The casts are to types that systems differ in.
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as _,
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let ended = futex::wait(&self.0, futex::Flags::PRIVATE, value, timeout.as_ref());
        // All others, another value and a signal that came, are returns too.
        ended == Err(Errno::TIMEDOUT)
    }

    /// Wakes the one who waits, after a change.
    #[cold]
    pub(crate) fn wake(&self) {
        // It cannot fail: the word is there, and aligned.
        let _woken = futex::wake(&self.0, futex::Flags::PRIVATE, 1);
    }
}
