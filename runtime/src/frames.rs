//! The tree of frames of this thread.
//!
//! A frame is a place where a cancelled computation can be cut off: a task, a scope, a body.
//! `effective` = cancelled by a cause of its own, or, unless it is shielded, by its parent's state.
//! A frame *holds* its parent (must not be dropped by it) if it is a guest itself or has guests;
//! `guests` counts the child frames that hold. Every change walks the tree iteratively, so depth
//! costs no stack, and no walk wakes or drops a waker while the tree is borrowed: wakers are foreign
//! code and may come back here.

mod extras;
mod looking;
mod node;
mod places;
mod short;
mod stranded;
mod tree;
mod waking;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

pub(crate) use self::looking::*;
use self::node::{EFFECTIVE, GUEST, INHERITS, LISTENER, Node, SHIELD, SHUTDOWN, TOUCHED};
pub(crate) use self::short::*;
pub(crate) use self::tree::FrameId;
use self::tree::Frames;
use self::waking::wake_all;
pub(crate) use self::waking::{strand, wake_children};
use crate::cancelled::{CancelKind, Cancelled};
use crate::context::{self, NO_FRAME};
use crate::label::{FrameKind, Label};
use crate::panics::Panics;
use crate::task;
use crate::waits;

thread_local! {
    /// Never destroyed, so that whatever other thread-locals own can still ask it at the end of the
    /// thread. The slab is freed with the last frame, or else by the reaper; from then on the frames
    /// that were in it are stale.
    static FRAMES: RefCell<ManuallyDrop<Frames>> =
        const { RefCell::new(ManuallyDrop::new(Frames::new())) };
    static REAPER: Reaper = const { Reaper };
}

/// Frees the slab at the end of the thread.
struct Reaper;

impl Drop for Reaper {
    fn drop(&mut self) {
        // Whoever drops its tasks later does not find them here any more, but among those that are ready.
        let tasks = with(|frames| frames.all_tasks());
        let mut panics = Panics::default();
        panics.catch(|| wake_all(&tasks));
        let frames = FRAMES.with(|frames| {
            let empty = frames.borrow().emptied();
            frames.replace(ManuallyDrop::new(empty))
        });
        // Not borrowed any more: wakers are foreign code.
        panics.catch(|| drop(ManuallyDrop::into_inner(frames)));
        // A panic in a destructor of the thread's would end the process.
        panics.report();
    }
}

fn with<R>(f: impl FnOnce(&mut Frames) -> R) -> R {
    FRAMES.with(|frames| f(&mut frames.borrow_mut()))
}

/// Applies `change`, then makes the thread's context agree with the tree and wakes whom it noted.
fn change<R>(change: impl FnOnce(&mut Frames, &mut Vec<FrameId>) -> R) -> R {
    let mut woken = Vec::new();
    let result = with(|frames| {
        let result = change(frames, &mut woken);
        frames.update_context();
        result
    });
    wake_all(&woken);
    result
}

pub(crate) fn insert(label: Label) -> FrameId {
    if with(|frames| frames.is_unallocated()) {
        // Registered while there is something to free; in the thread's last moments it is gone, and
        // what is made then goes with its owner.
        let _gone = REAPER.try_with(|_| ());
    }
    let (origin, name) = label.into_parts();
    let id = with(|frames| frames.insert(origin, None));
    if let Some(name) = name {
        name_anew(id, name);
    }
    id
}

/// Makes a frame below `parent`, for a task that is polled there and nowhere else.
pub(crate) fn insert_below(parent: FrameId, label: Label) -> FrameId {
    let (origin, name) = label.into_parts();
    let id = with(|frames| {
        let Some(above) = frames.node_of(parent) else {
            return frames.insert(origin, None);
        };
        let effective = above.is(EFFECTIVE);
        let id = frames.insert_below(parent.index, origin, None);
        if effective {
            frames.node(id.index).set(EFFECTIVE, true);
        }
        id
    });
    if let Some(name) = name {
        name_anew(id, name);
    }
    id
}

/// Takes the frame out of the tree; its child frames are handed over to the one around it.
pub(crate) fn remove(id: FrameId) {
    if !remove_leaf(id.index, |node| node.generation == id.generation) {
        remove_any(id);
    }
}

/// As [`remove`], for a frame that is not removed but by its owner.
#[inline(never)]
pub(crate) fn remove_task(index: u32) {
    if !remove_leaf(index, |node| !node.is_vacant()) {
        remove_any(id_at(index));
    }
}

/// Removes the frame if it is a leaf that holds nobody, which most frames are in the end.
#[inline(always)]
fn remove_leaf(index: u32, is_it: impl FnOnce(&Node) -> bool) -> bool {
    let leaf = with(|frames| {
        let node = frames.nodes.get(index as usize)?;
        let is_leaf = !node.is(GUEST) && node.first_child == NO_FRAME;
        if !is_it(node) || !is_leaf || waits::is_watched() || stranded::are_there() {
            return None;
        }
        Some(frames.take_out(index))
    });
    let Some((waker, contents)) = leaf else {
        return false;
    };
    drop(waker);
    if let Some(contents) = contents {
        contents.drop();
    }
    true
}

