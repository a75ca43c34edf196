//! What the reactor knows of each source; shared by the backends, which differ only in how they ask
//! the system.
//!
//! Each direction of a source has four facts, and every change of them stands in this file:
//!
//! - `ready`: trying the operation is worth a system call. A new source starts with it.
//! - `closed`: an end or an error was reported, so that there is an answer even when nothing flows.
//! - `armed`: the system owes a report, as soon as the direction is ready or because it is already.
//! - `claimed`: an operation waits for the direction. There can only be one.

use std::cell::RefCell;
use std::io;
use std::task::Waker;

use slab::Slab;

use super::IoStatistics;

/// One of the two things a task can wait for at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Data, a connection or an end of the stream has come in.
    Read,
    /// There is room for data to go out, or a connection is made.
    Write,
}

/// Names a registration: its place, and a number that the place's next owner does not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// As the system carries it about in its events.
    pub(super) fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn from_u64(bits: u64) -> Key {
        Key {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// How a backend reports, as far as the states above depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Each change of a source is reported once for good, from its registration on. If not, a report
    /// disarms both directions.
    pub(super) edge: bool,
    /// The bits of a generation that the backend's events have room for.
    pub(super) generations: u32,
}

/// What the system reported about one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) key: Key,
    pub(super) read: Signal,
    pub(super) write: Signal,
}

/// The part of a report that concerns one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) ready: bool,
    pub(super) closed: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) ready: bool,
    closed: bool,
    armed: bool,
    pub(crate) claimed: bool,
}

#[derive(Debug)]
struct Side {
    waker: Option<Waker>,
    facts: Facts,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    sides: [Side; 2],
}

/// The registered sources. No waker is cloned, woken or dropped while the slab is borrowed, since any
/// of these may run code that comes back here.
#[derive(Debug)]
pub(super) struct Sources {
    kind: Kind,
    inner: RefCell<Inner>,
}

#[derive(Debug)]
struct Inner {
    slots: Slab<Slot>,
    /// One counter for all places: a number comes back only after 2³² registrations, wherever.
    next_generation: u32,
}

impl Sources {
    pub(super) fn new(kind: Kind) -> Sources {
        Sources {
            kind,
            inner: RefCell::new(Inner {
                slots: Slab::new(),
                next_generation: 0,
            }),
        }
    }

    pub(super) fn insert(&self) -> io::Result<Key> {
        let mut inner = self.inner.borrow_mut();
        // The greatest index stays free: with the greatest generation it would be the key by which
        // the backends know their own notifier.
        let index = u32::try_from(inner.slots.vacant_key())
            .ok()
            .filter(|index| *index < u32::MAX)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let generation = inner.next_generation & self.kind.generations;
        inner.next_generation = inner.next_generation.wrapping_add(1);
        let side = || Side {
            waker: None,
            facts: Facts {
                ready: true,
                closed: false,
                armed: self.kind.edge,
                claimed: false,
            },
        };
        inner.slots.insert(Slot {
            generation,
            sides: [side(), side()],
        });
        Ok(Key { index, generation })
    }

    pub(super) fn remove(&self, key: Key) {
        // Bound first, so that leftover wakers are dropped after the borrow.
        let slot = self.inner.borrow_mut().slots.remove(key.index as usize);
        debug_assert_eq!(slot.generation, key.generation);
    }

    pub(super) fn facts(&self, key: Key, direction: Direction) -> Facts {
        self.with(key, direction, |side| side.facts)
    }

    /// The operation itself found nothing to do.
    pub(super) fn would_block(&self, key: Key, direction: Direction) {
        self.with(key, direction, |side| {
            side.facts.ready = false;
            // An end that was reported would have been an answer. A report of it was stale: a socket
            // counts as hung up before it is connected.
            side.facts.closed = false;
            // The operation has just found out the state, so whatever comes is a change.
            side.facts.armed |= self.kind.edge;
        });
    }

