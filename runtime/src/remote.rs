//! What other threads leave for an owner on this one, and how it waits for what is on its way.

use std::sync::PoisonError;

use crate::prim::{Mutex, Parker, Unparker};

/// A small box with a lock: only wake-ups from other threads come through here.
pub(crate) struct Remote<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    items: Vec<T>,
    body: bool,
    /// The run has been told and has not looked yet.
    posted: bool,
    /// The owner is parked until something arrives.
    waiting: Option<Unparker>,
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
                waiting: None,
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
        let (must_post, waiting) = self.with(|state| {
            state.items.push(item);
            let must_post = !std::mem::replace(&mut state.posted, true);
            (must_post, state.waiting.take())
        });
        if let Some(unparker) = waiting {
            unparker.unpark();
        }
        must_post
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

    /// Waits until there is an item; the owner's thread only.
    pub(crate) fn wait(&self) -> Vec<T> {
        let mut parker: Option<Parker> = None;
        loop {
            let items = self.with(|state| {
                let items = std::mem::take(&mut state.items);
                if items.is_empty() {
                    let parker = parker.get_or_insert_with(Parker::new);
                    state.waiting = Some(parker.unparker());
                }
                items
            });
            match &parker {
                Some(parker) if items.is_empty() => parker.park(),
                _ => return items,
            }
        }
    }
}
