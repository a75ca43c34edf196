//! The handshake with a bug.

use crate::models::Bell;
use crate::prim::{Ordering, Word};

const RUNNING: u32 = 0;
const NOTIFIED: u32 = 1;
const SLEEPING: u32 = 2;
const PARKED: u32 = 3;

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
    /// So does `park`.
    ParkStores,
    /// `ring` has the reactor notified, whatever the loop sleeps on.
    RingsElsewhere,
}

pub(crate) struct Planted {
    state: Word,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: Word::new(RUNNING),
            bug,
        }
    }

    fn swap(&self, state: u32, stores: Bug, relaxed: Bug) -> u32 {
        if self.bug == stores {
            let old = self.state.load(Ordering::Acquire);
            self.state.swap(state, Ordering::Release);
            return old;
        }
        let order = match self.bug == relaxed {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        self.state.swap(state, order)
    }
}

impl Planted {
    fn fall_asleep_as(&self, state: u32, stores: Bug) -> bool {
        if self.bug == stores {
            let awake = self.state.load(Ordering::Acquire) == RUNNING;
            if awake {
                self.state.swap(state, Ordering::Release);
            }
            return awake;
        }
        self.state.change(RUNNING, state)
    }
}

impl Bell for Planted {
    fn ring(&self) -> bool {
        let state = self.swap(NOTIFIED, Bug::RingStores, Bug::RingRelaxed);
        if state == PARKED && self.bug != Bug::RingsElsewhere {
            self.state.wake();
            return false;
        }
        state == SLEEPING || state == PARKED
    }

    fn take(&self) -> bool {
        if self.state.load(Ordering::Relaxed) == RUNNING {
            return false;
        }
        self.swap(RUNNING, Bug::TakeStores, Bug::TakeRelaxed) == NOTIFIED
    }

    fn fall_asleep(&self) -> bool {
        self.fall_asleep_as(SLEEPING, Bug::SleepStores)
    }

    fn park(&self) {
        if self.fall_asleep_as(PARKED, Bug::ParkStores) {
            self.state.wait(PARKED, None);
        }
    }
}
