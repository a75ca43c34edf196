//! What a run keeps for its threads.

use std::cell::RefCell;
use std::sync::Arc;

use slab::Slab;

use super::limiter::{Limiter, Permit};
use super::link::AtEnd;
use crate::core::{self, Core};
use crate::inbox::Message;

/// How many threads work for a run at a time, unless it says otherwise. As in trio.
const THREADS_MAX: usize = 40;

pub(crate) struct OfRun {
    limiter: Limiter,
    /// The permits of jobs that nobody waits for, until their threads have finished.
    abandoned: RefCell<Slab<Permit>>,
}

impl Default for OfRun {
    fn default() -> OfRun {
        OfRun {
            limiter: Limiter::new(THREADS_MAX),
            abandoned: RefCell::default(),
        }
    }
}

impl OfRun {
    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    pub(super) fn give_back(&self, key: usize) {
        let permit = self.abandoned.borrow_mut().try_remove(key);
        drop(permit);
    }
}

/// Keeps the permit until the thread calls what is returned, or the run ends. The key is for
/// [`OfRun::give_back`].
pub(super) fn keep(core: &Core, permit: Permit) -> (usize, AtEnd) {
    let key = core.threads.abandoned.borrow_mut().insert(permit);
    let inbox = Arc::clone(&core.inbox);
    // Somebody may wait for that permit: until it is back, the run is not stuck.
    let outside = Arc::clone(&core.outside);
    let at_end = move || {
        let give_back = move || {
            if let Some(core) = core::try_current() {
                core.threads.give_back(key);
            }
        };
        // Refused, the run has ended, and its permits are gone with it.
        let _ended = inbox.post(Message::Call(Box::new(give_back)));
        drop(outside);
    };
    (key, Box::new(at_end))
}
