//! What the reactor knows of each source; shared by the backends, which differ only in how they ask
//! the system.
//!
//! Each direction of a source has four facts, and every change of them stands in this file:
//!
//! - `ready`: trying the operation is worth a system call. A new source starts with it.
//! - `closed`: an end or an error was reported, so that there is an answer even when nothing flows.
//! - `armed`: the system owes a report, as soon as the direction is ready or because it is already.
//! - `claimed`: an operation waits for the direction. There can only be one.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
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

/// One direction of a source. The waker is taken out and put back, so that none is cloned, woken or
/// dropped in here: each of these is foreign code, which may come back.
struct Side {
    facts: Cell<Facts>,
    waker: Cell<Option<Waker>>,
}

/// A registered source; shared by its owner, who asks and changes it without looking it up, and the
/// list by which reports find it.
#[derive(Debug)]
pub(crate) struct Source {
    key: Key,
    sides: [Side; 2],
}

impl Source {
    fn new(key: Key, kind: Kind) -> Source {
        let facts = Facts {
            ready: true,
            closed: false,
            armed: kind.edge,
            claimed: false,
        };
        let side = || Side {
            facts: Cell::new(facts),
            waker: Cell::new(None),
        };
        Source {
            key,
            sides: [side(), side()],
        }
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    #[inline]
    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.sides[0],
            Direction::Write => &self.sides[1],
        }
    }

    #[inline]
    pub(crate) fn facts(&self, direction: Direction) -> Facts {
        self.side(direction).facts.get()
    }

    #[inline]
    fn change(&self, direction: Direction, change: impl FnOnce(&mut Facts)) {
        let facts = &self.side(direction).facts;
        let mut changed = facts.get();
        change(&mut changed);
        facts.set(changed);
    }

    /// What is known does not count any more; the system is to be asked.
    pub(crate) fn forget(&self, direction: Direction) {
        self.change(direction, |facts| {
            facts.ready = false;
            facts.closed = false;
        });
    }

    /// Leaves `waker` to be woken by the next report and, with `claim`, claims the direction.
    pub(super) fn park(&self, direction: Direction, waker: &Waker, claim: bool) {
        let side = self.side(direction);
        let taken_over = claim && !side.facts.get().claimed;
        self.change(direction, |facts| facts.claimed |= claim);
        let old = side.waker.take();
        if old.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return side.waker.set(old);
        }
        // Cloning is foreign code, and may have left another one meanwhile.
        let newer = side.waker.replace(Some(waker.clone()));
        for old in [old, newer].into_iter().flatten() {
            // A task that polls without claiming left it. Woken, it finds the direction busy instead
            // of waiting for ever.
            if taken_over {
                old.wake();
            }
        }
    }

    /// Undoes `park`.
    pub(crate) fn release(&self, direction: Direction) {
        self.change(direction, |facts| facts.claimed = false);
        drop(self.side(direction).waker.take());
    }

    /// The directions to ask the system about so that a report on `direction` becomes due, or `None`
    /// if it is due anyway.
    pub(super) fn to_arm(&self, direction: Direction) -> Option<(bool, bool)> {
        let armed = |of| self.facts(of).armed;
        let (read, write) = (armed(Direction::Read), armed(Direction::Write));
        let wanted = (
            read || direction == Direction::Read,
            write || direction == Direction::Write,
        );
        (wanted != (read, write)).then_some(wanted)
    }

    pub(super) fn set_armed(&self, direction: Direction) {
        self.change(direction, |facts| facts.armed = true);
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.facts.get(), f)
    }
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
    slots: Slab<Rc<Source>>,
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

    pub(super) fn insert(&self) -> io::Result<Rc<Source>> {
        let mut inner = self.inner.borrow_mut();
        // The greatest index stays free: with the greatest generation it would be the key by which
        // the backends know their own notifier.
        let index = u32::try_from(inner.slots.vacant_key())
            .ok()
            .filter(|index| *index < u32::MAX)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let generation = inner.next_generation & self.kind.generations;
        inner.next_generation = inner.next_generation.wrapping_add(1);
        let source = Rc::new(Source::new(Key { index, generation }, self.kind));
        inner.slots.insert(Rc::clone(&source));
        Ok(source)
    }

    pub(super) fn remove(&self, source: &Source) {
        // Bound first, so that leftover wakers are dropped after the borrow.
        let removed = self
            .inner
            .borrow_mut()
            .slots
            .remove(source.key.index as usize);
        debug_assert!(std::ptr::eq(&*removed, source));
        // What was leaked while it waited goes now.
        for side in &removed.sides {
            drop(side.waker.take());
        }
    }

    /// The operation itself found nothing to do.
    #[inline]
    pub(super) fn would_block(&self, source: &Source, direction: Direction) {
        source.change(direction, |facts| {
            facts.ready = false;
            // An end that was reported would have been an answer. A report of it was stale: a socket
            // counts as hung up before it is connected.
            facts.closed = false;
            // The operation has just found out the state, so whatever comes is a change.
            facts.armed |= self.kind.edge;
        });
    }

    /// The operation did less than it might have, so the next would find nothing to do.
    #[inline]
    pub(super) fn drained(&self, source: &Source, direction: Direction) {
        source.change(direction, |facts| {
            // The end of a stream is reported once, and it may be there already, behind the data.
            if !facts.closed {
                facts.ready = false;
                facts.armed |= self.kind.edge;
            }
        });
    }

    /// Stores what was reported and moves the wakers concerned to `wakers`.
    pub(super) fn report(&self, reports: impl Iterator<Item = Report>, wakers: &mut Vec<Waker>) {
        let inner = self.inner.borrow();
        for report in reports {
            let Some(source) = inner
                .slots
                .get(report.key.index as usize)
                .filter(|source| source.key.generation == report.key.generation)
            else {
                continue;
            };
            for (side, signal) in source.sides.iter().zip([report.read, report.write]) {
                // A report that disarms both directions wakes both tasks: the one that is not ready
                // arms its direction again, with the source at hand that this file does not have.
                if signal.ready || !self.kind.edge {
                    let facts = side.facts.get();
                    side.facts.set(Facts {
                        armed: false,
                        ready: facts.ready || signal.ready,
                        closed: facts.closed || signal.closed,
                        ..facts
                    });
                    if let Some(waker) = side.waker.take() {
                        wakers.push(waker);
                    }
                }
            }
        }
    }

    pub(super) fn statistics(&self, backend: &'static str) -> IoStatistics {
        let inner = self.inner.borrow();
        let waiting = |direction: Direction| {
            let sides = inner.slots.iter().map(|(_, source)| source.side(direction));
            sides.filter(|side| side.is_waited_for()).count()
        };
        IoStatistics {
            sources: inner.slots.len(),
            tasks_waiting_read: waiting(Direction::Read),
            tasks_waiting_write: waiting(Direction::Write),
            backend,
        }
    }
}

impl Side {
    fn is_waited_for(&self) -> bool {
        let waker = self.waker.take();
        let is_there = waker.is_some();
        self.waker.set(waker);
        is_there || self.facts.get().claimed
    }
}
