//! A clock of its own time.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, real_now};
use crate::context;

/// A clock for tests: time stands still while tasks run, and jumps to the next deadline when all of
/// them wait. So a program that sleeps for a day is tested in microseconds, and its times are exact.
///
/// ```
/// use std::time::Duration;
/// use nestling_runtime::testing::MockClock;
/// use nestling_runtime::{Builder, sleep};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
///
/// let clock = MockClock::new();
/// Builder::new().clock(clock.clone()).run(async { sleep(DAY).await });
/// assert_eq!(clock.elapsed(), DAY);
/// ```
///
/// Clones show the same time. A run looks at I/O and at messages of other threads before it lets the
/// clock jump, and a thread that works for the run keeps it from jumping. It does not know of what goes
/// on elsewhere: with a server in another process, use the system's clock, or a
/// [threshold](MockClock::autojump).
///
/// A run on this clock is also watched for deadlocks; see
/// [`Builder::detect_deadlock`](crate::Builder::detect_deadlock).
#[derive(Clone)]
pub struct MockClock {
    state: Rc<State>,
}

struct State {
    base: Instant,
    /// What had passed at `since`.
    passed: Cell<Duration>,
    since: Cell<Instant>,
    rate: Cell<f64>,
    autojump: Cell<Option<Duration>>,
}

impl Default for MockClock {
    fn default() -> Self {
        MockClock::new()
    }
}

impl MockClock {
    /// A clock that stands still and jumps as soon as a run is quiet.
    #[must_use]
    pub fn new() -> MockClock {
        let base = real_now();
        MockClock {
            state: Rc::new(State {
                base,
                passed: Cell::default(),
                since: Cell::new(base),
                rate: Cell::new(0.0),
                autojump: Cell::new(Some(Duration::ZERO)),
            }),
        }
    }

    /// From now on, lets `rate` seconds pass in each real one: 0 stands still, 1 is real time.
    ///
    /// ```
    /// use nestling_runtime::testing::MockClock;
    ///
    /// let hundredfold = MockClock::new().autojump(None).rate(100.0);
    /// assert_eq!(hundredfold.current_rate(), 100.0);
    /// ```
    ///
    /// # Panics
    /// If `rate` is negative, infinite or no number.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "it changes this clock too")]
    pub fn rate(&self, rate: f64) -> MockClock {
        assert!(
            rate.is_finite() && rate >= 0.0,
            "MockClock: time cannot pass at a rate of {rate}"
        );
        self.state.settle();
        self.state.rate.set(rate);
        self.clone()
    }

    /// The rate that was set last; 0 at first.
    #[must_use]
    pub fn current_rate(&self) -> f64 {
        self.state.rate.get()
    }

    /// From now on, jumps to the next deadline once a run has been quiet for `threshold` of real time;
    /// `None`: does not jump by itself. A new clock has a threshold of zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nestling_runtime::testing::MockClock;
    /// use nestling_runtime::{Builder, current_time, sleep};
    ///
    /// // A test that decides itself when time passes.
    /// let clock = MockClock::new().autojump(None);
    /// Builder::new().clock(clock.clone()).run(async {
    ///     let before = current_time();
    ///     clock.jump(Duration::from_secs(5));
    ///     assert_eq!(current_time() - before, Duration::from_secs(5));
    /// });
    /// ```
    #[allow(clippy::return_self_not_must_use, reason = "it changes this clock too")]
    pub fn autojump(&self, threshold: impl Into<Option<Duration>>) -> MockClock {
        self.state.autojump.set(threshold.into());
        self.clone()
    }

    /// The threshold that was set last.
    #[must_use]
    pub fn current_autojump(&self) -> Option<Duration> {
        self.state.autojump.get()
    }

    /// Lets `time` pass at once. Timers that are due then fire in the run's next turn.
    pub fn jump(&self, time: Duration) {
        self.state.settle();
        self.state.advance_to(self.elapsed().saturating_add(time));
    }

    /// What has passed since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.state.elapsed()
    }
}

impl State {
    fn elapsed(&self) -> Duration {
        let rate = self.rate.get();
        if rate == 0.0 {
            return self.passed.get();
        }
        let real = real_now().saturating_duration_since(self.since.get());
        let scaled = Duration::try_from_secs_f64(real.as_secs_f64() * rate);
        self.passed
            .get()
            .saturating_add(scaled.unwrap_or(Duration::MAX))
    }

    /// Makes what has passed at the present rate the new beginning.
    fn settle(&self) {
        let elapsed = self.elapsed();
        self.since.set(real_now());
        self.passed.set(elapsed);
    }

    /// Time never goes back, nor beyond what the system's type can tell.
    fn advance_to(&self, elapsed: Duration) {
        if self.base.checked_add(elapsed).is_some() {
            self.passed.set(elapsed.max(self.passed.get()));
        }
        // What the turn remembers is old now.
        context::forget_turn();
    }
}

impl Clock for MockClock {
    fn now(&self) -> Instant {
        let State { base, .. } = *self.state;
        base.checked_add(self.elapsed())
            .or_else(|| base.checked_add(self.state.passed.get()))
            .unwrap_or(base)
    }

    fn time_until(&self, deadline: Instant) -> Duration {
        let left = deadline.saturating_duration_since(self.now());
        if left.is_zero() {
            return left;
        }
        // At a rate of 0 this is infinite, and more than a `Duration` can hold.
        Duration::try_from_secs_f64(left.as_secs_f64() / self.state.rate.get())
            .map_or(Duration::MAX, |real| real.max(Duration::from_nanos(1)))
    }

    fn autojump(&self) -> Option<Duration> {
        self.state.autojump.get()
    }

    fn jump_to(&self, deadline: Instant) {
        self.state.settle();
        self.state
            .advance_to(deadline.saturating_duration_since(self.state.base));
    }
}

impl fmt::Debug for MockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClock")
            .field("elapsed", &self.elapsed())
            .field("rate", &self.current_rate())
            .field("autojump", &self.current_autojump())
            .finish()
    }
}
