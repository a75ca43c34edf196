//! Waking frames, and what was polled in them. Wakers are foreign code: nothing is borrowed meanwhile, and one
//! that panics costs the others nothing.

use std::rc::Rc;
use std::task::Waker;

use super::node::{INHERITS, STALLED};
use super::tree::FrameId;
use super::{children, current, is_effective, nearest, set_waker, stranded, with};
use crate::cancelled::Cancelled;
use crate::panics::Panics;
use crate::task::{self, HeldOwner, HoldBack};

/// Wakes the frames from the last to the first noted: what is deeper goes first, and among siblings
/// what was made first, since new siblings are linked in front.
pub(super) fn wake_all(woken: &[FrameId]) {
    let mut panics = Panics::default();
    for &id in woken.iter().rev() {
        wake_with_stranded(id, &mut panics);
    }
    panics.resume();
}

/// Cancels the frame, which is live, and wakes what that reaches: what is deeper goes first, and among siblings what
/// was made first.
pub(super) fn cancel(id: FrameId, cause: Cancelled) {
    let mut left = Vec::new();
    let may_wake = !stranded::are_there();
    let hold = HoldBack::begin();
    with(|frames| {
        frames.extra(id.index).rare().cause = Some(Rc::new(cause));
        frames.cancel_below(id.index, |waker, id| {
            // The first that leads to foreign code has to wait, and all others behind it.
            if may_wake && left.is_empty() && !hold.has_one() && task::is_own_waker(waker) {
                waker.wake_by_ref();
            } else {
                left.push(id);
            }
        });
        frames.update_context();
    });
    let held = hold.end();
    if held.is_some() || !left.is_empty() {
        wake_left(held, &left);
    }
}

/// First the owner that the last own waker has led to, as it came before the others.
#[cold]
fn wake_left(held: Option<HeldOwner>, left: &[FrameId]) {
    let mut panics = Panics::default();
    if let Some(owner) = held {
        panics.catch(|| owner.wake());
    }
    for &id in left {
        wake_with_stranded(id, &mut panics);
    }
    panics.resume();
}

fn wake_with_stranded(id: FrameId, panics: &mut Panics) {
    wake(id, panics);
    if stranded::are_there() {
        wake_stranded_in(id, panics);
    }
}

fn wake(id: FrameId, panics: &mut Panics) {
    let taken = with(|frames| {
        frames.node_of(id)?;
        let keeper = frames.waker_keeper(id.index)?;
        let waker = frames.node(keeper).waker.take()?;
        Some((frames.id(keeper), waker))
    });
    let Some((keeper, waker)) = taken else { return };
    panics.catch(|| waker.wake_by_ref());
    // Taking it out and putting it back saves a clone, two atomic operations.
    let spare = with(|frames| match frames.node_of(keeper) {
        Some(node) if !node.has_waker() => node.set_waker(Some(waker)),
        _ => Some(waker),
    });
    drop(spare);
}

/// The frame goes, or moves: children that were polled with its waker get clones of it. If it was polled with that
/// of the frame around it, they go on with that one.
#[must_use]
pub(super) fn leave_waker_to_children(id: FrameId) -> Panics {
    let mut panics = Panics::default();
    let heirs: Vec<FrameId> = with(|frames| {
        let mut heirs = frames.children(id.index);
        heirs.retain(|heir| frames.node(heir.index).is(INHERITS));
        heirs
    });
    if heirs.is_empty() {
        return panics;
    }
    let waker = with(|frames| frames.node_of(id)?.waker.take());
    if let Some(waker) = waker {
        for heir in heirs {
            panics.catch(|| set_waker(heir, waker.clone()));
        }
        panics.catch(|| drop(waker));
    }
    panics
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
        let own = frames.waker(id.index);
        let is_own = own.is_some_and(|own| task::is_same_waker(own, waker));
        if is_own {
            frames.node(id.index).set(STALLED, true);
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
