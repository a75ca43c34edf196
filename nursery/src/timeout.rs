//! Limits in time for one future.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nestling_runtime::{
    ArmedIn, Cancelled, Frame, FrameKind, Framed, Label, after, try_current_time,
};
use pin_project_lite::pin_project;

use crate::boundary;

/// Runs `future` for at most `duration`; `None` if it was cut off then.
///
/// A future that is ready in time keeps its value. With a duration of zero it runs to its first
/// checkpoint. The time counts from the first poll.
///
/// ```
/// use std::time::Duration;
/// use nestling_nursery::move_on_after;
/// use nestling_runtime::{run, sleep};
///
/// run(async {
///     let slow = move_on_after(Duration::from_millis(1), sleep(Duration::from_secs(3600)));
///     assert_eq!(slow.await, None);
///     assert_eq!(move_on_after(Duration::from_secs(3600), async { 5 }).await, Some(5));
/// });
/// ```
///
/// # Cancel and drop
/// As [`CancelScope::run`](crate::CancelScope::run).
///
/// # Panics
/// Polled outside a run.
#[track_caller]
pub fn move_on_after<F: Future>(duration: Duration, future: F) -> MoveOn<F> {
    MoveOn {
        limited: Limited::new(future, Span::For(duration), Location::caller()),
    }
}

/// As [`move_on_after`], up to a moment of the run's clock.
#[track_caller]
pub fn move_on_at<F: Future>(deadline: Instant, future: F) -> MoveOn<F> {
    MoveOn {
        limited: Limited::new(future, Span::Until(deadline), Location::caller()),
    }
}

/// Runs `future` for at most `duration`; an error if it was cut off then. Otherwise as
/// [`move_on_after`].
///
/// ```
/// use std::time::Duration;
/// use nestling_nursery::fail_after;
/// use nestling_runtime::{run, sleep};
///
/// let result = run(async {
///     fail_after(Duration::from_millis(1), sleep(Duration::from_secs(3600))).await
/// });
/// assert!(result.is_err_and(|error| error.to_string().starts_with("took longer than 1ms")));
/// ```
///
/// # Errors
/// [`TooSlow`], only if it was this very deadline that cut the future off.
#[track_caller]
pub fn fail_after<F: Future>(duration: Duration, future: F) -> FailAfter<F> {
    FailAfter {
        limited: Limited::new(future, Span::For(duration), Location::caller()),
        allowed: Some(duration),
    }
}

/// As [`fail_after`], up to a moment of the run's clock.
///
/// # Errors
/// [`TooSlow`], as there.
#[track_caller]
pub fn fail_at<F: Future>(deadline: Instant, future: F) -> FailAfter<F> {
    FailAfter {
        limited: Limited::new(future, Span::Until(deadline), Location::caller()),
        allowed: None,
    }
}

/// A future had not ended when its time was over.
#[derive(Clone, PartialEq, Eq)]
pub struct TooSlow {
    allowed: Option<Duration>,
    cancelled: Cancelled,
}

impl TooSlow {
    pub(crate) fn new(allowed: Option<Duration>, cancelled: Cancelled) -> TooSlow {
        TooSlow { allowed, cancelled }
    }

    /// How much time there was, if the limit was a duration.
    #[must_use]
    pub fn allowed(&self) -> Option<Duration> {
        self.allowed
    }

    /// Where the limit was set.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.cancelled.location()
    }

    /// The report of the cancellation that the limit caused.
    #[must_use]
    pub fn cancelled(&self) -> &Cancelled {
        &self.cancelled
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.allowed {
            Some(allowed) => write!(f, "took longer than {allowed:?}")?,
            None => f.write_str("did not end before its deadline")?,
        }
        let site = self.location();
        write!(f, " (limit set at {}:{})", site.file(), site.line())
    }
}

impl fmt::Debug for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TooSlow({self})")
    }
}

impl std::error::Error for TooSlow {}

pin_project! {
    /// The future of [`move_on_after`] and [`move_on_at`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct MoveOn<F> {
        #[pin]
        limited: Limited<F>,
    }
}

impl<F: Future> Future for MoveOn<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().limited.poll(cx).map(Result::ok)
    }
}

pin_project! {
    /// The future of [`fail_after`] and [`fail_at`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct FailAfter<F> {
        #[pin]
        limited: Limited<F>,
        allowed: Option<Duration>,
    }
}

impl<F: Future> Future for FailAfter<F> {
    type Output = Result<F::Output, TooSlow>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let allowed = *this.allowed;
        this.limited
            .poll(cx)
            .map_err(|cancelled| TooSlow { allowed, cancelled })
    }
}

pin_project! {
    /// A future in a frame of its own with a deadline: a scope that nobody else has a hold of, and
    /// that therefore needs no allocation, and whose deadline stays.
    #[derive(Debug)]
    struct Limited<F> {
        #[pin]
        framed: Framed<F>,
        state: State,
        site: &'static Location<'static>,
    }
}

#[derive(Debug)]
enum State {
    Unused(Span),
    Running(Running),
    Over,
}

#[derive(Clone, Copy, Debug)]
enum Span {
    For(Duration),
    Until(Instant),
}

/// What is made at the first poll, so that futures which are never polled leave nothing in the tree.
#[derive(Debug)]
struct Running {
    frame: Frame,
    armed: ArmedIn,
}

impl<F: Future> Limited<F> {
    fn new(future: F, span: Span, site: &'static Location<'static>) -> Limited<F> {
        Limited {
            framed: Framed::new(future),
            state: State::Unused(span),
            site,
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Cancelled>> {
        let this = self.project();
        if let State::Unused(span) = *this.state {
            let label = Label::of::<F>(FrameKind::Scope, this.site);
            *this.state = State::Running(Running::begin(span, label));
        }
        let State::Running(running) = this.state else {
            panic!("a future with a limit in time was polled again after it had ended");
        };
        let Running { frame, armed } = running;
        let result = boundary::poll(this.framed, frame, cx, || frame.arm_deadline(armed));
        if result.is_ready() {
            *this.state = State::Over;
        }
        result
    }
}

impl Running {
    fn begin(span: Span, label: Label) -> Running {
        let (deadline, has_passed) = match span {
            Span::For(duration) => (after(duration), duration.is_zero()),
            // Outside a run no time passes.
            Span::Until(deadline) => (
                deadline,
                try_current_time().is_some_and(|now| deadline <= now),
            ),
        };
        let frame = Frame::below_current(label, Some(deadline));
        if has_passed {
            frame.cancel_by_deadline();
        }
        Running {
            frame,
            armed: ArmedIn::default(),
        }
    }
}