    /// The operation did less than it might have, so the next would find nothing to do.
    pub(super) fn drained(&self, key: Key, direction: Direction) {
        self.with(key, direction, |side| {
            // The end of a stream is reported once, and it may be there already, behind the data.
            if !side.facts.closed {
                side.facts.ready = false;
                side.facts.armed |= self.kind.edge;
            }
        });
    }

    /// What is known does not count any more; the system is to be asked.
    pub(super) fn forget(&self, key: Key, direction: Direction) {
        self.with(key, direction, |side| {
            side.facts.ready = false;
            side.facts.closed = false;
        });
    }

    /// Leaves `waker` to be woken by the next report and, with `claim`, claims the direction.
    pub(super) fn park(&self, key: Key, direction: Direction, waker: &Waker, claim: bool) {
        let (known, taken_over) = self.with(key, direction, |side| {
            let taken_over = claim && !side.facts.claimed;
            side.facts.claimed |= claim;
            let known = side.waker.as_ref().is_some_and(|old| old.will_wake(waker));
            (known, taken_over)
        });
        if known {
            return;
        }
        let new = waker.clone();
        match self.with(key, direction, |side| side.waker.replace(new)) {
            // A task that polls without claiming left it. Woken, it finds the direction busy instead
            // of waiting for ever.
            Some(old) if taken_over => old.wake(),
            old => drop(old),
        }
    }

    /// Undoes `park`.
    pub(super) fn release(&self, key: Key, direction: Direction) {
        let old = self.with(key, direction, |side| {
            side.facts.claimed = false;
            side.waker.take()
        });
        drop(old);
    }

    /// The directions to ask the system about so that a report on `direction` becomes due, or `None`
    /// if it is due anyway.
    pub(super) fn to_arm(&self, key: Key, direction: Direction) -> Option<(bool, bool)> {
        let inner = self.inner.borrow();
        let [read, write] = &inner.slots[key.index as usize].sides;
        let wanted = (
            read.facts.armed || direction == Direction::Read,
            write.facts.armed || direction == Direction::Write,
        );
        (wanted != (read.facts.armed, write.facts.armed)).then_some(wanted)
    }

    pub(super) fn set_armed(&self, key: Key, direction: Direction) {
        self.with(key, direction, |side| side.facts.armed = true);
    }

    /// Stores what was reported and moves the wakers concerned to `wakers`.
    pub(super) fn report(&self, reports: impl Iterator<Item = Report>, wakers: &mut Vec<Waker>) {
        let mut inner = self.inner.borrow_mut();
        for report in reports {
            let Some(slot) = inner
                .slots
                .get_mut(report.key.index as usize)
                .filter(|slot| slot.generation == report.key.generation)
            else {
                continue;
            };
            for (side, signal) in slot.sides.iter_mut().zip([report.read, report.write]) {
                // A report that disarms both directions wakes both tasks: the one that is not ready
                // arms its direction again, with the source at hand that this file does not have.
                if signal.ready || !self.kind.edge {
                    side.facts.armed = false;
                    side.facts.ready |= signal.ready;
                    side.facts.closed |= signal.closed;
                    wakers.extend(side.waker.take());
                }
            }
        }
    }

    pub(super) fn statistics(&self, backend: &'static str) -> IoStatistics {
        let inner = self.inner.borrow();
        let waiting = |direction: Direction| {
            let sides = inner
                .slots
                .iter()
                .map(|(_, slot)| &slot.sides[direction as usize]);
            sides
                .filter(|side| side.facts.claimed || side.waker.is_some())
                .count()
        };
        IoStatistics {
            sources: inner.slots.len(),
            tasks_waiting_read: waiting(Direction::Read),
            tasks_waiting_write: waiting(Direction::Write),
            backend,
        }
    }

    fn with<R>(&self, key: Key, direction: Direction, f: impl FnOnce(&mut Side) -> R) -> R {
        let mut inner = self.inner.borrow_mut();
        let slot = &mut inner.slots[key.index as usize];
        debug_assert_eq!(slot.generation, key.generation);
        f(&mut slot.sides[direction as usize])
    }
}
