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

use nestling_runtime::{FrameRef, Framed, Label, Step, TaskFrame};
use pin_project_lite::pin_project;

use crate::outcome::Outcome;
use crate::start::Starting;
use crate::state::{Ended, State, report_second_panic};

/// What is known of a child beside its future.
pub(crate) struct Plan {
    pub(crate) label: Label,
    pub(crate) daemon: bool,
}

/// Who hears first how the child ended: nobody, or the caller of `start`. A type and not a field, so that
/// children which just run do not have it.
pub(crate) trait Listener {
    fn child_begins(&self, child: FrameRef);

    /// Whether there is somebody.
    fn is_there(&self) -> bool;

    /// What is given back is the nursery's.
    fn child_ended(&self, ended: Ended, frame: FrameRef) -> Option<Ended>;
}

impl Listener for () {
    fn child_begins(&self, _: FrameRef) {}

    fn is_there(&self) -> bool {
        false
    }

    fn child_ended(&self, ended: Ended, _: FrameRef) -> Option<Ended> {
        Some(ended)
    }
}

impl Listener for Rc<Starting> {
    fn child_begins(&self, child: FrameRef) {
        self.set_child(child);
    }

    fn is_there(&self) -> bool {
        true
    }

    fn child_ended(&self, ended: Ended, frame: FrameRef) -> Option<Ended> {
        Starting::child_ended(self, ended, frame)
    }
}

/// Makes `future` a child of the nursery and schedules its first poll. `listener` hears how it ended.
///
/// # Safety
/// The caller vouches that what `future` borrows lives until the nursery's future has ended or has
/// been dropped, or for ever if that is leaked.
pub(crate) unsafe fn spawn<F, L>(state: &Rc<State>, plan: Plan, listener: L, future: F)
where
    F: Future<Output: Outcome>,
    L: Listener,
{
    let flags = Flags::new(plan.daemon);
    let frame = TaskFrame::below(state.scope.frame(), plan.label, flags);
    if listener.is_there() {
        listener.child_begins(frame.handle());
    }
    state.child_begins(plan.daemon);
    let child = Child {
        future: Framed::with(future, frame),
        state: Rc::clone(state),
        listener,
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
    /// As its nursery counts it, it ends at the latest when it is dropped.
    #[project = Projected]
    struct Child<F, L: Listener> {
        #[pin]
        future: Framed<F, TaskFrame<Flags>>,
        state: Rc<State>,
        listener: L,
    }

    impl<F, L: Listener> PinnedDrop for Child<F, L> {
        fn drop(this: Pin<&mut Self>) {
            // Not ended before only if the task was closed from below, at the end of the thread.
            this.project().leave();
        }
    }
}

/// A bit each.
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    const DAEMON: Flags = Flags(1);
    const ENDED: Flags = Flags(2);
    /// The frame has the task's waker. It gets it with the first `Pending`, since until then the task
    /// is queued or running anyway, and many a child needs one poll only.
    const HAS_WAKER: Flags = Flags(4);

    fn new(daemon: bool) -> Flags {
        Flags(u8::from(daemon) * Flags::DAEMON.0)
    }

    #[inline]
    fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    /// Whether it was set before.
    #[inline]
    fn set(&mut self, flag: Flags) -> bool {
        let before = self.has(flag);
        self.0 |= flag.0;
        before
    }
}

impl<F: Future<Output: Outcome>, L: Listener> Future for Child<F, L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Through `project`: a plain `&self` would span the future, which holds references to itself.
        if self.as_mut().project().state.is_closed() {
            self.drop_future();
            return Poll::Ready(());
        }
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let this = self.as_mut().project();
            this.future.poll_with_frame(cx).map(|step| match step {
                // The value is dropped here, where a panic is still caught.
                Step::Done(output) => output
                    .into_result()
                    .map_or_else(Ended::Failed, |_| Ended::Done),
                Step::Cut => Ended::Cut,
            })
        }));
        let ended = match polled {
            Ok(Poll::Pending) => {
                let frame = self.project().future.beside();
                if !frame.beside.set(Flags::HAS_WAKER) {
                    // SAFETY: the frame is part of the child, and goes with it, before its task does.
                    unsafe { frame.set_waker(cx.waker()) }
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(ended)) => ended,
            Err(payload) => {
                self.as_mut().drop_after_panic();
                Ended::Panicked(payload)
            }
        };
        self.project().end(ended);
        Poll::Ready(())
    }
}

impl<F, L> Child<F, L>
where
    F: Future<Output: Outcome>,
    L: Listener,
{
    /// Drops the future in place and ends; a panic of its destructors is the child's panic.
    fn drop_future(self: Pin<&mut Self>) {
        let mut this = self.project();
        let future = this.future.as_mut();
        let dropped = catch_unwind(AssertUnwindSafe(|| future.drop_with_frame()));
        this.end(dropped.map_or_else(Ended::Panicked, |()| Ended::Cut));
    }

    fn drop_after_panic(self: Pin<&mut Self>) {
        let this = self.project();
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.drop_with_frame()));
        report_second_panic(dropped, "a task");
    }
}

impl<F, L: Listener> Projected<'_, F, L> {
    #[inline]
    fn end(mut self, ended: Ended) {
        match ended {
            // Most children end like this.
            Ended::Done if !self.listener.is_there() => {}
            ended => self.say(ended),
        }
        self.leave();
    }

    #[inline(never)]
    fn say(&mut self, ended: Ended) {
        let frame = *self.future.as_mut().beside();
        let (frame, daemon) = (frame.handle(), frame.beside.has(Flags::DAEMON));
        // Of a child that is being started, the caller of `start` hears first.
        if let Some(ended) = self.listener.child_ended(ended, frame) {
            tell(self.state, frame, daemon, ended);
        }
    }

    #[inline]
    fn leave(&mut self) {
        let flags = &mut self.future.as_mut().beside().beside;
        if !flags.set(Flags::ENDED) {
            self.state.child_ends(flags.has(Flags::DAEMON));
        }
    }
}

/// Tells the nursery how a child has ended.
fn tell(state: &State, frame: FrameRef, daemon: bool, ended: Ended) {
    match ended {
        Ended::Cut if !daemon => state.child_was_cut(),
        Ended::Failed(_) | Ended::Panicked(_) => {
            if let Some(label) = frame.label() {
                state.record(&label, ended);
            }
        }
        Ended::Done | Ended::Cut => {}
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn beside<F: Future<Output: Outcome>>(_: &F) -> usize {
        size_of::<Child<F, ()>>() - size_of::<F>()
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_child_takes_16_bytes_beside_its_future() {
        let words = [0_u64; 4];
        let borrowing = async {
            pending::<()>().await;
            assert_eq!(words, [0; 4]);
        };
        assert_eq!(beside(&pending::<()>()), 16);
        assert_eq!(beside(&borrowing), 16);
    }
}
