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
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}
