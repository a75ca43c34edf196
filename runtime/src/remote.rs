//! What other threads leave for an owner on this one.

use std::sync::PoisonError;

use crate::prim::Mutex;

/// A small box with a lock: only wake-ups from other threads come through here.
pub(crate) struct Remote<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    items: Vec<T>,
    body: bool,
    /// The run has been told and has not looked yet.
    posted: bool,
}

/// What `take` found.
pub(crate) struct Arrived<T> {
    pub(crate) items: Vec<T>,
    pub(crate) body: bool,
}

impl<T> Remote<T> {
    pub(crate) fn new() -> Remote<T> {
        Remote {
            state: Mutex::new(State {
                items: Vec::new(),
                body: false,
                posted: false,
            }),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        // Nothing below panics while it holds the lock.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves an item. `true`: the run has to be told.
    #[must_use]
    pub(crate) fn push(&self, item: T) -> bool {
        self.with(|state| {
            state.items.push(item);
            !std::mem::replace(&mut state.posted, true)
        })
    }

    /// Leaves word that the body was woken. `true`: the run has to be told.
    #[must_use]
    pub(crate) fn mark_body(&self) -> bool {
        self.with(|state| {
            state.body = true;
            !std::mem::replace(&mut state.posted, true)
        })
    }

    /// Takes what is there; the owner's thread only.
    pub(crate) fn take(&self) -> Arrived<T> {
        self.with(|state| {
            state.posted = false;
            Arrived {
                items: std::mem::take(&mut state.items),
                body: std::mem::take(&mut state.body),
            }
        })
    }
}
