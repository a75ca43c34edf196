//! Short ways for scopes around one future, which come and go with every operation. What they do not cover goes
//! the long way.

use std::mem;
use std::time::Instant;

use super::tree::FrameId;
use super::{insert, set_deadline, stranded, with};
use crate::context::{self, NO_FRAME};
use crate::core;
use crate::label::Label;
use crate::timers::{self, TimerKey};

/// Makes a frame and hangs it below the current one.
pub(crate) fn insert_below_current(label: Label, deadline: Option<Instant>) -> FrameId {
    let (parent, cancelled) =
        context::with(|context| (context.frame.get(), context.cancelled.get()));
    if parent == NO_FRAME || cancelled || stranded::are_there() {
        // It is hung there when it is entered.
        let id = insert(label);
        set_deadline(id, deadline);
        return id;
    }
    with(|frames| {
        let id = frames.insert(label);
        frames.node(id.index).deadline = deadline;
        frames.link(id.index, parent);
        id
    })
}

/// Has the frame cancelled at its deadline. It costs a timer only if the frame is still there when the loop looks
/// at the timers.
pub(crate) fn arm_deadline(id: FrameId) {
    if timers::with(|timers| timers.note(id)) {
        core::with(|core| core.settle_timers());
    }
}

/// When the frame is to be cancelled, if it is still there.
pub(crate) fn deadline(id: FrameId) -> Option<Instant> {
    with(|frames| frames.node_of(id)?.deadline)
}

/// Gives a live frame the timer of its deadline.
pub(crate) fn set_timer(id: FrameId, timer: TimerKey) {
    let old = with(|frames| {
        let node = frames.node_of(id)?;
        Some(OwnTimer(mem::replace(&mut node.timer, timer)))
    });
    drop(old);
}

/// The run that the frame's timer was armed in is over.
pub(crate) fn forget_timer(id: FrameId) {
    with(|frames| {
        if let Some(node) = frames.node_of(id) {
            node.timer = TimerKey::NONE;
        }
    });
}

/// The timer of a frame that has been taken out of the tree.
pub(super) struct OwnTimer(pub(super) TimerKey);

impl Drop for OwnTimer {
    #[inline]
    fn drop(&mut self) {
        if self.0 != TimerKey::NONE {
            let action = timers::with(|timers| timers.remove(self.0));
            drop(action);
        }
    }
}
