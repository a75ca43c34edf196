//! Short ways for scopes around one future, which come and go with every operation. What they do not cover goes
//! the long way.

use std::mem;
use std::time::Instant;

use super::tree::FrameId;
use super::{insert, name_anew, set_deadline, stranded, with};
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
    let (origin, name) = label.into_parts();
    let id = with(|frames| frames.insert_below(parent, origin, deadline));
    if let Some(name) = name {
        name_anew(id, name);
    }
    id
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
    with(|frames| {
        let node = frames.nodes.get(id.index as usize)?;
        if node.generation != id.generation {
            return None;
        }
        frames.extra_of(node)?.deadline
    })
}

/// Gives a live frame the timer of its deadline.
pub(crate) fn set_timer(id: FrameId, timer: TimerKey) {
    let old = with(|frames| {
        let extra = frames.is_live(id).then(|| frames.extra(id.index))?;
        Some(OwnTimer(mem::replace(&mut extra.timer, timer)))
    });
    drop(old);
}

/// The run that the frame's timer was armed in is over.
pub(crate) fn forget_timer(id: FrameId) {
    with(|frames| {
        if frames.is_live(id) {
            frames.extra(id.index).timer = TimerKey::NONE;
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
