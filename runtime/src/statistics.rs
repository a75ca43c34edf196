//! Figures of the current run, for tests and for the curious.

use crate::core;
use crate::frames;
use crate::reactor::IoStatistics;

/// What lives in a run at the moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Statistics {
    /// Frames of this thread: tasks, nurseries, bodies, scopes, and the main future.
    pub frames: usize,
    /// Timers that are armed.
    pub timers: usize,
    /// Messages from other threads that have not been handled.
    pub inbox: usize,
    /// Threads that work for a task which waits for them, without those that wait for the run in turn.
    pub threads: usize,
    /// Sockets and who waits for them.
    pub io: IoStatistics,
}

/// The figures of this thread's run.
///
/// # Panics
/// Outside a run.
#[must_use]
#[track_caller]
pub fn statistics() -> Statistics {
    let core = core::current();
    Statistics {
        frames: frames::count(),
        timers: core.timer_count(),
        inbox: core.inbox.len(),
        threads: core.busy.get(),
        io: core.reactor.statistics(),
    }
}
