//! Who waits for the run to be quiet.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::Duration;

use crate::panics::wake_all;

/// In the order in which they are woken: by cushion, then by age.
pub(crate) type IdlerKey = (Duration, u64);

#[derive(Default)]
pub(crate) struct Idlers {
    /// In the order of their keys. Few wait at a time, and only in tests.
    waiting: RefCell<Vec<(IdlerKey, State)>>,
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
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.partition_point(|(other, _)| *other < key);
        waiting.insert(place, (key, State::Waits(None)));
        key
    }

    pub(crate) fn set_waker(&self, key: IdlerKey, waker: Waker) {
        let mut waiting = self.waiting.borrow_mut();
        let place = place_of(&waiting, key);
        let old = match place.map(|place| &mut waiting[place].1) {
            Some(State::Waits(old)) => old.replace(waker),
            Some(State::Woken) | None => Some(waker),
        };
        drop(waiting);
        drop(old);
    }

    /// Whether it was woken; if so it is gone.
    pub(crate) fn take_woken(&self, key: IdlerKey) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let place = place_of(&waiting, key);
        let woken = place.filter(|&place| matches!(waiting[place].1, State::Woken));
        woken.map(|place| waiting.remove(place)).is_some()
    }

    pub(crate) fn remove(&self, key: IdlerKey) {
        let mut waiting = self.waiting.borrow_mut();
        let removed = place_of(&waiting, key).map(|place| waiting.remove(place));
        drop(waiting);
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
        for ((of, _), state) in self.waiting.borrow_mut().iter_mut() {
            if *of == cushion {
                if let State::Waits(waker) = std::mem::replace(state, State::Woken) {
                    wakers.extend(waker);
                }
            }
        }
        wake_all(wakers);
    }
}

fn place_of(waiting: &[(IdlerKey, State)], key: IdlerKey) -> Option<usize> {
    waiting.binary_search_by_key(&key, |(other, _)| *other).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_millis(2);

    #[test]
    fn those_with_the_shortest_cushion_are_woken_together_whatever_the_order_they_came_in() {
        let idlers = Idlers::default();
        let keys = [LONG, SHORT, LONG, SHORT].map(|cushion| idlers.insert(cushion));
        let woken = || keys.map(|key| idlers.take_woken(key));
        assert_eq!(idlers.least_cushion(), Some(SHORT));
        idlers.wake_first();
        // Those that were woken and have not looked yet are not in the way of the others.
        assert_eq!(idlers.least_cushion(), Some(LONG));
        assert_eq!(woken(), [false, true, false, true]);
        assert_eq!(woken(), [false; 4], "they are gone");
        idlers.wake_first();
        assert_eq!(woken(), [true, false, true, false]);
        assert!(idlers.is_empty());
        idlers.wake_first();
    }

    #[test]
    fn who_leaves_is_not_woken_and_may_leave_twice() {
        let idlers = Idlers::default();
        let [first, second] = [SHORT, SHORT].map(|cushion| idlers.insert(cushion));
        idlers.remove(first);
        idlers.remove(first);
        idlers.set_waker(first, Waker::noop().clone());
        idlers.wake_first();
        assert!(!idlers.take_woken(first));
        assert!(idlers.take_woken(second));
        assert_eq!(idlers.least_cushion(), None);
    }
}
