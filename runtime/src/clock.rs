//! The clock of a run. Nothing else in Nestling reads the time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Where a run takes its time from.
pub trait Clock: Debug {
    /// The present moment; must never go back.
    fn now(&self) -> Instant;

    /// How long the loop should wait in real time for this clock to reach `deadline`.
    ///
    /// The loop looks at the clock again afterwards, so waking it too early costs time only.
    fn time_until(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.now())
    }

    /// How long a run has to be quiet, in real time, before this clock jumps to the next deadline.
    /// `None`, the default, for a clock that does not jump.
    ///
    /// A run is quiet while every task waits and no thread works for it; sockets and messages of other
    /// threads have been looked at before.
    fn autojump(&self) -> Option<Duration> {
        None
    }

    /// Lets time pass at once until `deadline`; called after the quiet of [`autojump`](Clock::autojump).
    fn jump_to(&self, deadline: Instant) {
        let _unable_to = deadline;
    }
}

/// The real time, for what concerns the machine and not the run.
pub(crate) fn real_now() -> Instant {
    Instant::now()
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}
