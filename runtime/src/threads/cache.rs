//! Threads that are kept for the next job.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use super::error::SpawnError;
use super::idle::{Idle, Sitter};
use super::job::Work;

/// How long a thread of the common cache waits for more to do. As in trio.
const PATIENCE: Duration = Duration::from_secs(10);

/// The system's name of the threads of the common cache.
pub(super) const COMMON_NAME: &str = "nestling-worker";

pub(super) type Job = Arc<dyn Work>;

/// Threads that do one job after the other, and a new one whenever none is idle.
pub(super) struct Cache {
    idle: Idle<Job>,
    living: AtomicUsize,
    name: Arc<str>,
    stack_size: Option<usize>,
    patience: Duration,
}

/// The threads that all runs of the process share.
pub(super) fn common() -> &'static Arc<Cache> {
    static COMMON: LazyLock<Arc<Cache>> =
        LazyLock::new(|| Arc::new(Cache::new(COMMON_NAME.into(), None, PATIENCE)));
    &COMMON
}

/// What worker threads do, see [`statistics`] and [`Pool::threads`](super::Pool::threads).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadStatistics {
    /// Threads that are at work, those that were abandoned included.
    pub working: usize,
    /// Threads that wait for more.
    pub idle: usize,
}

impl ThreadStatistics {
    pub(super) fn none() -> ThreadStatistics {
        ThreadStatistics {
            working: 0,
            idle: 0,
        }
    }
}

/// The figures of the threads that [`run_sync`](super::run_sync) uses, of all runs together.
///
/// ```
/// use nestling_runtime::{run, to_thread};
///
/// run(to_thread::run_sync(|| assert!(to_thread::statistics().working > 0)))?;
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
#[must_use]
pub fn statistics() -> ThreadStatistics {
    common().statistics()
}

impl Cache {
    pub(super) fn new(name: Arc<str>, stack_size: Option<usize>, patience: Duration) -> Cache {
        Cache {
            idle: Idle::new(),
            living: AtomicUsize::new(0),
            name,
            stack_size,
            patience,
        }
    }

    /// Has a thread do the job. Refused, it has been let go of.
    pub(super) fn start(self: &Arc<Self>, job: Job) -> Result<(), SpawnError> {
        let Err(job) = self.idle.assign(job) else {
            return Ok(());
        };
        self.living.fetch_add(1, Ordering::Relaxed);
        let leaving = Leaving(Arc::clone(self));
        self.spawn(move || leaving.0.work(job))
            .map_err(|error| SpawnError::new(&self.name, error))
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut builder = thread::Builder::new();
        if !self.name.contains('\0') {
            builder = builder.name(self.name.to_string());
        }
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(work).map(drop)
    }

    /// The life of a thread.
    fn work(&self, first: Job) {
        let sitter = Sitter::new();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let named = job.name().map(|name| Named::new(name, &self.name));
            let mut named = Some(named);
            // Marked before the result is delivered: who gets it, and has more to do, finds this
            // thread and needs no other.
            job.work(&mut || {
                named = None;
                self.idle.sit(&sitter);
            });
            next = self.idle.wait(&sitter, self.patience);
        }
    }

    /// Has the threads end as soon as they have nothing to do.
    pub(super) fn close(&self) {
        self.idle.close();
    }

    pub(super) fn statistics(&self) -> ThreadStatistics {
        let idle = self.idle.len();
        ThreadStatistics {
            working: self.living.load(Ordering::Relaxed).saturating_sub(idle),
            idle,
        }
    }
}

/// Counts a thread off at its end, or if it could not be made.
struct Leaving(Arc<Cache>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.living.fetch_sub(1, Ordering::Relaxed);
    }
}

/// While it lives, the system knows this thread by another name.
struct Named<'a> {
    before: &'a str,
}

impl Named<'_> {
    fn new<'a>(name: &str, before: &'a str) -> Named<'a> {
        set_name(name);
        Named { before }
    }
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        set_name(self.before);
    }
}

/// Names this thread as far as the system can: Linux, up to 15 bytes. Elsewhere there is no safe way, and
/// the thread keeps the name that it was made with, as does what the standard library knows of it.
fn set_name(name: &str) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const BYTES_MAX: usize = 15;
        let mut end = name.len().min(BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let name = name.get(..end).unwrap_or_default();
        let name = std::ffi::CString::new(name.replace('\0', "?"));
        // It is for the reader of listings only.
        let _named = name.is_ok_and(|name| rustix::thread::set_name(&name).is_ok());
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _unused = name;
}
