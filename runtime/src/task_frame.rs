#![expect(unsafe_code, reason = "a frame keeps its task's waker uncounted")]
//! The frame of a task, which stands in every task and is small.

use std::task::Waker;

use crate::frame::{Frame, FrameRef};
use crate::frames;
use crate::label::Label;
use crate::task;

/// What a [`Framed`](crate::Framed) has beside its future.
pub trait Beside: Copy {
    /// The `Framed` is being dropped.
    fn leave(self);
}

impl Beside for () {
    #[inline]
    fn leave(self) {}
}

/// The frame of the one task that it stands in, with a few bytes of its owner's. Four bytes without alignment: a
/// number, which no other frame has meanwhile. A [`Framed`](crate::Framed) takes it out of the tree on drop.
#[derive(Clone, Copy, Debug)]
pub struct TaskFrame<B> {
    index: [u8; 4],
    /// What its owner keeps there.
    pub beside: B,
}

impl<B> TaskFrame<B> {
    /// A frame below `parent`, for a task which is polled there and nowhere else.
    #[must_use]
    pub fn below(parent: &Frame, label: Label, beside: B) -> TaskFrame<B> {
        let index = frames::insert_below(parent.id(), label).index;
        TaskFrame {
            index: index.to_ne_bytes(),
            beside,
        }
    }

    #[inline]
    pub(crate) fn index(&self) -> u32 {
        u32::from_ne_bytes(self.index)
    }

    /// A reference that keeps nothing alive, to do everything with that is done with frames.
    #[must_use]
    pub fn handle(&self) -> FrameRef {
        FrameRef::to(frames::id_at(self.index()))
    }

    /// Sets who is woken when the frame is cancelled: the task that owns it, whose waker is kept without a count.
    ///
    /// # Safety
    /// The frame is taken out of the tree before that task is freed: it is part of the task.
    pub unsafe fn set_waker(&self, waker: &Waker) {
        // SAFETY: the caller's promise; the frame keeps the waker to itself, and gives clones away, which are
        // counted.
        let waker = unsafe { task::uncounted(waker) };
        frames::set_task_waker(self.index(), waker);
    }
}

impl<B: Copy> Beside for TaskFrame<B> {
    #[inline]
    fn leave(self) {
        frames::remove_task(self.index());
    }
}
