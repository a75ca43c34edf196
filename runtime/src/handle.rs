//! A run as other threads see it.

use std::sync::Arc;

use crate::core;
use crate::inbox::{Inbox, Message};

/// A handle on a run that may be sent to other threads.
///
/// ```
/// let (sender, receiver) = std::sync::mpsc::channel();
/// nestling_runtime::run(async {
///     let handle = nestling_runtime::RunHandle::current();
///     let thread = std::thread::spawn(move || handle.run_soon(move || sender.send(6 * 7)));
///     # let _ = thread.join();
/// });
/// // Whatever was accepted has run by the time the run is over.
/// assert_eq!(receiver.recv(), Ok(42));
/// ```
#[derive(Clone, Debug)]
pub struct RunHandle {
    inbox: Arc<Inbox>,
    /// Tells the run that something may come from here.
    _outside: Arc<()>,
}

/// The run that a [`RunHandle`] leads to has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run has ended, so the closure was not run")]
#[non_exhaustive]
pub struct RunFinished;

impl RunHandle {
    /// The handle of this thread's run.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    #[track_caller]
    pub fn current() -> RunHandle {
        let core = core::current();
        RunHandle {
            inbox: Arc::clone(&core.inbox),
            _outside: Arc::clone(&core.outside),
        }
    }

    /// Has the run call `f` on its own thread, soon, and before the run ends; if this is called on that
    /// thread, never before it returns. Closures run in the order in which they were accepted. What `f`
    /// returns is dropped there.
    ///
    /// A closure that calls `run_soon` again starves nobody: each turn of the loop runs those only
    /// that it found at its beginning.
    ///
    /// # Errors
    /// [`RunFinished`] once the run has ended; `f` has been dropped then, on this thread.
    ///
    /// # Panics
    /// If `f` panics, the others still run; the run's main future is cancelled, and when all of its
    /// tasks have ended, the panic resumes in the caller of [`run`](crate::run()).
    pub fn run_soon<F, R>(&self, f: F) -> Result<(), RunFinished>
    where
        F: FnOnce() -> R + Send + 'static,
    {
        let call = Box::new(move || drop(f()));
        self.inbox
            .post(Message::Call(call))
            .map_err(|_| RunFinished)
    }
}
