//! What a worker thread knows of the job that it does.

use std::cell::RefCell;
use std::sync::Arc;

use super::job::Work;
use crate::cancelled::Cancelled;

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Work>>> = const { RefCell::new(None) };
}

/// While it lives, the thread works.
pub(super) struct Begun(());

pub(super) fn begin(job: Arc<dyn Work>) -> Begun {
    CURRENT.with(|current| current.replace(Some(job)));
    Begun(())
}

impl Drop for Begun {
    fn drop(&mut self) {
        let job = CURRENT.with(|current| current.take());
        drop(job);
    }
}

/// The job of this thread.
pub(super) fn current() -> Option<Arc<dyn Work>> {
    // In the destructors of other thread-locals there is none any more.
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Asks, in a worker thread, whether its work is still wanted.
///
/// Blocking work cannot be cut off. Call this now and then in what takes long, and return early on
/// `Err`: it says so from the moment on at which the task that waits for the thread was cancelled, and
/// stays so. It costs a lock that is hardly ever contended, some 30 ns.
///
/// ```
/// use nestling_runtime::{Cancelled, run, to_thread};
///
/// fn sum(numbers: &[u64]) -> Result<u64, Cancelled> {
///     let mut sum = 0;
///     for part in numbers.chunks(1000) {
///         to_thread::check_cancelled()?;
///         sum += part.iter().sum::<u64>();
///     }
///     Ok(sum)
/// }
///
/// let sum = run(to_thread::run_sync(|| sum(&[1, 2, 3])))?;
/// assert_eq!(sum, Ok(6));
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
///
/// # Errors
/// Why the task was cancelled, if it was, or that its call has been dropped. Returned to the task that
/// waits, it is a value like any other: that task is cut off at its next checkpoint, and does not have to
/// look at it.
///
/// # Panics
/// In a thread that was not given its work by [`run_sync`](super::run_sync) or a [`Pool`](super::Pool).
/// In the run's own thread ask [`is_cancelled`](crate::is_cancelled()). A thread that the work has
/// started itself cannot ask either.
#[track_caller]
pub fn check_cancelled() -> Result<(), Cancelled> {
    match current() {
        Some(job) => job.link().cause().map_or(Ok(()), Err),
        None => panic!(
            "`to_thread::check_cancelled` works only in a thread that `to_thread::run_sync` or a \
             `to_thread::Pool` has given its work; in a task, ask `is_cancelled()`"
        ),
    }
}
