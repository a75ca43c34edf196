//! How other threads wake a task, whose own thread pays nothing for it until they do.
//!
//! The first thread that wakes a task POSTS a reference to it to its queue, from where its own thread takes it.
//! While it is about to (POSTING), it uses the queue, which lives only as long as its tasks; so a task that ends
//! meanwhile leaves it a count of the queue (GIFT).
//!
//! ```text
//!              thread: begin                 thread: has a count of the queue
//! 1 nothing ------------------> 2 POSTING -------------------------------------> 3 POSTED
//!     ^                             | own thread: the task ends, and gives a gift    |
//!     +-----------------------------|----------- own thread: takes the reference ----+
//! ```
//!
//! One word, changed by read-modify-write only: what happened before a wake-up is seen by the poll that follows it,
//! also if another thread has posted.

use std::mem::ManuallyDrop;

use crate::prim::{AtomicU8, Ordering};

const POSTED: u8 = 1;
const POSTING: u8 = 2;
const GIFT: u8 = 4;
const OVER: u8 = 8;

pub(crate) struct Afar {
    state: AtomicU8,
}

impl Afar {
    pub(crate) fn new() -> Afar {
        Afar {
            state: AtomicU8::new(0),
        }
    }

    /// A wake-up on another thread. `true`: the caller posts it. It may use the task's queue until it calls
    /// `posting`, and makes a count of its own of it for what comes after that.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        let mut now = self.state.load(Ordering::Relaxed);
        loop {
            if now & OVER != 0 {
                return false;
            }
            let is_first = now & POSTED == 0;
            let next = match is_first {
                true => now | POSTED | POSTING,
                // Its own thread has yet to take it.
                false => now,
            };
            match self.exchange(now, next) {
                Ok(_) => return is_first,
                Err(changed) => now = changed,
            }
        }
    }

    /// The caller has a count of the queue, and posts next. `true`: it has been given another, and lets go of that.
    #[must_use]
    pub(crate) fn posting(&self) -> bool {
        self.state.fetch_and(!POSTING, Ordering::AcqRel) & GIFT != 0
    }

    /// Its own thread has taken the reference.
    pub(crate) fn take(&self) {
        self.state.fetch_and(!POSTED, Ordering::AcqRel);
    }

    /// The task is over: no thread begins to use the queue any more. One that is about to gets what `count`
    /// returns.
    pub(crate) fn end<C>(&self, count: impl Fn() -> C) {
        let mut gift = None;
        let mut now = self.state.load(Ordering::Relaxed);
        loop {
            let mut next = now | OVER;
            if now & POSTING != 0 {
                next |= GIFT;
                gift.get_or_insert_with(&count);
            }
            match self.exchange(now, next) {
                Ok(_) if next & GIFT != 0 => {
                    let _given = ManuallyDrop::new(gift);
                    return;
                }
                Ok(_) => return,
                Err(changed) => now = changed,
            }
        }
    }

    fn exchange(&self, now: u8, next: u8) -> Result<u8, u8> {
        self.state
            .compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed)
    }
}
