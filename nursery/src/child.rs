#![expect(
    unsafe_code,
    reason = "children borrow from their parent, which erases a lifetime"
)]
//! A child task: the user's future in a frame of its own.
//!
//! ```text
//!            first poll        poll: ready, or cut off, or a panic
//! 1 scheduled ------> 2 running ------------------------------------> 3 ended
//!     |                  | the nursery's future is dropped: dropped in place
//!     +------------------+----------------------------------------------^
//! ```
//!
//! The future is dropped inside `poll`, always, and panics are caught there: one is the nursery's to report.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use nestling_runtime::{Frame, Framed, Label, Step};
use pin_project_lite::pin_project;

use crate::outcome::Outcome;
use crate::start::Starting;
use crate::state::{Ended, State, report_second_panic};

/// What is known of a child beside its future.
pub(crate) struct Plan {
    pub(crate) label: Label,
    pub(crate) daemon: bool,
    /// Set while a `start` waits for the child to be ready; it gets the errors until then.
    pub(crate) starting: Option<Rc<Starting>>,
}

/// Makes `future` a child of the nursery and schedules its first poll.
///
/// # Safety
/// The caller vouches that what `future` borrows lives until the nursery's future has ended or has
/// been dropped, or for ever if that is leaked.
pub(crate) unsafe fn spawn<F>(state: &Rc<State>, plan: Plan, future: F)
where
    F: Future<Output: Outcome>,
{
    let frame = state.scope.frame().child(plan.label);
    if let Some(starting) = &plan.starting {
        starting.set_child(frame.handle());
    }
    state.child_begins(plan.daemon);
    let child = Child {
        future: Framed::new(future),
        frame,
        status: Status {
            state: Rc::clone(state),
            daemon: plan.daemon,
            starting: plan.starting,
            ended: false,
            has_waker: false,
        },
    };
    if state.is_closed() {
        // Started by a destructor while the nursery is being dropped: it is not to run any more.
        std::pin::pin!(child).drop_future();
        // The nursery may be beyond the point where it would report that.
        return state.report_late();
    }
    // SAFETY: 1. The nursery polls the queue until no child is left (`Driver`), and if its future is
    // dropped, wakes and runs all children, which drop their futures, until none is left
    // (`DropChildren`). Both are before the end of what `future` borrows, by the caller's promise.
    // If the nursery's future is leaked, so is its `Rc<State>` with the queue, which is not polled
    // again. 2. `State` holds the queue's `Arc`, and each child an `Rc<State>`.
    unsafe { state.queue.spawn_unchecked(child) }
}

pin_project! {
    struct Child<F> {
        #[pin]
        future: Framed<F>,
        frame: Frame,
        status: Status,
    }
}

/// The child as its nursery counts it: ended at the latest when it is dropped.
struct Status {
    state: Rc<State>,
    daemon: bool,
    starting: Option<Rc<Starting>>,
    ended: bool,
    /// The frame has the task's waker. It gets it with the first `Pending`, since until then the task
    /// is queued or running anyway, and many a child needs one poll only.
    has_waker: bool,
}

impl<F: Future<Output: Outcome>> Future for Child<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Through `project`: a plain `&self` would span the future, which holds references to itself.
        if self.as_mut().project().status.state.is_closed() {
            self.drop_future();
            return Poll::Ready(());
        }
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let this = self.as_mut().project();
            this.future
                .poll_task(this.frame, cx)
                .map(|step| match step {
                    // The value is dropped here, where a panic is still caught.
                    Step::Done(output) => output
                        .into_result()
                        .map_or_else(Ended::Failed, |_| Ended::Done),
                    Step::Cut => Ended::Cut,
                })
        }));
        let ended = match polled {
            Ok(Poll::Pending) => {
                let this = self.project();
                if !std::mem::replace(&mut this.status.has_waker, true) {
                    this.frame.set_waker(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(ended)) => ended,
            Err(payload) => {
                self.as_mut().drop_after_panic();
                Ended::Panicked(payload)
            }
        };
        let this = self.project();
        this.status.end(this.frame, ended);
        Poll::Ready(())
    }
}

impl<F> Child<F>
where
    F: Future<Output: Outcome>,
{
    /// Drops the future in place and ends; a panic of its destructors is the child's panic.
    fn drop_future(self: Pin<&mut Self>) {
        let mut this = self.project();
        let future = this.future.as_mut();
        let dropped = catch_unwind(AssertUnwindSafe(|| future.drop_in(this.frame)));
        this.status.end(
            this.frame,
            dropped.map_or_else(Ended::Panicked, |()| Ended::Cut),
        );
    }

    fn drop_after_panic(self: Pin<&mut Self>) {
        let this = self.project();
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.drop_in(this.frame)));
        report_second_panic(dropped, "a task");
    }
}

impl Status {
    #[inline]
    fn end(&mut self, frame: &Frame, ended: Ended) {
        match ended {
            // Most children end like this.
            Ended::Done if self.starting.is_none() => {}
            ended => self.tell(frame, ended),
        }
        self.leave();
    }

    fn tell(&mut self, frame: &Frame, ended: Ended) {
        // Of a child that is being started, the caller of `start` hears first.
        let ended = match self.starting.take() {
            Some(starting) => starting.child_ended(ended, frame),
            None => Some(ended),
        };
        match ended {
            Some(Ended::Cut) if !self.daemon => self.state.child_was_cut(),
            Some(ended @ (Ended::Failed(_) | Ended::Panicked(_))) => {
                if let Some(label) = frame.label() {
                    self.state.record(&label, ended);
                }
            }
            Some(Ended::Done | Ended::Cut) | None => {}
        }
    }

    fn leave(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.state.child_ends(self.daemon);
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        // Reached without `end` only if the task was closed from below, at the end of the thread.
        self.leave();
    }
}
