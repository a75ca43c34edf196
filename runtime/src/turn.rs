//! One task at a time.

use std::cell::Cell;

/// Something that one task at a time may use.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    taken: Cell<bool>,
}

impl Turn {
    /// `None` if another task has it.
    pub(crate) fn take(&self) -> Option<TurnGuard<'_>> {
        if self.taken.replace(true) {
            None
        } else {
            Some(TurnGuard(self))
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken.get()
    }
}

/// Ends the turn on drop.
#[derive(Debug)]
pub(crate) struct TurnGuard<'a>(&'a Turn);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.taken.set(false);
    }
}
