//! One task at a time.
//!
//! The reactor itself refuses a second waiter. This is needed beside it because an operation of several
//! steps (`write_all`) is busy between its steps as well.

use std::cell::Cell;

/// Something that one task at a time may use: a direction of a stream, say.
///
/// ```
/// use nestling_runtime::io::Turn;
///
/// let reader = Turn::default();
/// let turn = reader.take();
/// assert!(turn.is_some() && reader.take().is_none());
/// drop(turn);
/// assert!(!reader.is_taken());
/// ```
#[derive(Debug, Default)]
pub struct Turn {
    taken: Cell<bool>,
}

impl Turn {
    /// Takes the turn until the guard is dropped. `None` if another task has it.
    #[must_use = "dropped at once, it was no turn"]
    pub fn take(&self) -> Option<TurnGuard<'_>> {
        if self.taken.replace(true) {
            None
        } else {
            Some(TurnGuard(self))
        }
    }

    /// Whether somebody has it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken.get()
    }
}

/// Ends the turn on drop.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a Turn);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.taken.set(false);
    }
}
