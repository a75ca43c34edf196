//! What scopes and timeouts have in common: a frame with a limit in time, and who reports a cut.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nestling_runtime::{
    CancelKind, Cancelled, Frame, Framed, Step, Timer, after, try_current_time,
};

/// A deadline, its timer once there is need of one.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    deadline: Cell<Option<Instant>>,
    relative: Cell<Option<Duration>>,
    timer: RefCell<Option<Timer>>,
}

impl Limit {
    pub(crate) fn set_relative(&self, duration: Duration) {
        self.relative.set(Some(duration));
        self.deadline.set(None);
    }

    pub(crate) fn set(&self, frame: &Frame, deadline: Option<Instant>) {
        self.relative.set(None);
        self.deadline.set(deadline);
        frame.set_deadline(deadline);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// The entry: a relative deadline counts from here, and one that has passed cancels.
    pub(crate) fn begin(&self, frame: &Frame) {
        if let Some(duration) = self.relative.take() {
            self.deadline.set(Some(after(duration)));
            frame.set_deadline(self.deadline.get());
            if duration.is_zero() {
                self.cancel(frame);
            }
        } else if self.deadline.get().is_some() {
            frame.set_deadline(self.deadline.get());
            self.check(frame);
        }
    }

    /// Cancels the frame if the deadline has passed. Outside a run no time passes.
    pub(crate) fn check(&self, frame: &Frame) {
        let Some(deadline) = self.deadline.get() else {
            return;
        };
        if try_current_time().is_some_and(|now| deadline <= now) {
            self.cancel(frame);
        }
    }

    fn cancel(&self, frame: &Frame) {
        frame.cancel_by_deadline();
    }

    /// Makes the timer fire at the deadline.
    pub(crate) fn arm(&self, frame: &Frame) {
        let Some(deadline) = self.deadline.get() else {
            let timer = self.timer.take();
            return drop(timer);
        };
        let mut timer = self.timer.borrow_mut();
        match &*timer {
            Some(timer) if timer.is_of_current_run() => timer.reset_cancelling(frame, deadline),
            _ => *timer = Some(Timer::cancelling(frame, deadline)),
        }
    }

    /// Arms the timer at the first wait in a run; later changes come through `arm`.
    pub(crate) fn arm_once(&self, frame: &Frame) {
        if self.deadline.get().is_some() && !self.is_armed() {
            self.arm(frame);
        }
    }

    fn is_armed(&self) -> bool {
        let timer = self.timer.borrow();
        timer.as_ref().is_some_and(Timer::is_of_current_run)
    }

    pub(crate) fn disarm(&self, frame: &Frame) {
        frame.set_deadline(None);
        let timer = self.timer.take();
        drop(timer);
    }
}

/// Polls `framed` within its boundary. `Err` if the boundary itself cut it off; if a frame around it
/// is cancelled too, that one goes on unwinding and this stays pending. `arm` is called when the future waits.
#[inline]
pub(crate) fn poll<F: Future>(
    framed: Pin<&mut Framed<F>>,
    frame: &Frame,
    cx: &mut Context<'_>,
    arm: impl FnOnce(),
) -> Poll<Result<F::Output, Cancelled>> {
    match framed.poll_step(frame, cx) {
        Poll::Pending => {
            arm();
            Poll::Pending
        }
        Poll::Ready(Step::Done(value)) => Poll::Ready(Ok(value)),
        Poll::Ready(Step::Cut) => {
            frame.set_guest(false);
            if frame.is_cancelled_from_outside() {
                return Poll::Pending;
            }
            Poll::Ready(Err(cause(frame)))
        }
    }
}

/// Why the frame is cancelled. It may have been cut off by a frame that it has been moved away from.
pub(crate) fn cause(frame: &Frame) -> Cancelled {
    frame.effective_cause().unwrap_or_else(|| {
        let cause = Cancelled::new(CancelKind::Explicit);
        cause.because("the future was cut off in a cancelled scope and then polled outside it")
    })
}
