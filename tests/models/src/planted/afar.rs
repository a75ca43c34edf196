//! The word by which other threads wake a task, with a bug.

use crate::models::{Count, Mark};
use crate::prim::{AtomicU8, Ordering};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `end` gives nothing.
    NoGift,
    /// `end` gives also if the thread has a count already.
    GiftToThePosted,
    /// `end` does not say that the task is over.
    NeverOver,
    /// `take` stores what it has loaded.
    TakesByStore,
    /// A thread that finds it posted changes nothing.
    SecondOnlyLooks,
}

const POSTED: u8 = 1;
const POSTING: u8 = 2;
const GIFT: u8 = 4;
const OVER: u8 = 8;

pub(crate) struct Planted {
    state: AtomicU8,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: AtomicU8::new(0),
            bug,
        }
    }

    fn exchange(&self, now: u8, next: u8) -> Result<u8, u8> {
        self.state
            .compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed)
    }
}

impl Mark for Planted {
    fn begin(&self) -> bool {
        let mut now = self.state.load(Ordering::Relaxed);
        loop {
            if now & OVER != 0 {
                return false;
            }
            let is_first = now & POSTED == 0;
            if !is_first && self.bug == Bug::SecondOnlyLooks {
                return false;
            }
            let next = if is_first {
                now | POSTED | POSTING
            } else {
                now
            };
            match self.exchange(now, next) {
                Ok(_) => return is_first,
                Err(changed) => now = changed,
            }
        }
    }

    fn posting(&self) -> bool {
        self.state.fetch_and(!POSTING, Ordering::AcqRel) & GIFT != 0
    }

    fn take(&self) {
        if self.bug == Bug::TakesByStore {
            let now = self.state.load(Ordering::Relaxed);
            return self.state.store(now & !POSTED, Ordering::Relaxed);
        }
        self.state.fetch_and(!POSTED, Ordering::AcqRel);
    }

    fn end<'a>(&self, count: &dyn Fn() -> Count<'a>) {
        let gives_to = match self.bug {
            Bug::NoGift => 0,
            Bug::GiftToThePosted => POSTED,
            _ => POSTING,
        };
        let over = if self.bug == Bug::NeverOver { 0 } else { OVER };
        let mut gift = None;
        let mut now = self.state.load(Ordering::Relaxed);
        loop {
            let mut next = now | over;
            if now & gives_to != 0 {
                next |= GIFT;
                gift.get_or_insert_with(count);
            }
            match self.exchange(now, next) {
                Ok(_) if next & GIFT != 0 => return std::mem::forget(gift),
                Ok(_) => return,
                Err(changed) => now = changed,
            }
        }
    }
}
