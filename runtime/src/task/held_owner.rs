//! A wake-up climbs from queue to owner, by Nestling's own wakers, perhaps to an owner whose waker is foreign code.
//! Where that must not run, it is held back. The climb ends there, so there is one at most.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::TaskQueue;

struct Holding {
    is_on: Cell<bool>,
    /// What is in it is taken out by who holds owners back, so that the cell needs no destructor.
    held: Cell<Option<ManuallyDrop<Arc<TaskQueue>>>>,
}

thread_local! {
    static HOLDING: Holding = const {
        Holding {
            is_on: Cell::new(false),
            held: Cell::new(None),
        }
    };
}

/// The owner of a queue, which is to be woken by foreign code.
#[must_use]
pub(crate) struct HeldOwner(Arc<TaskQueue>);

impl HeldOwner {
    pub(crate) fn wake(&self) {
        if let Some(local) = self.0.local.get() {
            local.wake_foreign_owner();
        }
    }
}

/// Until it is dropped, foreign owners are held back. Within another one it does nothing.
pub(crate) struct HoldBack {
    is_outermost: bool,
}

impl HoldBack {
    #[inline]
    pub(crate) fn begin() -> HoldBack {
        HoldBack {
            is_outermost: HOLDING.with(|holding| !holding.is_on.replace(true)),
        }
    }

    /// Whether an owner has come.
    #[inline]
    pub(crate) fn has_one(&self) -> bool {
        HOLDING.with(|holding| {
            let held = holding.held.take();
            let has_one = held.is_some();
            holding.held.set(held);
            has_one
        })
    }

    /// The owner that has come. From here on they are woken again.
    #[inline]
    pub(crate) fn end(self) -> Option<HeldOwner> {
        if !self.is_outermost {
            return None;
        }
        let held = HOLDING.with(|holding| holding.held.take())?;
        Some(HeldOwner(ManuallyDrop::into_inner(held)))
    }
}

impl Drop for HoldBack {
    #[inline]
    fn drop(&mut self) {
        if self.is_outermost {
            HOLDING.with(|holding| holding.is_on.set(false));
        }
    }
}

/// Wakes the foreign owner of the queue, or keeps it for who holds owners back. The owner may end meanwhile, and with
/// it the queue.
#[cold]
pub(super) fn wake_or_hold(queue: Arc<TaskQueue>) {
    let is_held = HOLDING.with(|holding| holding.is_on.get());
    let owner = HeldOwner(queue);
    if !is_held {
        return owner.wake();
    }
    let before = HOLDING.with(|holding| holding.held.replace(Some(ManuallyDrop::new(owner.0))));
    debug_assert!(before.is_none(), "a climb ends at a foreign owner");
}
