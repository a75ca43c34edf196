//! What can be asked of the tree. Nothing here changes it.

use std::rc::Rc;
use std::time::Instant;

use super::node::{EFFECTIVE, SHIELD};
use super::tree::FrameId;
use super::with;
use crate::cancelled::Cancelled;
use crate::context::{self, NO_FRAME};
use crate::label::{FrameKind, Label};

/// The frame that is being polled.
pub(crate) fn current() -> Option<FrameId> {
    let index = context::with(|context| context.frame.get());
    (index != NO_FRAME).then(|| with(|frames| frames.id(index)))
}

/// The frame at `index`, if there is one.
pub(crate) fn id_at(index: u32) -> FrameId {
    with(|frames| match frames.nodes.get(index as usize) {
        Some(node) if !node.is_vacant() => frames.id(index),
        _ => FrameId::NONE,
    })
}

/// The outermost frame around this one.
pub(crate) fn root(id: FrameId) -> FrameId {
    nearest(id, |frame| {
        with(|frames| frames.node(frame.index).parent == NO_FRAME)
    })
    .unwrap_or(id)
}

/// The frame itself or the nearest around it of which `is_it` is true.
pub(crate) fn nearest(id: FrameId, mut is_it: impl FnMut(FrameId) -> bool) -> Option<FrameId> {
    let mut at = Some(id).filter(|&id| is_live(id));
    while let Some(frame) = at {
        if is_it(frame) {
            return at;
        }
        at = with(|frames| {
            let parent = frames.node(frame.index).parent;
            (parent != NO_FRAME).then(|| frames.id(parent))
        });
    }
    None
}

/// The child frames, the last made first.
pub(crate) fn children(id: FrameId) -> Vec<FrameId> {
    if !is_live(id) {
        return Vec::new();
    }
    with(|frames| frames.children(id.index))
}

/// How many frames keep a waker with this data.
pub(crate) fn count_wakers(data: *const ()) -> usize {
    with(|frames| {
        let wakers = frames.nodes.iter().filter_map(|node| node.waker.as_ref());
        wakers.filter(|waker| waker.data() == data).count()
    })
}

pub(super) fn is_live(id: FrameId) -> bool {
    with(|frames| frames.is_live(id))
}

/// Whether the frame is cancelled, by its own cause or from outside.
pub(crate) fn is_effective(index: u32) -> bool {
    with(|frames| {
        frames
            .nodes
            .get(index as usize)
            .is_some_and(|node| node.is(EFFECTIVE))
    })
}

/// As [`is_effective`], for a frame that may be gone: that one is not cancelled.
pub(crate) fn is_live_and_effective(id: FrameId) -> bool {
    with(|frames| frames.is_live(id) && frames.node(id.index).is(EFFECTIVE))
}

/// Whether the frame around this one is cancelled and the shield does not hide it.
pub(crate) fn is_cancelled_from_outside(id: FrameId) -> bool {
    if !is_live(id) {
        return false;
    }
    with(|frames| {
        let node = frames.node(id.index);
        let (parent, shield) = (node.parent, node.is(SHIELD));
        parent != NO_FRAME && !shield && frames.node(parent).is(EFFECTIVE)
    })
}

pub(crate) fn own_cause(id: FrameId) -> Option<Rc<Cancelled>> {
    if !is_live(id) {
        return None;
    }
    with(|frames| {
        let node = &frames.nodes[id.index as usize];
        frames.cause(node).cloned()
    })
}

pub(crate) fn effective_cause(id: FrameId) -> Option<Rc<Cancelled>> {
    if !is_live(id) {
        return None;
    }
    with(|frames| frames.effective_cause(id.index))
}

pub(crate) fn label(id: FrameId) -> Option<Label> {
    with(|frames| match frames.is_live(id) {
        true => frames.label(&frames.nodes[id.index as usize]),
        false => None,
    })
}

/// The least deadline from the frame up to its first shield, or that it is cancelled already.
pub(crate) fn effective_deadline(index: u32) -> Result<Option<Instant>, Rc<Cancelled>> {
    with(|frames| {
        if let Some(cause) = frames.effective_cause(index) {
            return Err(cause);
        }
        let mut at = index;
        let mut least: Option<Instant> = None;
        while at != NO_FRAME {
            let node = &frames.nodes[at as usize];
            let own = frames.extra_of(node).and_then(|extra| extra.deadline);
            least = match (least, own) {
                (Some(least), Some(own)) => Some(least.min(own)),
                (least, own) => least.or(own),
            };
            at = if node.is(SHIELD) {
                NO_FRAME
            } else {
                node.parent
            };
        }
        Ok(least)
    })
}

/// Whether the frame or one around it was asked to come to an end; shields do not hide that.
pub(crate) fn is_shutdown_requested(index: u32) -> bool {
    with(|frames| frames.is_shutdown_requested(index))
}

/// The labels of the tasks below the frame that have not ended.
pub(crate) fn tasks_below(id: FrameId) -> Vec<Label> {
    with(|frames| {
        let mut labels = Vec::new();
        let mut next = Some(id.index);
        while let Some(at) = next {
            let node = &frames.nodes[at as usize];
            if node.kind() == FrameKind::Task {
                labels.extend(frames.label(node));
            }
            next = frames.next(id.index, at, true);
        }
        labels
    })
}

/// The label of the task, body or main future that the frame belongs to.
pub(crate) fn task_label(index: u32) -> Option<Label> {
    with(|frames| {
        let mut at = index;
        while at != NO_FRAME {
            let node = &frames.nodes[at as usize];
            if matches!(
                node.kind(),
                FrameKind::Task | FrameKind::Body | FrameKind::Main
            ) {
                return frames.label(node);
            }
            at = node.parent;
        }
        None
    })
}

/// The child task or main future that the frame belongs to; a body belongs to whoever opened its nursery.
pub(crate) fn task_of(index: u32) -> Option<FrameId> {
    with(|frames| {
        let mut at = index;
        while at != NO_FRAME {
            let node = &frames.nodes[at as usize];
            if matches!(node.kind(), FrameKind::Task | FrameKind::Main) {
                return Some(frames.id(at));
            }
            at = node.parent;
        }
        None
    })
}

/// How many frames live on this thread.
pub(crate) fn count() -> usize {
    with(|frames| frames.live())
}
