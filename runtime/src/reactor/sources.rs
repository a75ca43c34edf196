//! What the reactor knows of each source; shared by the backends, which differ only in how they ask
//! the system.
//!
//! Each direction of a source has four facts, and every change of them stands in this file:
//!
//! - `ready`: trying the operation is worth a system call. A new source starts with it.
//! - `closed`: an end or an error was reported, so that there is an answer even when nothing flows.
//! - `armed`: the system owes a report, as soon as the direction is ready or because it is already.
//! - `claimed`: an operation waits for the direction. There can only be one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ptr;
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

/// The facts of one direction, a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Facts(u8);

impl Facts {
    const READY: Facts = Facts(1);
    const CLOSED: Facts = Facts(2);
    const ARMED: Facts = Facts(4);
    const CLAIMED: Facts = Facts(8);

    #[inline]
    fn has(self, fact: Facts) -> bool {
        self.0 & fact.0 != 0
    }

    #[inline]
    fn with(self, facts: Facts) -> Facts {
        Facts(self.0 | facts.0)
    }

    #[inline]
    fn without(self, facts: Facts) -> Facts {
        Facts(self.0 & !facts.0)
    }

    /// `self`, or nothing.
    #[inline]
    fn only_if(self, condition: bool) -> Facts {
        Facts(self.0 * u8::from(condition))
    }
}

/// A registered source, with what its owner keeps there; shared by the owner, who asks and changes it
/// without looking it up, and the list by which reports find it.
///
/// The wakers are taken out and put back, so that none is cloned, woken or dropped in here: each of
/// these is foreign code, which may come back.
pub(crate) struct Source<T: ?Sized> {
    key: Key,
    wakers: [Cell<Option<Waker>>; 2],
    facts: [Cell<Facts>; 2],
    is_void: Cell<bool>,
    pub(crate) owned: T,
}

impl<T: ?Sized> Source<T> {
    pub(super) fn key(&self) -> Key {
        self.key
    }

    #[inline]
    fn facts(&self, direction: Direction) -> &Cell<Facts> {
        &self.facts[direction.index()]
    }

    #[inline]
    fn waker(&self, direction: Direction) -> &Cell<Option<Waker>> {
        &self.wakers[direction.index()]
    }

    #[inline]
    fn change(&self, direction: Direction, change: impl FnOnce(Facts) -> Facts) {
        let facts = self.facts(direction);
        facts.set(change(facts.get()));
    }

    /// Whether it has left the list.
    pub(crate) fn is_void(&self) -> bool {
        self.is_void.get()
    }

    #[inline]
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        self.facts(direction).get().has(Facts::READY)
    }

    #[inline]
    pub(crate) fn is_claimed(&self, direction: Direction) -> bool {
        self.facts(direction).get().has(Facts::CLAIMED)
    }

    /// Claims the direction for an operation that does not wait yet.
    pub(crate) fn claim(&self, direction: Direction) {
        if self.is_claimed(direction) {
            return;
        }
        self.change(direction, |facts| facts.with(Facts::CLAIMED));
        if let Some(waker) = self.waker(direction).take() {
            tell_of_a_future(waker);
        }
    }

    fn is_waited_for(&self, direction: Direction) -> bool {
        let slot = self.waker(direction);
        let waker = slot.take();
        let is_there = waker.is_some();
        slot.set(waker);
        is_there || self.is_claimed(direction)
    }

    /// What is known does not count any more; the system is to be asked.
    pub(crate) fn forget(&self, direction: Direction) {
        self.change(direction, |facts| {
            facts.without(Facts::READY).without(Facts::CLOSED)
        });
    }

    /// Leaves `waker` to be woken by the next report and, with `claim`, claims the direction.
    #[inline]
    pub(super) fn park(&self, direction: Direction, waker: &Waker, claim: bool) {
        let taken_over = claim && !self.is_claimed(direction);
        self.change(direction, |facts| facts.with(Facts::CLAIMED.only_if(claim)));
        let slot = self.waker(direction);
        if let Some(old) = slot.take() {
            if old.will_wake(waker) {
                return slot.set(Some(old));
            }
            match taken_over {
                true => tell_of_a_future(old),
                false => slot.set(Some(old)),
            }
        }
        let waker = waker.clone();
        if !claim && self.is_claimed(direction) {
            // Cloning is foreign code, and has let a future wait here. As if that had come later:
            return tell_of_a_future(waker);
        }
        drop(slot.replace(Some(waker)));
    }

    /// Undoes `park`.
    #[inline]
    pub(crate) fn release(&self, direction: Direction) {
        self.change(direction, |facts| facts.without(Facts::CLAIMED));
        drop(self.waker(direction).take());
    }

    /// The directions to ask the system about so that a report on `direction` becomes due, or `None`
    /// if it is due anyway.
    #[inline]
    pub(super) fn to_arm(&self, direction: Direction) -> Option<(bool, bool)> {
        let armed = |of| self.facts(of).get().has(Facts::ARMED);
        if armed(direction) {
            return None;
        }
        let wanted = |of| armed(of) || of == direction;
        Some((wanted(Direction::Read), wanted(Direction::Write)))
    }

    pub(super) fn set_armed(&self, direction: Direction) {
        self.change(direction, |facts| facts.with(Facts::ARMED));
    }
}