#[cold]
fn remove_any(id: FrameId) {
    if !is_live(id) {
        return;
    }
    let panics = waking::leave_waker_to_children(id);
    let (contents, woken) = with(|frames| {
        let mut woken = Vec::new();
        if frames.holds(id.index) {
            let parent = frames.node(id.index).parent;
            frames.remove_guest(parent, &mut woken);
        }
        let parent = frames.node(id.index).parent;
        frames.unlink(id.index);
        if frames.node(id.index).first_child != NO_FRAME {
            // It holds its parent no more, whatever its children do.
            frames.node(id.index).set(GUEST, true);
            frames.hand_over_children(id.index, parent, &mut woken);
            frames.update_context();
        }
        (frames.take_out(id.index), woken)
    });
    drop(contents);
    if waits::is_watched() {
        waits::forget(id);
    }
    if !woken.is_empty() {
        wake_all(&woken);
    }
    waking::wake_stranded(id);
    panics.resume();
}

/// Hangs the frame below the current one unless it is there already. Whether it is cancelled there.
#[inline]
pub(crate) fn arrive(id: FrameId) -> bool {
    let parent = context::with(|context| context.frame.get());
    let known = with(|frames| {
        let node = frames.node(id.index);
        let is_guest = node.is(GUEST) || node.guests > 0;
        // The second only if somebody enters a frame twice.
        if node.parent == parent || id.index == parent {
            let effective = node.is(EFFECTIVE);
            if is_guest && parent != NO_FRAME {
                frames.node(parent).set(TOUCHED, true);
            }
            return Some(effective);
        }
        let is_alone = node.parent == NO_FRAME && node.first_child == NO_FRAME && !is_guest;
        if is_alone && !stranded::are_there() {
            // Most frames come here once: there is nothing to refresh but the frame itself.
            let from_outside = frames.link(id.index, parent);
            let node = &frames.nodes[id.index as usize];
            let has_cause = frames.cause(node).is_some();
            let effective = has_cause || (from_outside && !node.is(SHIELD));
            let node = frames.node(id.index);
            node.set(EFFECTIVE, effective);
            return Some(effective);
        }
        None
    });
    known.unwrap_or_else(|| move_below(id, parent))
}

#[cold]
fn move_below(id: FrameId, parent: u32) -> bool {
    change(|frames, woken| {
        if parent != NO_FRAME && frames.holds(id.index) {
            frames.node(parent).set(TOUCHED, true);
        }
        frames.attach(id.index, parent, woken);
    });
    if stranded::are_there() {
        waking::wake_stranded_around(id);
    }
    is_effective(id.index)
}

/// Stores whom the frame's last poll was for. If that is whom the poll of the frame around it was for too, as it mostly
/// is, no clone is kept.
pub(crate) fn remember_waker(id: FrameId, waker: &Waker) {
    let known = with(|frames| {
        let node = &frames.nodes[id.index as usize];
        if node.has_waker() {
            let own = frames.waker(id.index);
            return own.is_some_and(|own| task::is_same_waker(own, waker));
        }
        let around = frames.waker(node.parent);
        let inherits = around.is_some_and(|around| task::is_same_waker(around, waker));
        frames.node(id.index).set(INHERITS, inherits);
        inherits
    });
    if !known {
        set_waker(id, waker.clone());
    }
}

pub(crate) fn set_waker(id: FrameId, waker: Waker) {
    let old = with(|frames| match frames.node_of(id) {
        Some(node) => node.set_waker(Some(waker)),
        None => Some(waker),
    });
    drop(old);
}

/// As [`set_waker`], for a frame that is not removed but by its owner.
pub(crate) fn set_task_waker(index: u32, waker: Waker) {
    let old = with(|frames| match frames.nodes.get_mut(index as usize) {
        Some(node) if !node.is_vacant() => node.set_waker(Some(waker)),
        _ => Some(waker),
    });
    drop(old);
}

/// Takes the frame from its parent: it is over, or waits to be polled elsewhere.
pub(crate) fn detach(id: FrameId) {
    if !is_live(id) {
        return;
    }
    let mut panics = waking::leave_waker_to_children(id);
    let waker = with(|frames| frames.node(id.index).set_waker(None));
    panics.catch(|| drop(waker));
    if with(|frames| frames.node(id.index).parent != NO_FRAME) {
        change(|frames, woken| {
            let parent = frames.node(id.index).parent;
            frames.hand_over_children(id.index, parent, woken);
            frames.attach(id.index, NO_FRAME, woken);
        });
    }
    waking::wake_stranded(id);
    panics.resume();
}

