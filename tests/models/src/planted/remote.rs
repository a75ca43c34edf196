//! The box for what other threads leave, with a bug.

use crate::models::Shelf;
use crate::prim::{Mutex, Parker, Unparker};
use crate::remote::Arrived;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `take` takes the items, lets the lock go, and says then that it has looked.
    ClearsAfter,
    /// `take` says that it has looked, lets the lock go, and takes the items then.
    ClearsBefore,
    /// `mark_body` never has the run told.
    SilentBody,
    /// `wait` looks, lets the lock go, and leaves its unparker then.
    LooksThenWaits,
    /// `push` unparks before it pushes.
    UnparksFirst,
}

pub(crate) struct Planted {
    state: Mutex<State>,
    bug: Bug,
}

#[derive(Default)]
struct State {
    items: Vec<u32>,
    body: bool,
    posted: bool,
    waiting: Option<Unparker>,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: Mutex::new(State::default()),
            bug,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap())
    }

    fn unpark(&self) {
        let waiting = self.with(|state| state.waiting.take());
        if let Some(unparker) = waiting {
            unparker.unpark();
        }
    }
}

impl State {
    fn take_items(&mut self) -> Arrived<u32> {
        Arrived {
            items: std::mem::take(&mut self.items),
            body: std::mem::take(&mut self.body),
        }
    }
}

impl Shelf for Planted {
    fn push(&self, item: u32) -> bool {
        if self.bug == Bug::UnparksFirst {
            self.unpark();
        }
        let must_post = self.with(|state| {
            state.items.push(item);
            !std::mem::replace(&mut state.posted, true)
        });
        if self.bug != Bug::UnparksFirst {
            self.unpark();
        }
        must_post
    }

    fn mark_body(&self) -> bool {
        self.with(|state| {
            state.body = true;
            !std::mem::replace(&mut state.posted, true)
        }) && self.bug != Bug::SilentBody
    }

    fn take(&self) -> Arrived<u32> {
        if self.bug == Bug::ClearsBefore {
            self.with(|state| state.posted = false);
        }
        let arrived = self.with(|state| {
            if !matches!(self.bug, Bug::ClearsBefore | Bug::ClearsAfter) {
                state.posted = false;
            }
            state.take_items()
        });
        if self.bug == Bug::ClearsAfter {
            self.with(|state| state.posted = false);
        }
        arrived
    }

    fn wait(&self) -> Vec<u32> {
        let parker = Parker::new();
        loop {
            let items = self.with(|state| {
                let items = std::mem::take(&mut state.items);
                if items.is_empty() && self.bug != Bug::LooksThenWaits {
                    state.waiting = Some(parker.unparker());
                }
                items
            });
            if !items.is_empty() {
                return items;
            }
            if self.bug == Bug::LooksThenWaits {
                self.with(|state| state.waiting = Some(parker.unparker()));
            }
            parker.park();
        }
    }
}
