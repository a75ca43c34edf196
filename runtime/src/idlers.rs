//! Who waits for the run to be quiet.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use crate::panics::wake_all;

/// In the order in which they are woken: by cushion, then by age.
pub(crate) type IdlerKey = (Duration, u64);

#[derive(Default)]
pub(crate) struct Idlers {
    waiting: RefCell<BTreeMap<IdlerKey, State>>,
    next: Cell<u64>,
}

enum State {
    Waits(Option<Waker>),
    Woken,
}

impl Idlers {
    pub(crate) fn insert(&self, cushion: Duration) -> IdlerKey {
        let number = self.next.get();
        self.next.set(number + 1);
        let key = (cushion, number);
        self.waiting.borrow_mut().insert(key, State::Waits(None));
        key
    }

    pub(crate) fn set_waker(&self, key: IdlerKey, waker: Waker) {
        let mut waiting = self.waiting.borrow_mut();
        let old = match waiting.get_mut(&key) {
            Some(State::Waits(old)) => old.replace(waker),
            Some(State::Woken) | None => Some(waker),
        };
        drop(waiting);
        drop(old);
    }

    /// Whether it was woken; if so it is gone.
    pub(crate) fn take_woken(&self, key: IdlerKey) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let woken = matches!(waiting.get(&key), Some(State::Woken));
        if woken {
            waiting.remove(&key);
        }
        woken
    }

    pub(crate) fn remove(&self, key: IdlerKey) {
        let removed = self.waiting.borrow_mut().remove(&key);
        drop(removed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// The shortest cushion of those that wait.
    pub(crate) fn least_cushion(&self) -> Option<Duration> {
        let waiting = self.waiting.borrow();
        let mut waits = waiting
            .iter()
            .filter(|(_, state)| matches!(state, State::Waits(_)));
        waits.next().map(|((cushion, _), _)| *cushion)
    }

    /// Wakes those that have the shortest cushion.
    pub(crate) fn wake_first(&self) {
        let Some(cushion) = self.least_cushion() else {
            return;
        };
        let mut wakers = Vec::new();
        for (_, state) in self
            .waiting
            .borrow_mut()
            .range_mut((cushion, 0)..=(cushion, u64::MAX))
        {
            if let State::Waits(waker) = std::mem::replace(state, State::Woken) {
                wakers.extend(waker);
            }
        }
        wake_all(wakers);
    }
}
