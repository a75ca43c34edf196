//! Waking frames, and what was polled in them. Wakers are foreign code: nothing is borrowed meanwhile, and one
//! that panics costs the others nothing.

use std::task::Waker;

use super::node::STALLED;
use super::tree::FrameId;
use super::{children, current, is_effective, nearest, stranded, with};
use crate::panics::Panics;

/// Wakes the frames from the last to the first noted: what is deeper goes first, and among siblings
/// what was made first, since new siblings are linked in front.
pub(super) fn wake_all(woken: &[FrameId]) {
    let mut panics = Panics::default();
    for &id in woken.iter().rev() {
        wake(id, &mut panics);
        if stranded::are_there() {
            wake_stranded_in(id, &mut panics);
        }
    }
    panics.resume();
}

fn wake(id: FrameId, panics: &mut Panics) {
    let taken = with(|frames| frames.node_of(id)?.waker.take());
    let Some(waker) = taken else { return };
    panics.catch(|| waker.wake_by_ref());
    // Taking it out and putting it back saves a clone, two atomic operations.
    let spare = with(|frames| match frames.node_of(id) {
        Some(node) if node.waker.is_none() => {
            node.waker = Some(waker);
            None
        }
        _ => Some(waker),
    });
    drop(spare);
}

/// Wakes every child frame, the first made first.
pub(crate) fn wake_children(id: FrameId) {
    wake_all(&children(id));
}

/// A future that polls with `waker` in the current, cancelled frame does nothing and arms nothing.
#[cold]
pub(crate) fn strand(waker: &Waker) {
    let Some(id) = current() else { return };
    let is_own = with(|frames| {
        let node = frames.node(id.index);
        let own = node.waker.as_ref();
        let is_own = own.is_some_and(|own| own.will_wake(waker));
        if is_own {
            node.set(STALLED, true);
        }
        is_own
    });
    // Who polls the frame is woken together with it.
    if !is_own {
        stranded::keep(id, waker);
    }
}

/// Wakes what was polled in the frame while it was cancelled.
pub(super) fn wake_stranded(id: FrameId) {
    let mut panics = Panics::default();
    wake_stranded_in(id, &mut panics);
    panics.resume();
}

/// A frame has come here that is not cancelled though those around it are: what was polled in these may
/// have come with it.
#[cold]
pub(super) fn wake_stranded_around(id: FrameId) {
    if is_effective(id.index) {
        return;
    }
    let mut around = Vec::new();
    // It is never found, so all are visited.
    nearest(id, |frame| {
        around.push(frame);
        false
    });
    let mut panics = Panics::default();
    for frame in around {
        wake_stranded_in(frame, &mut panics);
    }
    panics.resume();
}

fn wake_stranded_in(id: FrameId, panics: &mut Panics) {
    if !stranded::are_there() {
        return;
    }
    for waker in stranded::take(id) {
        panics.catch(|| waker.wake());
    }
}