/// A task that polls without claiming left the waker, and a future takes its place. So the task finds the
/// direction busy, instead of waiting for ever.
#[cold]
fn tell_of_a_future(waker: Waker) {
    waker.wake();
}

impl Direction {
    #[inline]
    fn index(self) -> usize {
        match self {
            Direction::Read => 0,
            Direction::Write => 1,
        }
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("ready", &self.has(Facts::READY))
            .field("closed", &self.has(Facts::CLOSED))
            .field("armed", &self.has(Facts::ARMED))
            .field("claimed", &self.has(Facts::CLAIMED))
            .finish()
    }
}

impl<T: ?Sized> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("key", &self.key)
            .field("read", self.facts(Direction::Read))
            .field("write", self.facts(Direction::Write))
            .finish_non_exhaustive()
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
    slots: Slab<Rc<Source<dyn Any>>>,
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

    pub(super) fn insert<T: 'static>(&self, owned: T) -> io::Result<Rc<Source<T>>> {
        let mut inner = self.inner.borrow_mut();
        // The greatest index stays free: with the greatest generation it would be the key by which
        // the backends know their own notifier.
        let index = u32::try_from(inner.slots.vacant_key())
            .ok()
            .filter(|index| *index < u32::MAX)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let generation = inner.next_generation & self.kind.generations;
        inner.next_generation = inner.next_generation.wrapping_add(1);
        let facts = Facts::READY.with(Facts::ARMED.only_if(self.kind.edge));
        let source = Rc::new(Source {
            key: Key { index, generation },
            wakers: Default::default(),
            facts: [Cell::new(facts), Cell::new(facts)],
            is_void: Cell::new(false),
            owned,
        });
        inner.slots.insert(Rc::<Source<T>>::clone(&source));
        Ok(source)
    }

    pub(super) fn remove<T>(&self, source: &Source<T>) {
        // Bound first, so that leftover wakers are dropped after the borrow.
        let removed = self
            .inner
            .borrow_mut()
            .slots
            .remove(source.key.index as usize);
        debug_assert!(ptr::addr_eq(&raw const *removed, source));
        removed.is_void.set(true);
        // What was leaked while it waited goes now.
        for slot in &removed.wakers {
            drop(slot.take());
        }
    }

    /// The operation itself found nothing to do.
    pub(super) fn would_block<T>(&self, source: &Source<T>, direction: Direction) {
        source.change(direction, |facts| {
            facts
                .without(Facts::READY)
                // An end that was reported would have been an answer. A report of it was stale: a
                // socket counts as hung up before it is connected.
                .without(Facts::CLOSED)
                // The operation has just found out the state, so whatever comes is a change.
                .with(Facts::ARMED.only_if(self.kind.edge))
        });
    }

    /// The operation did less than it might have, so the next would find nothing to do.
    #[inline]
    pub(super) fn drained<T>(&self, source: &Source<T>, direction: Direction) {
        source.change(direction, |facts| {
            // The end of a stream is reported once, and it may be there already, behind the data.
            if facts.has(Facts::CLOSED) {
                return facts;
            }
            facts
                .without(Facts::READY)
                .with(Facts::ARMED.only_if(self.kind.edge))
        });
    }

    /// Stores what was reported, and gives back whoever waits for it to read and to write. A report on
    /// a source that is not there any more concerns nobody.
    #[inline]
    pub(super) fn report(&self, report: Report) -> [Option<Waker>; 2] {
        let inner = self.inner.borrow();
        let source = inner.slots.get(report.key.index as usize);
        let Some(source) = source.filter(|source| source.key.generation == report.key.generation)
        else {
            return [None, None];
        };
        [
            (Direction::Read, report.read),
            (Direction::Write, report.write),
        ]
        .map(|(direction, signal)| {
            // A report that disarms both directions wakes both tasks: the one that is not ready arms
            // its direction again, with the source at hand that this file does not have.
            if !signal.ready && self.kind.edge {
                return None;
            }
            source.change(direction, |facts| {
                facts
                    .without(Facts::ARMED)
                    .with(Facts::READY.only_if(signal.ready))
                    .with(Facts::CLOSED.only_if(signal.closed))
            });
            source.waker(direction).take()
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inner.borrow().slots.is_empty()
    }

    pub(super) fn statistics(&self, backend: &'static str) -> IoStatistics {
        let inner = self.inner.borrow();
        let waiting = |direction: Direction| {
            let sources = inner.slots.iter().map(|(_, source)| source);
            sources
                .filter(|source| source.is_waited_for(direction))
                .count()
        };
        IoStatistics {
            sources: inner.slots.len(),
            tasks_waiting_read: waiting(Direction::Read),
            tasks_waiting_write: waiting(Direction::Write),
            backend,
        }
    }
}
