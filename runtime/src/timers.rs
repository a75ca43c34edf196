//! The timers of a run: a heap of four children a node, whose entries know their slots.
//!
//! An entry is removed when its owner is dropped and moved in place when its deadline changes, so
//! the heap holds live timers only, whatever the churn. Equal deadlines fire in the order of arming.

use std::fmt;
use std::rc::Rc;
use std::task::Waker;

use crate::frames::FrameId;

/// What happens when the deadline has come.
pub(crate) enum Action {
    Wake(Waker),
    Cancel(FrameId),
    Call(Rc<dyn Fn()>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Wake(_) => f.write_str("Wake"),
            Action::Cancel(frame) => write!(f, "Cancel({frame:?})"),
            Action::Call(_) => f.write_str("Call"),
        }
    }
}

/// One armed or fired timer; valid until `remove`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: u64,
    order: u64,
    slot: u32,
}

/// The position of a slot whose timer has fired.
const FIRED: u32 = u32::MAX;
const ARITY: usize = 4;

#[derive(Debug)]
struct Slot {
    position: u32,
    action: Option<Action>,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<Entry>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    order: u64,
}

impl Timers {
    /// Arms a timer for `at`, in nanoseconds of the run.
    pub(crate) fn insert(&mut self, at: u64, action: Action) -> TimerKey {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len())
                    .ok()
                    .filter(|&slot| slot != FIRED);
                self.slots.push(Slot {
                    position: FIRED,
                    action: None,
                });
                slot.expect("no more than 4294967295 timers can be armed in one run")
            }
        };
        self.slots[slot as usize].action = Some(action);
        self.push(at, slot);
        TimerKey(slot)
    }

    /// Disarms the timer for good. The action is given back so that it can be dropped outside.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Action> {
        self.take_out(key.0);
        self.free.push(key.0);
        self.slots[key.0 as usize].action.take()
    }

    /// Arms the timer, fired or not, for another time; a fired one needs its action again.
    pub(crate) fn reset(&mut self, key: TimerKey, at: u64, action: Option<Action>) {
        self.take_out(key.0);
        if action.is_some() {
            self.slots[key.0 as usize].action = action;
        }
        self.push(at, key.0);
    }

    pub(crate) fn has_fired(&self, key: TimerKey) -> bool {
        self.slots[key.0 as usize].position == FIRED
    }

    /// Whom the timer wakes, if that is what it does and it has not fired.
    pub(crate) fn waker_mut(&mut self, key: TimerKey) -> Option<&mut Waker> {
        match &mut self.slots[key.0 as usize].action {
            Some(Action::Wake(waker)) => Some(waker),
            _ => None,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.heap.first().map(|entry| entry.at)
    }

    /// Takes out the first timer whose deadline is not after `now`.
    pub(crate) fn pop_expired(&mut self, now: u64) -> Option<Action> {
        let first = *self.heap.first()?;
        if first.at > now {
            return None;
        }
        self.take_out(first.slot);
        self.slots[first.slot as usize].action.take()
    }

    /// How many timers are armed.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    fn push(&mut self, at: u64, slot: u32) {
        let order = self.order;
        self.order += 1;
        self.heap.push(Entry { at, order, slot });
        self.sift_up(self.heap.len() - 1);
    }

    fn take_out(&mut self, slot: u32) {
        let position = std::mem::replace(&mut self.slots[slot as usize].position, FIRED);
        if position == FIRED {
            return;
        }
        let position = position as usize;
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            let settled = self.sift_up(position);
            self.sift_down(settled);
        }
    }

    fn place(&mut self, position: usize, entry: Entry) {
        self.heap[position] = entry;
        // The heap is never longer than the slots, whose number fits into u32.
        self.slots[entry.slot as usize].position = position as u32;
    }

    fn sift_up(&mut self, mut position: usize) -> usize {
        let entry = self.heap[position];
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if self.heap[parent] <= entry {
                break;
            }
            self.place(position, self.heap[parent]);
            position = parent;
        }
        self.place(position, entry);
        position
    }

    fn sift_down(&mut self, mut position: usize) {
        let entry = self.heap[position];
        loop {
            let first = position * ARITY + 1;
            let children = first..self.heap.len().min(first + ARITY);
            let Some(least) = children.min_by_key(|&child| self.heap[child]) else {
                break;
            };
            if entry <= self.heap[least] {
                break;
            }
            self.place(position, self.heap[least]);
            position = least;
        }
        self.place(position, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn timers_agree_with_a_sorted_map(seed: u64, steps: usize) {
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut timers = Timers::default();
        let mut model: BTreeMap<(u64, u64), TimerKey> = BTreeMap::new();
        let mut armed = 0;
        for _ in 0..steps {
            match random(4) {
                0 | 1 => {
                    let at = random(50);
                    let key = timers.insert(at, Action::Wake(Waker::noop().clone()));
                    model.insert((at, armed), key);
                    armed += 1;
                }
                2 => {
                    let chosen = model.keys().nth(random(8) as usize).copied();
                    if let Some(place) = chosen {
                        let key = model.remove(&place).expect("it was listed");
                        if random(2) == 0 {
                            assert!(timers.remove(key).is_some());
                        } else {
                            let at = random(50);
                            timers.reset(key, at, None);
                            model.insert((at, armed), key);
                            armed += 1;
                        }
                    }
                }
                _ => {
                    let now = random(50);
                    while let Some(entry) = model.first_entry() {
                        if entry.key().0 > now {
                            break;
                        }
                        let key = entry.remove();
                        assert!(!timers.has_fired(key));
                        assert!(timers.pop_expired(now).is_some());
                        assert!(timers.has_fired(key));
                        assert!(timers.remove(key).is_none());
                    }
                    assert!(timers.pop_expired(now).is_none());
                }
            }
            assert_eq!(timers.len(), model.len());
            assert_eq!(timers.next_deadline(), model.keys().next().map(|key| key.0));
        }
    }

    #[test]
    fn the_heap_does_what_a_sorted_map_would() {
        for seed in 0..if cfg!(miri) { 3 } else { 50 } {
            timers_agree_with_a_sorted_map(seed, if cfg!(miri) { 100 } else { 2000 });
        }
    }

    #[test]
    fn a_million_changes_of_one_deadline_leave_one_entry() {
        let mut timers = Timers::default();
        let key = timers.insert(5, Action::Wake(Waker::noop().clone()));
        for at in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
            timers.reset(key, at, None);
        }
        assert_eq!((timers.heap.len(), timers.slots.len()), (1, 1));
    }
}
