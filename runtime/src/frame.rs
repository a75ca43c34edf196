//! Frames as their owners see them.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::cancelled::Cancelled;
use crate::context::{self, NO_FRAME};
use crate::frames::{self, FrameId};
use crate::label::Label;
use crate::timer::ArmedIn;
use crate::waits;

/// One node of this thread's tree of frames, taken out of it on drop.
pub struct Frame {
    id: FrameId,
    not_send: PhantomData<Rc<()>>,
}

impl Frame {
    /// A frame that hangs nowhere yet; it goes below the current one when it is first entered.
    #[must_use]
    pub fn new(label: Label) -> Frame {
        Frame::from_id(frames::insert(label))
    }

    /// As [`new`](Self::new), for one that is entered next; with a deadline as of [`set_deadline`](Self::set_deadline).
    #[must_use]
    pub fn below_current(label: Label, deadline: Option<Instant>) -> Frame {
        Frame::from_id(frames::insert_below_current(label, deadline))
    }

    /// A frame below `self`, for a task which is polled there and nowhere else.
    #[must_use]
    pub fn child(&self, label: Label) -> Frame {
        Frame::from_id(frames::insert_below(self.id, label))
    }

    fn from_id(id: FrameId) -> Frame {
        Frame {
            id,
            not_send: PhantomData,
        }
    }

    pub(crate) fn id(&self) -> FrameId {
        self.id
    }

    /// A reference that keeps nothing alive: once the frame is gone, it does nothing.
    #[must_use]
    pub fn handle(&self) -> FrameRef {
        FrameRef::to(self.id)
    }

    /// Makes the frame the current one until the guard is dropped, and hangs it below the one that
    /// is current now. Cancelling it wakes `waker`.
    pub fn enter(&self, waker: &Waker) -> Entered<'_> {
        let entered = self.enter_below_current();
        frames::remember_waker(self.id, waker);
        entered
    }

    /// As [`enter`](Self::enter), for a frame that knows whom to wake.
    pub fn enter_below_current(&self) -> Entered<'_> {
        let cancelled = frames::arrive(self.id);
        Entered::new(self.id.index, cancelled)
    }

    /// Makes the frame the current one where it hangs.
    pub fn enter_in_place(&self) -> Entered<'_> {
        Entered::in_place(self.id.index)
    }

    /// Sets who is woken when the frame is cancelled.
    pub fn set_waker(&self, waker: Waker) {
        frames::set_waker(self.id, waker);
    }

    /// Cancels the frame and what is below it, down to the shields; wakes all of that.
    /// `false`: it had been cancelled before, and the first cause stays.
    pub fn cancel(&self, cause: Cancelled) -> bool {
        frames::cancel(self.id, cause)
    }

    /// Cancels the frame as its deadline has passed; the report names the frame and where it was
    /// made.
    pub fn cancel_by_deadline(&self) {
        frames::cancel_by_deadline(self.id);
    }

    /// Gives the frame a name.
    pub fn set_name(&self, name: Arc<str>) {
        frames::set_name(self.id, name);
    }

    /// Whether the frame is cancelled, by itself or from outside.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        frames::is_effective(self.id.index)
    }

    /// Whether the frame around this one is cancelled and no shield hides that.
    #[must_use]
    pub fn is_cancelled_from_outside(&self) -> bool {
        frames::is_cancelled_from_outside(self.id)
    }

    /// Why the frame itself was cancelled.
    #[must_use]
    pub fn own_cause(&self) -> Option<Cancelled> {
        frames::own_cause(self.id).map(Rc::unwrap_or_clone)
    }

    /// Why the frame is cancelled: the outermost cause that reaches it.
    #[must_use]
    pub fn effective_cause(&self) -> Option<Cancelled> {
        frames::effective_cause(self.id).map(Rc::unwrap_or_clone)
    }

    /// Says that the frames around must not drop this one yet: a guest is waited for.
    pub fn set_guest(&self, guest: bool) {
        frames::set_guest(self.id, guest);
    }

    /// Hides the cancellation of outer frames from this one.
    pub fn set_shield(&self, shield: bool) {
        frames::set_shield(self.id, shield);
    }

    /// Notes a deadline for those inside who ask; it cancels nothing by itself.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        frames::set_deadline(self.id, deadline);
    }

    /// Has the frame cancelled at its deadline, once in each run that it gets into.
    ///
    /// # Panics
    /// Outside a run.
    #[track_caller]
    #[inline]
    pub fn arm_deadline(&self, armed: &mut ArmedIn) {
        if armed.enter_current_run() {
            frames::arm_deadline(self.id);
        }
    }

    /// Asks everything below the frame to come to an end, which wakes those who listen for that.
    pub fn request_shutdown(&self) {
        frames::request_shutdown(self.id);
    }

    /// Has the frame woken when one around it is asked to come to an end.
    pub fn set_listener(&self) {
        frames::set_listener(self.id);
    }

    /// Whether the frame or one around it has been asked to come to an end. Shields hide nothing here.
    #[must_use]
    pub fn is_shutdown_requested(&self) -> bool {
        frames::is_shutdown_requested(self.id.index)
    }

    /// The tasks below the frame that have not ended.
    #[must_use]
    pub fn tasks(&self) -> Vec<Label> {
        frames::tasks_below(self.id)
    }

    /// Takes the frame from the one around it, and forgets who is to be woken.
    pub fn detach(&self) {
        frames::detach(self.id);
    }

    /// Wakes the frames right below this one.
    pub fn wake_children(&self) {
        frames::wake_children(self.id);
    }

    /// The label it was made with.
    #[must_use]
    pub fn label(&self) -> Option<Label> {
        frames::label(self.id)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        frames::remove(self.id);
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("label", &self.label())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// The least deadline of the scopes around the caller, up to the first shield.
///
/// `Ok(None)`: there is none.
///
/// # Errors
/// The caller is cancelled already, for this reason.
pub fn effective_deadline() -> Result<Option<Instant>, Cancelled> {
    match context::with(|context| context.frame.get()) {
        NO_FRAME => Ok(None),
        frame => frames::effective_deadline(frame).map_err(Rc::unwrap_or_clone),
    }
}

/// The label of the task that is being polled: a child, the body of a nursery, or the main future.
#[must_use]
pub fn current_task() -> Option<Label> {
    match context::with(|context| context.frame.get()) {
        NO_FRAME => None,
        frame => frames::task_label(frame),
    }
}

/// Leads to a frame of this thread as long as that lives.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef {
    id: FrameId,
    not_send: PhantomData<Rc<()>>,
}

