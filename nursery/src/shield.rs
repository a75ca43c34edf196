//! Shields, and the place where unwinding stops.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use nestling_runtime::{Cancelled, Frame, FrameKind, Framed, Label, Step};
use pin_project_lite::pin_project;

use crate::boundary::cause;

/// Runs `future` to its end, whatever happens to the scopes around: their cancellation waits.
///
/// Use it for what must not stop half-way and ends soon. For a shield with a deadline use
/// `CancelScope::new().shielded().timeout(d).run(future)`.
///
/// ```
/// use nestling_nursery::{open_nursery, shield};
/// use nestling_runtime::{checkpoint, run};
/// use std::cell::Cell;
///
/// let saved = Cell::new(false);
/// let result = run(open_nursery(async |nursery| {
///     nursery.cancel();
///     shield(async {
///         checkpoint().await; // is not cut off here
///         saved.set(true);
///     })
///     .await;
///     checkpoint().await; // but here
///     unreachable!();
/// }));
/// assert!(saved.get() && result.is_err());
/// ```
///
/// # Cancel and drop
/// Not cut off; dropped by foreign code, `future` is dropped.
#[track_caller]
pub fn shield<F: Future>(future: F) -> Shield<F> {
    Shield {
        framed: Framed::new(future),
        frame: None,
        site: Location::caller(),
    }
}

pin_project! {
    /// The future of [`shield`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Shield<F> {
        #[pin]
        framed: Framed<F>,
        frame: Option<Frame>,
        site: &'static Location<'static>,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let frame = this.frame.get_or_insert_with(|| {
            let frame = Frame::new(Label::of::<F>(FrameKind::Scope, this.site));
            frame.set_shield(true);
            frame.set_guest(true);
            frame
        });
        match this.framed.poll_step(frame, cx) {
            Poll::Ready(Step::Done(value)) => {
                *this.frame = None;
                Poll::Ready(value)
            }
            // Nothing cancels a shield's own frame; this is a poll after the end.
            Poll::Ready(Step::Cut) => panic!("a shield was polled again after it had ended"),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Stops the unwinding here: a `future` that is cut off, by whatever scope, yields `Err`.
///
/// The context stays cancelled, so the next checkpoint outside goes on with the unwinding. Use it to
/// do something without waiting before that, such as counting.
///
/// ```
/// use nestling_nursery::{catch_cancel, open_nursery};
/// use nestling_runtime::{run, sleep_forever};
///
/// let result = run(open_nursery(async |nursery| {
///     nursery.cancel_scope().cancel_because("closing time");
///     let caught = catch_cancel(sleep_forever()).await;
///     assert!(caught.is_err_and(|cancelled| cancelled.reason() == Some("closing time")));
/// }));
/// assert!(result.is_ok()); // the body had a value, without meeting another checkpoint
/// ```
///
/// # Errors
/// [`Cancelled`], with the outermost cause that reached the future.
#[track_caller]
pub fn catch_cancel<F: Future>(future: F) -> CatchCancel<F> {
    CatchCancel {
        framed: Framed::new(future),
        frame: None,
        over: false,
        site: Location::caller(),
    }
}

pin_project! {
    /// The future of [`catch_cancel`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct CatchCancel<F> {
        #[pin]
        framed: Framed<F>,
        frame: Option<Frame>,
        over: bool,
        site: &'static Location<'static>,
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(
            !*this.over,
            "a `catch_cancel` was polled again after it had ended"
        );
        let frame = this.frame.get_or_insert_with(|| {
            let frame = Frame::new(Label::of::<F>(FrameKind::Scope, this.site));
            // Waited for, or a frame around it that is cut off first would drop it uncaught.
            frame.set_guest(true);
            frame
        });
        let result = match this.framed.poll_step(frame, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Step::Done(value)) => Ok(value),
            Poll::Ready(Step::Cut) => Err(cause(frame)),
        };
        *this.frame = None;
        *this.over = true;
        Poll::Ready(result)
    }
}