/// Cancels the frame with everything below it down to the shields. `false`: it was cancelled before;
/// the first cause stays. A scope's name is added to the cause.
pub(crate) fn cancel(id: FrameId, cause: Cancelled) -> bool {
    let is_first = |frames: &mut Frames| {
        let node = &frames.nodes[id.index as usize];
        frames.cause(node).is_none()
    };
    if !with(|frames| frames.is_live(id) && is_first(frames)) {
        return false;
    }
    let scope = label(id).filter(|label| label.kind() == FrameKind::Scope);
    let cause = match scope.and_then(|label| label.given_name()) {
        Some(name) => cause.of_scope(name),
        None => cause,
    };
    waking::cancel(id, cause);
    true
}

/// Cancels the frame as its deadline has passed; the report names it and where it was made.
pub(crate) fn cancel_by_deadline(id: FrameId) {
    if let Some(label) = label(id) {
        cancel(id, Cancelled::at(CancelKind::Deadline, label.site()));
    }
}

pub(crate) fn set_name(id: FrameId, name: Arc<str>) {
    name_anew(id, Box::new(name));
}

#[cold]
fn name_anew(id: FrameId, name: Box<Arc<str>>) {
    let old = with(|frames| match frames.is_live(id) {
        true => frames.extra(id.index).rare().name.replace(name),
        false => Some(name),
    });
    drop(old);
}

pub(crate) fn set_guest(id: FrameId, guest: bool) {
    if !is_live(id) {
        return;
    }
    let must_wake = with(|frames| {
        let node = frames.node(id.index);
        if node.is(GUEST) == guest {
            return None;
        }
        node.set(GUEST, guest);
        if node.guests > 0 {
            return None;
        }
        let parent = node.parent;
        if guest {
            frames.add_guest(parent);
            return None;
        }
        let mut woken = Vec::new();
        frames.remove_guest(parent, &mut woken);
        Some(woken)
    });
    if let Some(woken) = must_wake {
        wake_all(&woken);
    }
}

pub(crate) fn set_shield(id: FrameId, shield: bool) {
    if !is_live(id) {
        return;
    }
    if with(|frames| frames.node(id.index).is(SHIELD) != shield) {
        change(|frames, woken| {
            frames.node(id.index).set(SHIELD, shield);
            frames.refresh(id.index, woken);
        });
    }
}

/// Begins a poll of a cancelled frame.
pub(crate) fn begin_cancelled_poll(index: u32) {
    with(|frames| frames.node(index).set(TOUCHED, false));
}

/// What is to be done about a cancelled frame whose future has returned `Pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing has to be waited for: drop the future.
    Cut,
    /// Guests are at work.
    Wait,
    /// As `Wait`, and poll again to see whether they are.
    WaitAndSee,
}

/// In so many polls in a row a guest must have been polled, having been woken before the first of
/// them. `FuturesUnordered` polls what was woken within one or two.
const UNTOUCHED_POLLS_MAX: u32 = 32;

/// Guests are waited for, but only if somebody polls them. A task may hold on to a nursery or a shield
/// that it has turned away from (`select(&mut nursery, ..)`, and then something else); waiting for that
/// one would be for ever. So if a poll passed without one of the guests being polled, all of them are
/// woken; if they are still not polled then, they are given up and dropped with the rest.
///
/// `cancelled_before`: the frame was cancelled when the poll began.
pub(crate) fn verdict(index: u32, cancelled_before: bool) -> Verdict {
    let (verdict, guests) = with(|frames| {
        let mut guests = Vec::new();
        let node = frames.node(index);
        if !node.is(EFFECTIVE) {
            return (Verdict::Wait, guests);
        }
        if node.guests == 0 {
            return (Verdict::Cut, guests);
        }
        if !cancelled_before {
            return (Verdict::WaitAndSee, guests);
        }
        if node.is(TOUCHED) {
            if frames.has_extra(index) {
                frames.extra(index).untouched = 0;
            }
            return (Verdict::Wait, guests);
        }
        let extra = frames.extra(index);
        extra.untouched += 1;
        match extra.untouched {
            1 => frames.note_guests(index, &mut guests),
            polls if polls > UNTOUCHED_POLLS_MAX => return (Verdict::Cut, guests),
            _ => {}
        }
        (Verdict::WaitAndSee, guests)
    });
    wake_all(&guests);
    verdict
}

pub(crate) fn set_deadline(id: FrameId, deadline: Option<Instant>) {
    if !is_live(id) {
        return;
    }
    with(|frames| {
        if deadline.is_some() || frames.has_extra(id.index) {
            frames.extra(id.index).deadline = deadline;
        }
    });
}

pub(crate) fn set_listener(id: FrameId) {
    with(|frames| frames.node(id.index).set(LISTENER, true));
}

/// Asks everything below the frame to come to an end, and wakes those who listen for that.
pub(crate) fn request_shutdown(id: FrameId) {
    let listeners = with(|frames| {
        let mut listeners = Vec::new();
        frames.node(id.index).set(SHUTDOWN, true);
        frames.note_listeners(id.index, &mut listeners);
        listeners
    });
    wake_all(&listeners);
}
