//! Checkpoints: the points at which a task may be cut off or has to let others run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context;
use crate::frames;
use crate::steps;

/// What every operation asks before it does anything, in each of its polls.
///
/// `Pending` means that the operation must return `Pending` at once without having had an effect:
/// the context is cancelled and the frame around it is about to be cut off, or the task has passed
/// 128 checkpoints in this poll, in which case it has already been woken for its next turn.
///
/// It is public for those who write their own primitives.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    context::with(|context| {
        if context.cancelled.get() {
            return strand(cx);
        }
        if context.frame.get() == context::NO_FRAME {
            // Outside a run nobody fills the budget again.
            return Poll::Ready(());
        }
        match context.budget.get().checked_sub(1) {
            Some(left) => {
                context.budget.set(left);
                Poll::Ready(())
            }
            None => steps::poll_without_budget(cx),
        }
    })
}

#[cold]
fn strand(cx: &Context<'_>) -> Poll<()> {
    frames::strand(cx.waker());
    Poll::Pending
}

/// Whether the current context is cancelled, so that the next checkpoint would cut it off.
///
/// Outside a run it is `false`.
#[must_use]
pub fn is_cancelled() -> bool {
    context::with(|context| context.cancelled.get())
}

/// Lets every other ready task run once, then goes on, unless the context has been cancelled.
///
/// Use it in long computations that await nothing else. As in trio, it always yields, and it looks
/// for cancellation both before and after that.
///
/// # Cancel and drop
/// Cancelled, the caller is cut off here. Dropped, nothing is left.
pub fn checkpoint() -> Checkpoint {
    Checkpoint { yielded: false }
}

/// The future of [`checkpoint`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Checkpoint {
    yielded: bool,
}

impl Future for Checkpoint {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if is_cancelled() {
            return strand(cx);
        }
        if self.yielded {
            return Poll::Ready(());
        }
        steps::begin_yield();
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
