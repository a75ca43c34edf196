//! A heap of four children a node, in which the slots of its entries know their places.
//!
//! With many timers the time goes into memory, not into comparisons: so an entry has 16 bytes, four
//! siblings share one cache line, and the places are kept by themselves.

use std::mem;

use crate::room;

/// First what comes first: a moment, the order of arming among equals, and the slot.
#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    order_and_slot: u64,
}

impl Entry {
    /// Stands where there is none, and comes after all others.
    const NONE: Entry = Entry {
        at: u64::MAX,
        order_and_slot: u64::MAX,
    };

    fn new(at: u64, order: u32, slot: u32) -> Entry {
        Entry {
            at,
            order_and_slot: u64::from(order) << 32 | u64::from(slot),
        }
    }

    /// What comes first is less. One number compares without a branch.
    #[inline]
    fn rank(self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.order_and_slot)
    }

    #[inline]
    fn order(self) -> u32 {
        (self.order_and_slot >> 32) as u32
    }

    #[inline]
    fn slot(self) -> u32 {
        self.order_and_slot as u32
    }
}

const ARITY: usize = 4;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Siblings([Entry; ARITY]);

/// The place of a slot that has no entry, and what follows the last vacant slot.
const NONE: u32 = u32::MAX;

pub(super) struct Heap {
    /// Entry `i` has its children in `siblings[i + 1]`; the first entry is the last of `siblings[0]`.
    siblings: Vec<Siblings>,
    len: usize,
    /// Where the slots' entries are. A vacant slot leads to the next one.
    places: Vec<u32>,
    vacant: u32,
}

impl Heap {
    pub(super) const fn new() -> Heap {
        Heap {
            siblings: Vec::new(),
            len: 0,
            places: Vec::new(),
            vacant: NONE,
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A slot, without an entry. If it is a new one, it is the last.
    pub(super) fn take_slot(&mut self) -> u32 {
        if self.vacant == NONE {
            self.grow();
        }
        let slot = self.vacant;
        self.vacant = mem::replace(&mut self.places[slot as usize], NONE);
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let slot = u32::try_from(self.places.len())
            .ok()
            .filter(|&slot| slot != NONE)
            .expect("no more than 4294967295 timers can be armed in one run");
        room::make_for_one(&mut self.places);
        self.places.push(NONE);
        self.vacant = slot;
    }

    /// Gives a slot without an entry back.
    pub(super) fn free_slot(&mut self, slot: u32) {
        self.places[slot as usize] = mem::replace(&mut self.vacant, slot);
    }

    pub(super) fn has_entry(&self, slot: u32) -> bool {
        self.places[slot as usize] != NONE
    }

    /// The least moment.
    #[inline]
    pub(super) fn first(&self) -> Option<u64> {
        (self.len > 0).then(|| self.entry(0).at)
    }

    /// The least moment, and those that stand right below it, the second least among them. There is
    /// `u64::MAX` for what is not there.
    pub(super) fn first_few(&self) -> Option<(u64, [u64; ARITY])> {
        let below = match self.siblings.get(1) {
            Some(Siblings(entries)) => entries.map(|entry| entry.at),
            None => [u64::MAX; ARITY],
        };
        self.first().map(|first| (first, below))
    }

    /// Takes out the first entry if it is not after `now`; its slot.
    pub(super) fn pop(&mut self, now: u64) -> Option<u32> {
        if self.first()? > now {
            return None;
        }
        let slot = self.entry(0).slot();
        self.remove(slot);
        Some(slot)
    }

    /// Gives a slot without an entry one, for a moment and a place among those of the same moment.
    pub(super) fn insert(&mut self, slot: u32, at: u64, order: u32) {
        let entry = Entry::new(at, order, slot);
        let position = self.len;
        self.len += 1;
        if position.div_ceil(ARITY) == self.siblings.len() {
            self.siblings.push(Siblings([Entry::NONE; ARITY]));
        }
        self.sift_up(position, entry);
    }

    /// The orders of all entries.
    pub(super) fn orders(&self) -> impl Iterator<Item = u32> {
        (0..self.len).map(|position| self.entry(position).order())
    }

    /// Changes the orders without changing which is less.
    pub(super) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        for position in 0..self.len {
            let entry = self.entry_mut(position);
            *entry = Entry::new(entry.at, new(entry.order()), entry.slot());
        }
    }

    /// Takes out the slot's entry, if it has one.
    pub(super) fn remove(&mut self, slot: u32) {
        let position = mem::replace(&mut self.places[slot as usize], NONE);
        if position == NONE {
            return;
        }
        let position = position as usize;
        self.len -= 1;
        let last = mem::replace(self.entry_mut(self.len), Entry::NONE);
        if position < self.len {
            // What was last belongs far below most of the time: so the way down looks for no place for it, and
            // the short way up does.
            let leaf = self.sink(position);
            self.sift_up(leaf, last);
        }
    }

    #[inline]
    fn entry(&self, position: usize) -> Entry {
        let place = position + ARITY - 1;
        self.siblings[place / ARITY].0[place % ARITY]
    }

    #[inline]
    fn entry_mut(&mut self, position: usize) -> &mut Entry {
        let place = position + ARITY - 1;
        &mut self.siblings[place / ARITY].0[place % ARITY]
    }

    #[inline]
    fn place(&mut self, position: usize, entry: Entry) {
        *self.entry_mut(position) = entry;
        // There are no more entries than slots, whose number fits into u32.
        self.places[entry.slot() as usize] = position as u32;
    }

    /// Puts `entry` at the vacant `position` or above it.
    fn sift_up(&mut self, mut position: usize, entry: Entry) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            let above = self.entry(parent);
            if above.rank() <= entry.rank() {
                break;
            }
            self.place(position, above);
            position = parent;
        }
        self.place(position, entry);
    }

    /// Fills the vacant `position` from below; the leaf that is vacant then.
    fn sink(&mut self, mut position: usize) -> usize {
        while position * ARITY + 1 < self.len {
            let (least, entry) = self.siblings[position + 1].least();
            self.place(position, entry);
            position = position * ARITY + 1 + least;
        }
        position
    }
}

