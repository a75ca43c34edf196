//! Threads for one kind of work.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{Cache, ThreadStatistics};
use super::call::{Call, with};
use super::error::SpawnError;
use super::limiter::{Limiter, LimiterStatistics};

/// Threads of its own for one kind of work, such as computations, so that it does not get in the way of
/// others: at most `size`, each started when it is needed first, and kept as long as the pool.
///
/// ```
/// use nestling_runtime::{run, to_thread};
///
/// let cpu = to_thread::Pool::new(4).name("cpu");
/// let name = run(cpu.run_sync(|| std::thread::current().name().map(String::from)))?;
/// assert_eq!(name.as_deref(), Some("cpu"));
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
///
/// It serves the tasks of its thread, in one run after the other.
///
/// # Drop
/// Its threads end, each as soon as it has nothing to do. Nobody waits for that, as a thread may be stuck.
pub struct Pool {
    limiter: Limiter,
    name: Arc<str>,
    stack_size: Option<usize>,
    /// Made at the first call, when the settings are known.
    cache: OnceCell<Arc<Cache>>,
}

impl Pool {
    /// A pool of at most `size` threads.
    ///
    /// # Panics
    /// If `size` is 0, since nothing would ever be done.
    #[must_use]
    #[track_caller]
    pub fn new(size: usize) -> Pool {
        assert!(
            size > 0,
            "a pool of 0 threads would do nothing for ever: give it 1 at least"
        );
        Pool {
            limiter: Limiter::new(size),
            name: Arc::from("nestling-pool"),
            stack_size: None,
            cache: OnceCell::new(),
        }
    }

    /// The name of its threads.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Pool {
        self.close();
        self.name = name.into();
        self
    }

    /// The stack of each of its threads, in bytes; otherwise it is the standard library's default.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Pool {
        self.close();
        self.stack_size = Some(bytes);
        self
    }

    /// Calls `f` in one of its threads, as [`run_sync`](super::run_sync) does in one that all share.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[must_use = "futures do nothing unless awaited"]
    pub fn run_sync<F, T>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<T, SpawnError>> + use<'_, F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.run_sync_with(with(), f)
    }

    /// As [`Pool::run_sync`], with settings. A limiter among them takes the place of the pool's own, and
    /// with it of its size.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[must_use = "futures do nothing unless awaited"]
    pub fn run_sync_with<F, T>(
        &self,
        call: Call,
        f: F,
    ) -> impl Future<Output = Result<T, SpawnError>> + use<'_, F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let cache = self.cache.get_or_init(|| {
            let forever = Duration::MAX;
            Arc::new(Cache::new(self.name.clone(), self.stack_size, forever))
        });
        call.or_limiter(&self.limiter).run_sync_in(cache, f)
    }

    fn close(&mut self) {
        if let Some(cache) = self.cache.take() {
            cache.close();
        }
    }

    /// What its threads do.
    #[must_use]
    pub fn threads(&self) -> ThreadStatistics {
        let cache = self.cache.get();
        cache.map_or_else(ThreadStatistics::none, |cache| cache.statistics())
    }

    /// How many calls are under way, and how many wait.
    #[must_use]
    pub fn statistics(&self) -> LimiterStatistics {
        self.limiter.statistics()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.statistics();
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("size", &calls.total)
            .field("working", &calls.working)
            .field("waiting", &calls.waiting)
            .field("threads", &self.threads())
            .finish()
    }
}
