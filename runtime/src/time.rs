//! Sleeping, and the time by the run's clock.
//!
//! Everything here wakes at its moment or after it, never before; how long after is up to the
//! kernel's timer and to how busy the thread is. By the system's clock, deadlines within 8 µs of each other may be
//! waited for together; one that stands alone never waits for another.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::checkpoint::poll_proceed;
use crate::core;
use crate::timer::Timer;
use crate::waits::waits_for;

/// The present moment by the run's clock.
///
/// # Panics
/// Outside a run.
///
/// ```
/// let spent = nestling_runtime::run(async {
///     let start = nestling_runtime::current_time();
///     nestling_runtime::sleep(std::time::Duration::from_millis(2)).await;
///     nestling_runtime::current_time() - start
/// });
/// assert!(spent >= std::time::Duration::from_millis(2));
/// ```
#[must_use]
#[track_caller]
pub fn current_time() -> Instant {
    core::with(|core| core.now())
}

/// As [`current_time`]; `None` outside a run.
#[must_use]
pub fn try_current_time() -> Option<Instant> {
    core::try_with(|core| core.now())
}

/// The moment `duration` from now by the run's clock; what is too far away to be told counts as a
/// century from now.
///
/// # Panics
/// Outside a run.
#[must_use]
#[track_caller]
pub fn after(duration: Duration) -> Instant {
    later(current_time(), duration)
}

fn later(now: Instant, duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(duration)
        .or_else(|| now.checked_add(CENTURY))
        .unwrap_or(now)
}

/// Waits until at least `duration` has passed, counted from the first poll.
///
/// A duration of zero is a [`checkpoint`](crate::checkpoint()): everybody else gets a turn.
///
/// It never ends early. How late it ends is up to the kernel (some 50 µs on Linux, 3 with real-time priority)
/// and to how busy the thread is; others that end within the next 8 µs may make it late by that much.
///
/// # Cancel and drop
/// Cancelled, the caller is cut off here. Dropped, the timer is gone.
///
/// # Panics
/// Polled outside a run.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        state: State::For(duration),
    }
}

/// Waits until the run's clock shows `deadline` or later; at once if it does already, save for the
/// turn that everybody else gets.
///
/// Cancelled, dropped or polled outside a run it does what [`sleep`] does.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        state: State::Until(deadline),
    }
}

/// Never returns: waits until the caller is cancelled or dropped.
///
/// Its output is `()` and not `!` so that code may stand behind it without a warning.
pub fn sleep_forever() -> SleepForever {
    SleepForever(())
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    state: State,
}

#[derive(Debug)]
enum State {
    For(Duration),
    Until(Instant),
    Armed(Instant, Timer),
    /// It was over before it began: everybody else gets a turn.
    Yielded,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx));
        let now;
        let deadline = match &self.state {
            State::Armed(deadline, timer) if timer.is_of_current_run() => {
                ready!(timer.poll_fired(*deadline, cx));
                self.state = State::Yielded;
                return Poll::Ready(());
            }
            // In the second case it was armed in a run that is over; this one knows nothing of it.
            State::Until(deadline) | State::Armed(deadline, _) => {
                now = current_time();
                *deadline
            }
            State::For(duration) => {
                now = current_time();
                later(now, *duration)
            }
            State::Yielded => return Poll::Ready(()),
        };
        if deadline <= now {
            self.state = State::Yielded;
            cx.waker().wake_by_ref();
        } else {
            self.state = State::Armed(deadline, Timer::waking(deadline, cx));
        }
        Poll::Pending
    }
}

/// The future of [`sleep_forever`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SleepForever(());

impl Future for SleepForever {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        waits_for(|| "ever".to_owned());
        Poll::Pending
    }
}

/// Ticks every `period`, the first time at once.
///
/// The ticks lie on a grid, so they do not drift. A tick that comes late does not move the later
/// ones; ticks that were missed altogether are left out.
///
/// # Panics
/// If `period` is zero.
///
/// ```
/// use std::time::Duration;
///
/// nestling_runtime::run(async {
///     let mut ticks = nestling_runtime::interval(Duration::from_millis(1));
///     let first = ticks.tick().await;
///     let second = ticks.tick().await;
///     assert!(second - first >= Duration::from_millis(1));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "interval: the period must be longer than zero"
    );
    Interval { period, next: None }
}

/// What [`interval`] returns.
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    next: Option<Instant>,
}

impl Interval {
    /// Waits for the next tick and returns the moment it was due at.
    ///
    /// Cancelled or dropped half-way, no tick is lost: the next call waits for the same one.
    pub async fn tick(&mut self) -> Instant {
        let due = match self.next {
            Some(due) => due,
            None => {
                // In a cancelled context the grid does not begin.
                poll_fn(poll_proceed).await;
                *self.next.insert(current_time())
            }
        };
        sleep_until(due).await;
        let now = current_time();
        // The part of the period that has passed: the next tick lies on the grid, and ahead.
        let passed = now.saturating_duration_since(due).as_nanos() % self.period.as_nanos();
        let passed = Duration::new(
            (passed / 1_000_000_000) as u64,
            (passed % 1_000_000_000) as u32,
        );
        let next = now.checked_add(self.period - passed);
        self.next = Some(next.unwrap_or_else(|| after(self.period)));
        due
    }

    /// The time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {:?}", self.period)
    }
}
