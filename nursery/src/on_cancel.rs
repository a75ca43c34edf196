//! Async clean-up for a future that is cut off.
//!
//! ```text
//!             ready
//! 1 running ---------------------------------> 4 done
//!     | cut off: the future is dropped
//! 2 cleaning up, shielded, perhaps with a limit
//!     | ended, failed, or too slow: reported to the nursery
//! 3 unwinding: pending, until the frame around is cut off in turn
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nestling_runtime::{Frame, FrameKind, Framed, Label, Step};
use pin_project_lite::pin_project;

use crate::boundary::{self, Limit};
use crate::outcome::Outcome;
use crate::state;
use crate::timeout::TooSlow;

/// Runs `future`, and if it is cut off, `cleanup` after it has been dropped.
///
/// The clean-up runs shielded, so it may await; the scopes around wait for it and go on unwinding
/// when it has ended. A future that is ready in time has no clean-up. If the clean-up fails, its
/// error is added to those of the nursery that the task belongs to.
///
/// ```
/// use nestling_nursery::{on_cancel, open_nursery};
/// use nestling_runtime::{checkpoint, run, sleep_forever};
/// use std::cell::Cell;
///
/// let goodbye = Cell::new(false);
/// run(open_nursery(async |nursery| {
///     nursery.start_soon(on_cancel(sleep_forever(), async || {
///         checkpoint().await; // say goodbye to a peer, for one
///         goodbye.set(true);
///     }));
///     checkpoint().await;
///     nursery.cancel();
/// }))?;
/// assert!(goodbye.get());
/// # Ok::<(), nestling_nursery::NurseryError>(())
/// ```
///
/// # Cancel and drop
/// The clean-up itself is not cut off; see [`OnCancel::within`] for giving it a time. Dropped by
/// foreign code, the future is dropped and there is no clean-up.
#[track_caller]
pub fn on_cancel<F, C, G>(future: F, cleanup: C) -> OnCancel<F, C, G>
where
    F: Future,
    C: FnOnce() -> G,
    G: Future<Output: Outcome>,
{
    OnCancel {
        future: Framed::new(future),
        cleanup: Framed::ended(),
        make_cleanup: Some(cleanup),
        frame: None,
        limit: None,
        over: false,
        site: Location::caller(),
    }
}

pin_project! {
    /// The future of [`on_cancel`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct OnCancel<F, C, G> {
        #[pin]
        future: Framed<F>,
        #[pin]
        cleanup: Framed<G>,
        make_cleanup: Option<C>,
        frame: Option<Frame>,
        limit: Option<(Duration, Limit)>,
        over: bool,
        site: &'static Location<'static>,
    }
}

impl<F, C, G> OnCancel<F, C, G> {
    /// Gives the clean-up at most `duration`. Then it is cut off as well, and [`TooSlow`] is added to
    /// the nursery's errors.
    pub fn within(mut self, duration: Duration) -> Self {
        let limit = Limit::default();
        limit.set_relative(duration);
        self.limit = Some((duration, limit));
        self
    }
}

impl<F, C, G> Future for OnCancel<F, C, G>
where
    F: Future,
    C: FnOnce() -> G,
    G: Future<Output: Outcome>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        assert!(
            !(*this.over && this.frame.is_none()),
            "an `on_cancel` future was polled again after it had ended"
        );
        let frame = this.frame.get_or_insert_with(|| {
            let frame = Frame::new(Label::of::<F>(FrameKind::Scope, this.site));
            // Waited for, or a frame around it that is cut off first would drop it uncleaned.
            frame.set_guest(true);
            frame
        });
        if this.make_cleanup.is_some() {
            match this.future.poll_step(frame, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Step::Done(value)) => {
                    *this.make_cleanup = None;
                    *this.frame = None;
                    *this.over = true;
                    return Poll::Ready(value);
                }
                Poll::Ready(Step::Cut) => {
                    frame.set_shield(true);
                    if let Some((_, limit)) = this.limit {
                        limit.begin(frame);
                    }
                    if let Some(make) = this.make_cleanup.take() {
                        this.cleanup.set(Framed::new(make()));
                    }
                }
            }
        }
        if !*this.over {
            let unlimited = Limit::default();
            let limit = this.limit.as_ref().map_or(&unlimited, |(_, limit)| limit);
            let arm = || limit.arm_once(frame);
            let ended = match boundary::poll(this.cleanup, frame, cx, arm) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(output)) => output.into_result().map(drop),
                Poll::Ready(Err(cancelled)) => {
                    let allowed = this.limit.as_ref().map(|(duration, _)| *duration);
                    Err(TooSlow::new(allowed, cancelled).into())
                }
            };
            *this.over = true;
            limit.disarm(frame);
            frame.set_shield(false);
            frame.set_guest(false);
            if let Err(error) = ended {
                state::report_cleanup(this.site, error);
            }
        }
        // On with the unwinding, from the frame around this one.
        drop(frame.enter(cx.waker()));
        assert!(
            frame.is_cancelled_from_outside(),
            "an `on_cancel` future was cut off in a cancelled scope and then polled outside it: \
             it has no value to return"
        );
        Poll::Pending
    }
}

impl<F, C, G> fmt::Debug for OnCancel<F, C, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (&self.make_cleanup, self.over) {
            (Some(_), _) => "running",
            (None, false) => "cleaning up",
            (None, true) => "over",
        };
        write!(f, "OnCancel({state})")
    }
}