impl Siblings {
    /// The first to fire. Without branches, which would be guessed wrongly every other time.
    #[inline]
    fn least(&self) -> (usize, Entry) {
        let [a, b, c, d] = self.0;
        lesser(lesser((0, a), (1, b)), lesser((2, c), (3, d)))
    }
}

#[inline]
fn lesser(one: (usize, Entry), other: (usize, Entry)) -> (usize, Entry) {
    if other.1.rank() < one.1.rank() {
        other
    } else {
        one
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn agrees_with_a_sorted_map(seed: u64) {
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut heap = Heap::new();
        let mut model: BTreeMap<(u64, u32), u32> = BTreeMap::new();
        let mut armed = 0;
        for _ in 0..if cfg!(miri) { 100 } else { 2000 } {
            match random(4) {
                0 | 1 => {
                    let at = random(50);
                    let slot = heap.take_slot();
                    heap.insert(slot, at, armed);
                    model.insert((at, armed), slot);
                    armed += 1;
                }
                2 => {
                    let chosen = model.keys().nth(random(8) as usize).copied();
                    if let Some(slot) = chosen.and_then(|place| model.remove(&place)) {
                        heap.remove(slot);
                        assert!(!heap.has_entry(slot));
                        if random(2) == 0 {
                            heap.free_slot(slot);
                        } else {
                            let at = random(50);
                            heap.insert(slot, at, armed);
                            model.insert((at, armed), slot);
                            armed += 1;
                        }
                    }
                }
                _ => {
                    let now = random(50);
                    while let Some(entry) = model.first_entry().filter(|entry| entry.key().0 <= now)
                    {
                        let slot = entry.remove();
                        assert!(heap.has_entry(slot));
                        assert_eq!(heap.pop(now), Some(slot));
                        assert!(!heap.has_entry(slot));
                        heap.remove(slot);
                        heap.free_slot(slot);
                    }
                    assert_eq!(heap.pop(now), None);
                }
            }
            assert_eq!(heap.len(), model.len());
            assert_eq!(heap.first(), model.keys().next().map(|key| key.0));
        }
    }

    #[test]
    fn it_does_what_a_sorted_map_would() {
        for seed in 0..if cfg!(miri) { 3 } else { 50 } {
            agrees_with_a_sorted_map(seed);
        }
    }

    #[test]
    fn what_is_last_of_all_times_is_found_among_vacant_places() {
        let mut heap = Heap::new();
        for order in 0..6 {
            let slot = heap.take_slot();
            heap.insert(slot, u64::MAX, order);
        }
        let order: Vec<_> = std::iter::from_fn(|| heap.pop(u64::MAX)).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_million_changes_of_one_moment_leave_one_entry() {
        let mut heap = Heap::new();
        let slot = heap.take_slot();
        for at in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
            heap.remove(slot);
            heap.insert(slot, at, 0);
        }
        assert_eq!(
            (heap.len(), heap.places.len(), heap.siblings.len()),
            (1, 1, 1)
        );
    }
}
