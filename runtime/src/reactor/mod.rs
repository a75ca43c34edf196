//! The reactor: tells tasks when their sources are ready.
//!
//! A source is registered once and belongs to the run it was registered in. An operation is tried
//! first; only when it would block does its task leave a waker, one for each direction of a source.
//! `wait` asks the system, notes in `sources` what was reported, and hands out the wakers concerned,
//! one by one, while no source is borrowed: what is done with them is foreign code.
//!
//! On Linux `epoll` asks, edge-triggered, so that neither registering nor re-arming costs a system
//! call per operation. Elsewhere, and on Linux with `--cfg nestling_portable` for the tests' sake,
//! `portable` asks through the `polling` crate, oneshot, since not every system has edges.

mod sources;
#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(target_os = "linux", not(nestling_portable)))]
mod epoll;
#[cfg(all(target_os = "linux", not(nestling_portable)))]
use epoll as backend;
#[cfg(not(all(target_os = "linux", not(nestling_portable))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(nestling_portable))))]
use portable as backend;

use std::io;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use polling::AsSource;

use backend::Backend;
use sources::Sources;

pub(crate) use backend::{Events, Notifier};
pub use sources::Direction;
pub(crate) use sources::Source;

/// The longest that one call to the system waits; the loop comes round and waits again. Systems
/// refuse or misread timeouts beyond some point, and this is the nearest of those points: 24.8 days.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// The sources of a run and who waits for them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IoStatistics {
    /// Sources that are registered.
    pub sources: usize,
    /// Tasks that wait to read, each from a source of its own.
    pub tasks_waiting_read: usize,
    /// Tasks that wait to write, each to a source of its own.
    pub tasks_waiting_write: usize,
    /// What the loop asks for events: `"epoll"` or `"polling"`.
    pub backend: &'static str,
}

pub(crate) struct Reactor {
    backend: Backend,
    sources: Sources,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        Ok(Reactor {
            backend: Backend::new()?,
            sources: Sources::new(Backend::KIND),
        })
    }

    /// Waits for events for at most `timeout` (`None`: for ever; zero: only looks), notes them, and
    /// hands the wakers to be woken to `wake`. `events` is room that the caller keeps between waits.
    ///
    /// It may return without any event: after a notification, a signal, or 24 days. It does not
    /// return before `timeout` for want of precision.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        events: &mut Events,
        wake: impl FnMut(Waker),
    ) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(WAIT_MAX));
        match self.backend.wait(timeout, events, &self.sources, wake) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Whether there is no source, so that a wait would end by a notification or in time only.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What another thread ends a `wait` with: the one that goes on, or else the next.
    pub(crate) fn notifier(&self) -> Notifier {
        self.backend.notifier()
    }

    pub(crate) fn statistics(&self) -> IoStatistics {
        self.sources.statistics(Backend::NAME)
    }

    /// Makes a place for a source, and `owned` with it. The next step is to `watch` it.
    pub(crate) fn insert<T: 'static>(&self, owned: T) -> io::Result<Rc<Source<T>>> {
        self.sources.insert(owned)
    }

    /// Has the system report on the source. The caller owns it and calls `deregister` before it is
    /// closed. After an error `registered` is void.
    pub(crate) fn watch<T>(
        &self,
        registered: &Source<T>,
        source: &impl AsSource,
    ) -> io::Result<()> {
        let added = self.backend.add(source, registered.key());
        if added.is_err() {
            self.sources.remove(registered);
        }
        added
    }

    /// Forgets a source. `registered` is void afterwards, also after an error; nobody but the caller has
    /// it.
    pub(crate) fn deregister<T>(
        &self,
        registered: &Source<T>,
        source: &impl AsSource,
    ) -> io::Result<()> {
        let deleted = self.backend.delete(source);
        self.sources.remove(registered);
        deleted
    }

    /// Notes that the operation would block.
    pub(crate) fn would_block<T>(&self, registered: &Source<T>, direction: Direction) {
        self.sources.would_block(registered, direction);
    }

    /// Notes that the operation left nothing to do.
    #[inline]
    pub(crate) fn drained<T>(&self, registered: &Source<T>, direction: Direction) {
        self.sources.drained(registered, direction);
    }

    /// Has `waker` woken when `direction` becomes ready; with `claim`, nobody else may wait for it
    /// until it is released. After an error nothing is left behind.
    #[inline]
    pub(crate) fn park<T>(
        &self,
        registered: &Source<T>,
        direction: Direction,
        source: &impl AsSource,
        waker: &Waker,
        claim: bool,
    ) -> io::Result<()> {
        registered.park(direction, waker, claim);
        match registered.to_arm(direction) {
            None => Ok(()),
            Some(interest) => self.arm(registered, direction, source, interest),
        }
    }

    #[cold]
    fn arm<T>(
        &self,
        registered: &Source<T>,
        direction: Direction,
        source: &impl AsSource,
        interest: (bool, bool),
    ) -> io::Result<()> {
        let armed = self.backend.arm(source, registered.key(), interest);
        match armed {
            Ok(()) => registered.set_armed(direction),
            Err(_) => registered.release(direction),
        }
        armed
    }
}
