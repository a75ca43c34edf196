//! A future in a frame.
//!
//! Its life, as its `poll_step` sees it:
//!
//! ```text
//!             poll: ready                  poll: pending, cancelled, no guests
//! 1 running ---------------> 2 done        1 running ---------------> 3 cut (dropped in place)
//! ```
//!
//! Who owns the frame decides what to make of a cut: a task ends, a scope whose own cancel it was
//! reports it, any other stays pending so that the frame around it goes on unwinding.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context;
use crate::frame::{Entered, Frame};
use crate::frames::{self, Verdict};
use crate::steps;
use crate::task_frame::{Beside, TaskFrame};
use crate::waits;

/// Gives the task that is polled a full budget of checkpoints, and its poller the old one back.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    pub(crate) fn full() -> Budget {
        context::with(|context| {
            context.polls.set(context.polls.get().wrapping_add(1));
            Budget(context.budget.replace(context.full.get()))
        })
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        context::with(|context| context.budget.set(self.0));
    }
}

/// How a framed future ended.
#[derive(Debug)]
pub enum Step<T> {
    /// It has a value; success wins over a cancellation that came meanwhile.
    Done(T),
    /// It was dropped in place.
    Cut,
}

pin_project! {
    /// A future that is cut off when its frame is cancelled.
    ///
    /// `B` is a few bytes of its owner's. Whether there is a future takes one, and most futures leave seven more
    /// unused there.
    pub struct Framed<F, B: Beside = ()> {
        #[pin]
        slot: Slot<F, B>,
    }

    impl<F, B: Beside> PinnedDrop for Framed<F, B> {
        fn drop(this: Pin<&mut Self>) {
            // Mostly there is no future any more.
            this.beside().leave();
        }
    }
}

pin_project! {
    #[project = InSlot]
    enum Slot<F, B> {
        Running { #[pin] future: F, beside: B },
        Ended { beside: B },
    }
}

impl<F> Framed<F> {
    /// Puts `future` into a frame that is given at each poll.
    pub fn new(future: F) -> Framed<F> {
        Framed::with(future, ())
    }

    /// One that holds no future.
    #[must_use]
    pub fn ended() -> Framed<F> {
        Framed {
            slot: Slot::Ended { beside: () },
        }
    }
}

impl<F, B: Beside> Framed<F, B> {
    /// As [`new`](Self::new), with something that its owner keeps there.
    pub fn with(future: F, beside: B) -> Framed<F, B> {
        Framed {
            slot: Slot::Running { future, beside },
        }
    }

    /// What its owner keeps there.
    #[inline]
    pub fn beside(self: Pin<&mut Self>) -> &mut B {
        match self.project().slot.project() {
            InSlot::Running { beside, .. } | InSlot::Ended { beside } => beside,
        }
    }

    /// Drops the future in place.
    #[inline]
    fn end(mut self: Pin<&mut Self>) {
        let beside = *self.as_mut().beside();
        self.project().slot.set(Slot::Ended { beside });
    }
}

impl<F: Future, B: Beside> Framed<F, B> {
    /// Polls the future as part of scope-like code, in `frame`, which is hung below the current one.
    ///
    /// After `Ready` it stays `Ready(Cut)`.
    pub fn poll_step(
        self: Pin<&mut Self>,
        frame: &Frame,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F::Output>> {
        let entered = frame.enter_below_current();
        let step = self.poll_entered(&entered, cx);
        if step.is_pending() {
            // Not before: what is ready at once needs no waker.
            frames::remember_waker(frame.id(), cx.waker());
        }
        step
    }

    /// Polls the future as a task of its own: with a full budget, in `frame` where it hangs.
    pub fn poll_task(
        self: Pin<&mut Self>,
        frame: &Frame,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F::Output>> {
        self.poll_in_place(frame.id().index, cx)
    }

    /// Drops the future in place, in `frame`, whatever state it is in.
    pub fn drop_in(self: Pin<&mut Self>, frame: &Frame) {
        self.drop_in_place(frame.id().index);
    }

    fn drop_in_place(self: Pin<&mut Self>, frame: u32) {
        // Not in one that went at the end of the thread.
        let _entered = Entered::in_place(frames::id_at(frame).index);
        self.end();
    }

    fn poll_in_place(
        self: Pin<&mut Self>,
        frame: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F::Output>> {
        let _budget = Budget::full();
        let entered = Entered::in_place(frame);
        if waits::is_watched() {
            let _held = steps::begin_poll();
            let counted = waits::counted(frames::id_at(frame), cx.waker());
            return self.poll_entered(&entered, &mut Context::from_waker(&counted));
        }
        self.poll_entered(&entered, cx)
    }

    fn poll_entered(
        mut self: Pin<&mut Self>,
        entered: &Entered<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F::Output>> {
        let InSlot::Running { future, .. } = self.as_mut().project().slot.project() else {
            return Poll::Ready(Step::Cut);
        };
        let cancelled_before = entered.is_cancelled();
        if cancelled_before {
            frames::begin_cancelled_poll(entered.frame());
        }
        let step = match future.poll(cx) {
            Poll::Ready(value) => Step::Done(value),
            Poll::Pending if !entered.is_cancelled() => return Poll::Pending,
            Poll::Pending => match frames::verdict(entered.frame(), cancelled_before) {
                Verdict::Cut => Step::Cut,
                Verdict::Wait => return Poll::Pending,
                Verdict::WaitAndSee => {
                    // Whoever is to poll the guests may stand beside a nursery around here.
                    context::with(|context| context.climb.set(true));
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            },
        };
        self.end();
        Poll::Ready(step)
    }
}

/// With the task's frame beside the future.
impl<F: Future, B: Copy> Framed<F, TaskFrame<B>> {
    /// As [`poll_task`](Self::poll_task).
    pub fn poll_with_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F::Output>> {
        let frame = self.as_mut().beside().index();
        self.poll_in_place(frame, cx)
    }

    /// As [`drop_in`](Self::drop_in).
    pub fn drop_with_frame(mut self: Pin<&mut Self>) {
        let frame = self.as_mut().beside().index();
        self.drop_in_place(frame);
    }
}

impl<F, B: Beside> fmt::Debug for Framed<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.slot {
            Slot::Running { .. } => "running",
            Slot::Ended { .. } => "ended",
        };
        write!(f, "Framed({state})")
    }
}
