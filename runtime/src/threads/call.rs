//! Calls into threads.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::cache::{self, Cache};
use super::error::SpawnError;
use super::host::{Plan, Waiting};
use super::limiter::Limiter;
use crate::core;

/// Calls `f` in a thread, and waits for its value. For what blocks: files, databases, long computations.
///
/// ```
/// use nestling_runtime::{run, to_thread};
///
/// let kernel = run(to_thread::run_sync(|| std::fs::read_to_string("/proc/version")))?;
/// println!("{}", kernel.unwrap_or_default());
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
///
/// The threads are shared by all runs of the process and kept for 10 seconds after their last work; the
/// one that was busy last gets the next. At most 40 work for a run at a time (see [`default_limiter`]);
/// who comes then waits, first come, first served. [`with`] sets this and other things for a call.
/// If the task that calls has been given a name, Linux shows the thread by it while it works.
///
/// `f` cannot borrow: it goes on when its caller has been dropped or leaked, and nothing could stop it.
/// What it shares with tasks is shared by `Arc`; what it has to say meanwhile it says through
/// [`from_thread`](crate::from_thread).
///
/// # Errors
/// [`SpawnError`] if no thread was idle and the system refused another one; `f` was not called then.
///
/// # Cancel and drop
/// It is a checkpoint: in a cancelled context nothing begins. Cancelled while it waits for its turn, it is
/// cut off, and `f` is dropped. From then on `f` cannot be stopped, so the scopes around wait until it has
/// returned; it can ask [`check_cancelled`](super::check_cancelled) and return early. Its value is
/// delivered, and the caller is cut off at its next checkpoint. See [`Call::abandon_on_cancel`] for the
/// other way.
///
/// Dropped by foreign code, it leaves the thread to itself, as if it had been abandoned: the value, or the
/// panic, is dropped in the thread. The run does not wait for such a thread at its end. The place in the
/// limiter is taken until the thread has finished, or the run has ended.
///
/// # Panics
/// With the panic of `f`; outside a run.
#[track_caller]
#[must_use = "futures do nothing unless awaited"]
pub fn run_sync<F, T>(f: F) -> impl Future<Output = Result<T, SpawnError>> + use<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    with().run_sync(f)
}

/// A call with settings: `with().name("hash").abandon_on_cancel().run_sync(f)`.
pub fn with() -> Call {
    Call {
        limiter: None,
        name: None,
        abandon_on_cancel: false,
    }
}

/// The limiter of this run, for calls that name no other. Its total may be changed.
///
/// ```
/// # nestling_runtime::run(async {
/// use nestling_runtime::to_thread;
///
/// to_thread::default_limiter().set_total(100);
/// # });
/// ```
///
/// # Panics
/// Outside a run.
#[must_use]
#[track_caller]
pub fn default_limiter() -> Limiter {
    core::current().threads.limiter().clone()
}

/// Settings of a call into a thread, made by [`with`].
#[derive(Clone)]
#[must_use = "it does nothing until `run_sync` is called"]
pub struct Call {
    limiter: Option<Limiter>,
    name: Option<Arc<str>>,
    abandon_on_cancel: bool,
}

impl Call {
    /// Waits for a place in `limiter` rather than in the run's.
    pub fn limiter(mut self, limiter: &Limiter) -> Call {
        self.limiter = Some(limiter.clone());
        self
    }

    /// What Linux calls the thread while it works, as far as 15 bytes go, instead of the task's name.
    /// Other systems, and the standard library, know it by the name that it was made with.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Call {
        self.name = Some(name.into());
        self
    }

    /// Cancelled, the call is cut off at once, and the thread is left to itself: what it returns, or
    /// panics with, is dropped there, and its place in the limiter is taken until then. A run ends even if
    /// such a thread is stuck. For what can't notice that it is cancelled and does no harm.
    ///
    /// ```
    /// use nestling_runtime::to_thread;
    /// use std::io::stdin;
    ///
    /// # async fn typed() -> Result<(), to_thread::SpawnError> {
    /// let line = to_thread::with()
    ///     .abandon_on_cancel()
    ///     .run_sync(|| stdin().lines().next())
    ///     .await?;
    /// # drop(line);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abandon_on_cancel(mut self) -> Call {
        self.abandon_on_cancel = true;
        self
    }

    /// As [`run_sync`](super::run_sync), with these settings.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[must_use = "futures do nothing unless awaited"]
    pub fn run_sync<F, T>(self, f: F) -> impl Future<Output = Result<T, SpawnError>> + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.run_sync_in(cache::common(), f)
    }

    /// With `limiter` unless there is another.
    pub(super) fn or_limiter(mut self, limiter: &Limiter) -> Call {
        self.limiter.get_or_insert_with(|| limiter.clone());
        self
    }

    #[track_caller]
    pub(super) fn run_sync_in<'c, F, T>(
        self,
        cache: &'c Arc<Cache>,
        f: F,
    ) -> impl Future<Output = Result<T, SpawnError>> + use<'c, F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let plan = Plan {
            name: self.name,
            abandon_on_cancel: self.abandon_on_cancel,
            site: Location::caller(),
        };
        let limiter = self.limiter;
        async move {
            let limiter = limiter.unwrap_or_else(default_limiter);
            let permit = limiter.acquire().await;
            drop(limiter);
            Ok(Waiting::start(f, cache, permit, plan)?.await)
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("limiter", &self.limiter)
            .field("name", &self.name)
            .field("abandon_on_cancel", &self.abandon_on_cancel)
            .finish()
    }
}
