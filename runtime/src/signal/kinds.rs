//! What the whole process shares about each kind of signal.
//!
//! The crate `signal-hook` never takes its handler away: when the last action is unregistered, the
//! signal is ignored, and Ctrl-C would do nothing for the rest of the process's life. So each kind
//! keeps an action that carries out the system's default whenever nobody listens.
//!
//! ```text
//! the default ---the first receiver---> counted, every receiver's bell rung
//!      ^                                          |
//!      +-------- the last one is dropped ---------+   what nobody has taken is raised again
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::FORBIDDEN;
use signal_hook::low_level::{self, pipe};
use signal_hook::{SigId, flag};

use super::{SignalError, handler, name};

static KINDS: Mutex<BTreeMap<i32, Kind>> = Mutex::new(BTreeMap::new());

/// The handler does not lock it, so a signal may well arrive while somebody holds it.
fn table() -> MutexGuard<'static, BTreeMap<i32, Kind>> {
    KINDS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Kind {
    receivers: usize,
    /// Before the first receiver the system's default was in force, and it is known what that does.
    by_default: bool,
    shared: Arc<Shared>,
}

struct Shared {
    /// Nobody listens, so the handler is to carry out the default.
    default_is_due: Arc<AtomicBool>,
    /// How many signals have arrived.
    arrivals: Arc<AtomicUsize>,
    /// How many of them have been returned by some receiver, or are covered by a later one that was.
    taken: AtomicUsize,
}

impl Kind {
    fn install(kind: i32) -> io::Result<Kind> {
        let by_default = handler::is_default(kind)?;
        let shared = Shared {
            default_is_due: Arc::default(),
            arrivals: Arc::default(),
            taken: AtomicUsize::new(0),
        };
        let due = Arc::clone(&shared.default_is_due);
        // Refused only if it is not known what the default of this kind would be.
        let by_default = by_default && flag::register_conditional_default(kind, due).is_ok();
        handler::count(kind, Arc::clone(&shared.arrivals))?;
        Ok(Kind {
            receivers: 0,
            by_default,
            shared: Arc::new(shared),
        })
    }
}

/// One receiver's share in a kind, until it is dropped.
pub(super) struct Listening {
    kind: i32,
    shared: Arc<Shared>,
    /// How many arrivals this receiver has been told of.
    seen: usize,
    bell: Option<SigId>,
}

/// Has the signals of `kind` counted and `bell` rung for them.
pub(super) fn listen(kind: i32, bell: &UnixStream) -> io::Result<Listening> {
    if FORBIDDEN.contains(&kind) {
        let error = SignalError::Forbidden { kind };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let refused =
        |source: io::Error| io::Error::new(source.kind(), SignalError::Refused { kind, source });
    let bell = bell.try_clone()?;
    let mut listening = enter(kind).map_err(refused)?;
    // The bell comes after the count in the handler, as it was registered later.
    listening.bell = Some(pipe::register(kind, bell).map_err(refused)?);
    // From here on, as the signals do not get lost any more.
    listening
        .shared
        .default_is_due
        .store(false, Ordering::SeqCst);
    Ok(listening)
}

fn enter(kind: i32) -> io::Result<Listening> {
    let mut table = table();
    let known = match table.entry(kind) {
        Entry::Vacant(place) => place.insert(Kind::install(kind)?),
        Entry::Occupied(place) => place.into_mut(),
    };
    let seen = known.shared.arrivals.load(Ordering::SeqCst);
    if known.receivers == 0 {
        known.shared.taken.store(seen, Ordering::SeqCst);
    }
    known.receivers += 1;
    Ok(Listening {
        kind,
        shared: Arc::clone(&known.shared),
        seen,
        bell: None,
    })
}

impl Listening {
    pub(super) fn kind(&self) -> i32 {
        self.kind
    }

    fn is_pending(&self) -> bool {
        self.shared.arrivals.load(Ordering::SeqCst) != self.seen
    }

    /// Whether signals have arrived since the last call.
    pub(super) fn take(&mut self) -> bool {
        let arrivals = self.shared.arrivals.load(Ordering::SeqCst);
        let pending = arrivals != self.seen;
        if pending {
            self.seen = arrivals;
            self.shared.taken.fetch_max(arrivals, Ordering::SeqCst);
        }
        pending
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut raise = false;
        {
            let mut table = table();
            if let Some(known) = table.get_mut(&self.kind) {
                known.receivers -= 1;
                if known.receivers == 0 && known.by_default {
                    self.shared.default_is_due.store(true, Ordering::SeqCst);
                    let arrivals = self.shared.arrivals.load(Ordering::SeqCst);
                    raise = arrivals != self.shared.taken.load(Ordering::SeqCst);
                }
            }
        }
        if let Some(bell) = self.bell.take() {
            low_level::unregister(bell);
        }
        if raise {
            // It fails for unknown signals only, and this one has been received.
            if let Err(error) = low_level::raise(self.kind) {
                tracing::warn!(%error, signal = name(self.kind), "a signal that nobody took is lost");
            }
        }
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("kind", &name(self.kind))
            .field("pending", &self.is_pending())
            .finish()
    }
}
