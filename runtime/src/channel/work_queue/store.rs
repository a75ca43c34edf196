//! Where jobs lie, in one of three orders.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

pub(super) enum Store<T> {
    Fifo(VecDeque<T>),
    Lifo(Vec<T>),
    // Not a heap: here only putting compares, before anything is changed. So a comparison that panics
    // loses no other job.
    Priority(BTreeSet<Ranked<T>>, Ranks<T>),
}

/// What the next job is ranked with.
pub(super) struct Ranks<T> {
    next: u64,
    compare: fn(&T, &T) -> Ordering,
}

/// A job in order of priority: the greatest first, and the oldest of those that are equal.
pub(super) struct Ranked<T> {
    item: T,
    number: u64,
    compare: fn(&T, &T) -> Ordering,
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let greatest_first = (self.compare)(&other.item, &self.item);
        greatest_first.then(self.number.cmp(&other.number))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> Store<T> {
    pub(super) fn fifo() -> Store<T> {
        Store::Fifo(VecDeque::new())
    }

    pub(super) fn lifo() -> Store<T> {
        Store::Lifo(Vec::new())
    }

    pub(super) fn priority() -> Store<T>
    where
        T: Ord,
    {
        let ranks = Ranks {
            next: 0,
            compare: T::cmp,
        };
        Store::Priority(BTreeSet::new(), ranks)
    }

    pub(super) fn push(&mut self, job: T) {
        match self {
            Store::Fifo(jobs) => jobs.push_back(job),
            Store::Lifo(jobs) => jobs.push(job),
            Store::Priority(jobs, ranks) => {
                let (number, compare) = (ranks.next, ranks.compare);
                ranks.next += 1;
                jobs.insert(Ranked {
                    item: job,
                    number,
                    compare,
                });
            }
        }
    }

    pub(super) fn order(&self) -> &'static str {
        match self {
            Store::Fifo(_) => "fifo",
            Store::Lifo(_) => "lifo",
            Store::Priority(..) => "priority",
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        match self {
            Store::Fifo(items) => items.pop_front(),
            Store::Lifo(items) => items.pop(),
            Store::Priority(items, ..) => items.pop_first().map(|ranked| ranked.item),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Store::Fifo(items) => items.len(),
            Store::Lifo(items) => items.len(),
            Store::Priority(items, ..) => items.len(),
        }
    }
}
