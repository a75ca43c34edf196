//! The box for what other threads leave, with a bug.

use crate::models::Shelf;
use crate::prim::Mutex;
use crate::remote::Arrived;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `take` takes the items, lets the lock go, and says then that it has looked.
    ClearsAfter,
    /// `take` says that it has looked, lets the lock go, and takes the items then.
    ClearsBefore,
    /// `mark_body` never has the run told.
    SilentBody,
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
        self.with(|state| {
            state.items.push(item);
            !std::mem::replace(&mut state.posted, true)
        })
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
}