impl FrameRef {
    /// The frame that is being polled.
    pub(crate) fn current() -> Option<FrameRef> {
        frames::current().map(FrameRef::to)
    }

    pub(crate) fn to(id: FrameId) -> FrameRef {
        FrameRef {
            id,
            not_send: PhantomData,
        }
    }

    /// The frame, for a [`Canceller`](crate::Canceller) of another thread.
    pub(crate) fn id(self) -> FrameId {
        self.id
    }

    /// As [`Frame::cancel`].
    pub fn cancel(&self, cause: Cancelled) -> bool {
        frames::cancel(self.id, cause)
    }

    /// As [`Frame::set_waker`].
    pub fn set_waker(&self, waker: Waker) {
        frames::set_waker(self.id, waker);
    }

    /// As [`Frame::is_cancelled`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        frames::is_live_and_effective(self.id)
    }

    /// As [`Frame::effective_cause`].
    #[must_use]
    pub fn effective_cause(&self) -> Option<Cancelled> {
        frames::effective_cause(self.id).map(Rc::unwrap_or_clone)
    }

    /// As [`Frame::label`].
    #[must_use]
    pub fn label(&self) -> Option<Label> {
        frames::label(self.id)
    }
}

/// While it lives, its frame is the current one.
#[derive(Debug)]
pub struct Entered<'a> {
    frame: u32,
    outer: u32,
    outer_cancelled: bool,
    epoch: u64,
    lives: PhantomData<&'a Frame>,
}

impl Entered<'_> {
    fn new<'a>(frame: u32, cancelled: bool) -> Entered<'a> {
        context::with(|context| {
            if context.watched.get() {
                waits::begin_poll(frames::id_at(frame));
            }
            Entered {
                frame,
                outer: context.frame.replace(frame),
                outer_cancelled: context.cancelled.replace(cancelled),
                epoch: context.epoch.get(),
                lives: PhantomData,
            }
        })
    }

    /// Makes the frame the current one where it hangs.
    #[inline]
    pub(crate) fn in_place<'a>(frame: u32) -> Entered<'a> {
        Entered::new(frame, frames::is_effective(frame))
    }

    pub(crate) fn frame(&self) -> u32 {
        self.frame
    }

    /// Whether the frame is cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        context::with(|context| context.cancelled.get())
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        context::with(|context| {
            context.frame.set(self.outer);
            context.cancelled.set(self.outer_cancelled);
            if context.epoch.get() != self.epoch {
                // Something was cancelled or moved meanwhile: ask the tree instead.
                let cancelled = self.outer != NO_FRAME && frames::is_effective(self.outer);
                context.cancelled.set(cancelled);
            }
        });
    }
}
