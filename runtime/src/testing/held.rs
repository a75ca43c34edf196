//! What is held, counted.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

thread_local! {
    static OUTSTANDING: Cell<isize> = const { Cell::new(0) };
}

/// How many [`Held`] tokens live on this thread.
///
/// ```
/// use nestling_runtime::testing::{Held, outstanding};
///
/// let before = outstanding();
/// let permit = Held::new();
/// assert_eq!(outstanding(), before + 1);
/// drop(permit);
/// assert_eq!(outstanding(), before);
/// ```
#[must_use]
pub fn outstanding() -> isize {
    OUTSTANDING.get()
}

/// A token for something that must be given back: a permit, a lock's guard, a place in a queue. Whoever
/// makes such things keeps a token in each, and a test sees by [`outstanding`] that none was lost.
///
/// It takes no room, and counting is an addition.
#[must_use = "it counts as long as it lives"]
pub struct Held {
    /// It must be dropped on the thread where it was counted.
    not_send: PhantomData<Rc<()>>,
}

impl Held {
    /// One more is held until this is dropped.
    #[inline]
    pub fn new() -> Held {
        OUTSTANDING.set(OUTSTANDING.get() + 1);
        Held {
            not_send: PhantomData,
        }
    }
}

impl Default for Held {
    fn default() -> Held {
        Held::new()
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        OUTSTANDING.set(OUTSTANDING.get() - 1);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}
