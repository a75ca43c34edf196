//! How a thread that has work for the loop and a loop that is about to sleep do not miss each other.
//!
//! One word, changed by read-modify-write only, so that its changes form one chain and need no fence:
//!
//! ```text
//!            1 ring                     2 fall_asleep
//! NOTIFIED <-------- RUNNING ----------------------------> SLEEPING
//!    |                  ^                                      |
//!    |  3 take          |   4 take                             | 5 ring: the ringer must notify
//!    +------------------+<-------------------------------- NOTIFIED
//! ```
//!
//! A ringer pushes its work first and rings then (release); the loop takes (acquire) and looks for
//! work then. If `fall_asleep` fails, somebody rang, and the loop must not sleep.

use crate::prim::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const NOTIFIED: u8 = 1;
const SLEEPING: u8 = 2;

#[derive(Debug)]
pub(crate) struct Handshake {
    state: AtomicU8,
}

impl Handshake {
    pub(crate) fn new() -> Handshake {
        Handshake {
            state: AtomicU8::new(RUNNING),
        }
    }

    /// Says that there is work, from any thread. `true`: the loop sleeps and the caller has to wake
    /// it; of several ringers one gets that answer.
    #[must_use]
    pub(crate) fn ring(&self) -> bool {
        self.state.swap(NOTIFIED, Ordering::AcqRel) == SLEEPING
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

    /// Announces that the loop is about to block. `false`: somebody rang, do not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.state
            .compare_exchange(RUNNING, SLEEPING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
