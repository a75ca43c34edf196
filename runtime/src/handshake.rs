//! How a thread that has work for the loop and a loop that is about to sleep do not miss each other.
//!
//! One word, changed by read-modify-write only, so that its changes form one chain and need no fence:
//!
//! ```text
//!            1 ring                   2 fall_asleep, park
//! NOTIFIED <-------- RUNNING ----------------------------> SLEEPING or PARKED
//!    |                  ^                                      |
//!    |  3 take          |   4 take                             | 5 ring: the ringer must notify, or wakes
//!    +------------------+<-------------------------------- NOTIFIED
//! ```
//!
//! A ringer pushes its work first and rings then (release); the loop takes (acquire) and looks for
//! work then. If `fall_asleep` fails, somebody rang, and the loop must not sleep.
//!
//! The loop sleeps in the reactor, or, when only other threads and the time can end its wait, on this very
//! word, which is cheaper for both sides. The word says which, so that a ringer cannot wake it in vain.

use std::time::Duration;

use crate::prim::{Ordering, Word};

const RUNNING: u32 = 0;
const NOTIFIED: u32 = 1;
const SLEEPING: u32 = 2;
const PARKED: u32 = 3;

#[derive(Debug)]
pub(crate) struct Handshake {
    state: Word,
}

impl Handshake {
    pub(crate) fn new() -> Handshake {
        Handshake {
            state: Word::new(RUNNING),
        }
    }

    /// Says that there is work, from any thread. `true`: the loop sleeps in the reactor and the caller has
    /// to wake it; of several ringers one gets that answer. A loop that is parked is woken.
    #[must_use]
    pub(crate) fn ring(&self) -> bool {
        let state = self.state.swap(NOTIFIED, Ordering::AcqRel);
        if state == PARKED {
            self.state.wake();
        }
        state == SLEEPING
    }

    /// Whether `take` would tell that somebody rang; the loop only.
    pub(crate) fn has_rung(&self) -> bool {
        self.state.load(Ordering::Relaxed) != RUNNING
    }

    /// Whether somebody rang since the last call; the loop only.
    pub(crate) fn take(&self) -> bool {
        // The plain load keeps a turn without foreign work free of read-modify-writes.
        if !self.has_rung() {
            return false;
        }
        self.state.swap(RUNNING, Ordering::AcqRel) == NOTIFIED
    }

    /// Announces that the loop is about to block in the reactor. `false`: somebody rang, do not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.state.change(RUNNING, SLEEPING)
    }

    /// Blocks until somebody rings, or has rung, for at most `timeout`. It may return for no reason.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        if self.state.change(RUNNING, PARKED) {
            let _timed_out = self.state.wait(PARKED, timeout);
        }
    }
}
