//! The handshake with a bug.

use crate::models::Bell;
use crate::prim::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const NOTIFIED: u8 = 1;
const SLEEPING: u8 = 2;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `ring` reads and then writes, instead of swapping.
    RingStores,
    /// `ring` does not publish the work before it.
    RingRelaxed,
    /// `take` reads and then writes.
    TakeStores,
    /// `take` does not see the work before the ringing.
    TakeRelaxed,
    /// `fall_asleep` reads and then writes.
    SleepStores,
}

pub(crate) struct Planted {
    state: AtomicU8,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: AtomicU8::new(RUNNING),
            bug,
        }
    }

    fn swap(&self, state: u8, stores: Bug, relaxed: Bug) -> u8 {
        if self.bug == stores {
            let old = self.state.load(Ordering::Acquire);
            self.state.store(state, Ordering::Release);
            return old;
        }
        let order = match self.bug == relaxed {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        self.state.swap(state, order)
    }
}

impl Bell for Planted {
    fn ring(&self) -> bool {
        self.swap(NOTIFIED, Bug::RingStores, Bug::RingRelaxed) == SLEEPING
    }

    fn take(&self) -> bool {
        if self.state.load(Ordering::Relaxed) == RUNNING {
            return false;
        }
        self.swap(RUNNING, Bug::TakeStores, Bug::TakeRelaxed) == NOTIFIED
    }

    fn fall_asleep(&self) -> bool {
        if self.bug == Bug::SleepStores {
            let awake = self.state.load(Ordering::Acquire) == RUNNING;
            if awake {
                self.state.store(SLEEPING, Ordering::Release);
            }
            return awake;
        }
        self.state
            .compare_exchange(RUNNING, SLEEPING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
