//! A flag that can be waited for.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::parking_lot::ParkingLot;
use super::turn::Turn;

/// Something that happens once, and that many may wait for.
///
/// It cannot be taken back, so that nobody can miss it; for what happens again, use another event.
///
/// ```
/// use nestling_runtime::sync::Event;
///
/// nestling_runtime::run(async {
///     let ready = Event::new();
///     ready.set();
///     ready.wait().await;
///     assert!(ready.is_set());
/// });
/// ```
pub struct Event {
    set: Cell<bool>,
    lot: ParkingLot,
}

impl Event {
    /// One that has not happened.
    #[track_caller]
    #[must_use]
    pub const fn new() -> Event {
        Event {
            set: Cell::new(false),
            lot: ParkingLot::new("the event"),
        }
    }

    /// It has happened: wakes everybody who waits, and lets through who comes later. A second call does
    /// nothing.
    pub fn set(&self) {
        if !self.set.replace(true) {
            self.lot.unpark_all();
        }
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it has happened.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if it has happened already. Cancelled after `set`, one who waited goes on;
    /// cancelled before, it is cut off. Dropped, nothing is left of it.
    pub fn wait(&self) -> EventWait<'_> {
        EventWait {
            event: self,
            turn: Turn::new(),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> EventStatistics {
        EventStatistics {
            is_set: self.is_set(),
            tasks_waiting: self.lot.len(),
        }
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .field("tasks_waiting", &self.lot.len())
            .finish()
    }
}

/// The state of an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventStatistics {
    /// Whether it has happened.
    pub is_set: bool,
    /// Futures that wait for it.
    pub tasks_waiting: usize,
}

/// The future of [`Event::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct EventWait<'a> {
    event: &'a Event,
    turn: Turn<()>,
}

impl Future for EventWait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let event = self.event;
        let settle = || event.is_set() && event.lot.unpark_all() > 0;
        self.turn
            .poll(cx, &event.lot, || event.is_set(), || (), settle)
    }
}
