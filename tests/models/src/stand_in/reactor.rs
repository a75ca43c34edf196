//! The part of the reactor that other threads see.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::prim::{Parker, Unparker};

/// What the loop sleeps on.
pub(crate) struct Sleeper {
    parker: Parker,
    count: Arc<AtomicUsize>,
}

#[derive(Clone)]
pub(crate) struct Notifier {
    unparker: Unparker,
    count: Arc<AtomicUsize>,
}

impl Sleeper {
    pub(crate) fn new() -> Sleeper {
        Sleeper {
            parker: Parker::new(),
            count: Arc::new(AtomicUsize::new(0)),
        }
    }

    pub(crate) fn notifier(&self) -> Notifier {
        Notifier {
            unparker: self.parker.unparker(),
            count: Arc::clone(&self.count),
        }
    }

    /// Blocks until there has been a notification since the last call.
    pub(crate) fn sleep(&self) {
        self.parker.park();
    }

    /// How many notifications there have been.
    pub(crate) fn notifications(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Notifier {
    pub(crate) fn notify(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.unparker.unpark();
    }
}
