//! Every system that `polling` knows, in its oneshot mode, which is the only one they all have.
//!
//! A source is in the poller from registration on, but the poller is asked about a direction only
//! while somebody waits for it. A report ends that for both directions. When it is asked, it looks
//! at the present state, so nothing that came earlier can be missed.
#![expect(
    unsafe_code,
    reason = "`Poller::add` leaves it to the caller to delete the source in time"
)]

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

pub(crate) use polling::Events;
use polling::{AsSource, Event, Poller};

use super::sources::{Key, Kind, Report, Signal, Sources};

pub(super) struct Backend {
    poller: Arc<Poller>,
}

impl Backend {
    pub(super) const NAME: &str = "polling";
    pub(super) const KIND: Kind = Kind {
        edge: false,
        // A poller's keys are as wide as pointers; on 32-bit systems the index fills them.
        generations: if usize::BITS >= 64 { u32::MAX } else { 0 },
    };

    pub(super) fn new() -> io::Result<Backend> {
        Ok(Backend {
            poller: Arc::new(Poller::new()?),
        })
    }

    pub(super) fn notifier(&self) -> Notifier {
        Notifier {
            poller: Arc::clone(&self.poller),
        }
    }

    pub(super) fn add(&self, source: &impl AsSource, key: Key) -> io::Result<()> {
        let nothing = Event::none(key.to_u64() as usize);
        // SAFETY: the source has to be deleted before it is closed. Only `Io::new` comes here, with a
        // source that it owns and that is `'static`, so it cannot be closed while the `Io` is leaked.
        // An `Io` lends the source by shared reference alone, and before it drops the source or gives
        // it back it calls `delete` below.
        unsafe { self.poller.add(&source.source(), nothing) }
    }

    pub(super) fn delete(&self, source: &impl AsSource) -> io::Result<()> {
        self.poller.delete(source.source())
    }

    pub(super) fn arm(
        &self,
        source: &impl AsSource,
        key: Key,
        (read, write): (bool, bool),
    ) -> io::Result<()> {
        let interest = Event::new(key.to_u64() as usize, read, write);
        self.poller.modify(source.source(), interest)
    }

    pub(super) fn wait(
        &self,
        timeout: Option<Duration>,
        events: &mut Events,
        sources: &Sources,
        mut wake: impl FnMut(Waker),
    ) -> io::Result<()> {
        // The poller appends.
        events.clear();
        self.poller.wait(events, timeout)?;
        for event in events.iter() {
            let [reader, writer] = sources.report(translate(event));
            if let Some(reader) = reader {
                wake(reader);
            }
            if let Some(writer) = writer {
                wake(writer);
            }
        }
        Ok(())
    }
}

/// Makes the wait that goes on, or else the next one, return. Any number of threads may hold one,
/// also after the run has ended.
#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    poller: Arc<Poller>,
}

impl Notifier {
    /// # Panics
    /// If the poller's descriptor has been closed by code that does not own it, or the system has no
    /// memory left for the message. To go on would mean to lose wake-ups in silence.
    pub(crate) fn notify(&self) {
        if let Err(error) = self.poller.notify() {
            panic!("Nestling's loop cannot be woken: {error}");
        }
    }
}

fn translate(event: Event) -> Report {
    // Nothing is closed for good here: asked again, the poller would tell again.
    let signal = |ready| Signal {
        ready,
        closed: false,
    };
    Report {
        key: Key::from_u64(event.key as u64),
        read: signal(event.readable),
        write: signal(event.writable),
    }
}
