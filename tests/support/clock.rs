//! Time that passes only when nobody has anything to do.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nestling::Clock;

/// A clock that jumps to the next deadline as soon as the loop would wait for it.
#[derive(Clone)]
pub(crate) struct VirtualClock {
    base: Instant,
    passed: Rc<Cell<Duration>>,
}

impl VirtualClock {
    pub(crate) fn new() -> VirtualClock {
        VirtualClock {
            base: Instant::now(),
            passed: Rc::default(),
        }
    }

    /// What has passed since the clock was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.passed.get()
    }

    /// Lets time pass though there is work to do.
    pub(crate) fn advance(&self, by: Duration) {
        self.passed.set(self.passed.get() + by);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.base + self.passed.get()
    }

    fn time_until(&self, deadline: Instant) -> Duration {
        let at = deadline.saturating_duration_since(self.base);
        self.passed.set(self.passed.get().max(at));
        Duration::ZERO
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualClock({:?})", self.elapsed())
    }
}
