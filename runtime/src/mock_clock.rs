//! A clock that a test sets.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// Virtual time for tests. Clones are one clock, so a test keeps one and gives the other to the run.
///
/// It stands still by itself. When every task of the run waits, and there is neither I/O nor a wake-up
/// from another thread, it jumps to the next deadline; so a day of sleeping takes no time, and every
/// deadline is met exactly. [`jump`](Self::jump) moves it by hand, [`set_rate`](Self::set_rate) lets it
/// run, and [`set_autojump`](Self::set_autojump) tells how long everything has to be quiet before it
/// jumps.
///
/// ```
/// use std::time::Duration;
/// use nestling_runtime::{Builder, MockClock, current_time, sleep};
///
/// let day = Duration::from_secs(24 * 60 * 60);
/// let slept = Builder::new().clock(MockClock::new()).run(async {
///     let start = current_time();
///     sleep(day).await;
///     current_time() - start
/// });
/// assert_eq!(slept, day);
/// ```
#[derive(Clone)]
pub struct MockClock {
    state: Rc<State>,
}

struct State {
    /// What the clock showed when the rate was last set, and when that was in real time.
    shown: Cell<Instant>,
    since: Cell<Instant>,
    rate: Cell<f64>,
    autojump: Cell<Option<Duration>>,
}

impl MockClock {
    /// A clock that stands still and jumps as soon as everything is quiet.
    #[must_use]
    pub fn new() -> MockClock {
        let now = Instant::now();
        MockClock {
            state: Rc::new(State {
                shown: Cell::new(now),
                since: Cell::new(now),
                rate: Cell::new(0.0),
                autojump: Cell::new(Some(Duration::ZERO)),
            }),
        }
    }

    /// Moves the clock forward.
    pub fn jump(&self, by: Duration) {
        let now = self.now();
        self.show(now.checked_add(by).unwrap_or(now));
    }

    /// Lets the clock run at so many times the speed of real time; 0 stops it.
    ///
    /// # Panics
    /// If the rate is negative, infinite, or no number.
    #[track_caller]
    pub fn set_rate(&self, rate: f64) {
        assert!(rate.is_finite() && rate >= 0.0, "MockClock::set_rate: the rate must be 0 or more");
        self.show(self.now());
        self.state.rate.set(rate);
    }

    /// How many times as fast as real time it runs.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.state.rate.get()
    }

    /// Has the clock jump to the next deadline when everything has been quiet for `quiet` of real
    /// time; `None`: never.
    pub fn set_autojump(&self, quiet: impl Into<Option<Duration>>) {
        self.state.autojump.set(quiet.into());
    }

    /// How long everything has to be quiet before it jumps.
    #[must_use]
    pub fn autojump(&self) -> Option<Duration> {
        self.state.autojump.get()
    }

    fn show(&self, moment: Instant) {
        self.state.shown.set(moment);
        self.state.since.set(Instant::now());
    }
}

impl Default for MockClock {
    fn default() -> Self {
        MockClock::new()
    }
}

impl Clock for MockClock {
    fn now(&self) -> Instant {
        let (shown, rate) = (self.state.shown.get(), self.state.rate.get());
        if rate == 0.0 {
            return shown;
        }
        let passed = self.state.since.get().elapsed().as_secs_f64() * rate;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        shown.checked_add(passed).unwrap_or(shown)
    }

    fn time_until(&self, deadline: Instant) -> Duration {
        let left = deadline.saturating_duration_since(self.now());
        let rate = self.state.rate.get();
        if left.is_zero() || rate == 0.0 {
            return if left.is_zero() { left } else { Duration::MAX };
        }
        Duration::try_from_secs_f64(left.as_secs_f64() / rate).unwrap_or(Duration::MAX)
    }

    fn quiet_before_jump(&self) -> Option<Duration> {
        self.state.autojump.get()
    }

    fn jump_to(&self, deadline: Instant) {
        if deadline > self.now() {
            self.show(deadline);
        }
    }
}

impl fmt::Debug for MockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClock")
            .field("rate", &self.rate())
            .field("autojump", &self.autojump())
            .finish_non_exhaustive()
    }
}
