//! The tree of frames of this thread.
//!
//! A frame is a place where a cancelled computation can be cut off: a task, a scope, a body.
//! `effective` = cancelled by a cause of its own, or, unless it is shielded, by its parent's state.
//! A frame *holds* its parent (must not be dropped by it) if it is a guest itself or has guests;
//! `guests` counts the child frames that hold. Every change walks the tree iteratively, so depth
//! costs no stack, and no walk wakes or drops a waker while the tree is borrowed: wakers are foreign
//! code and may come back here.

mod stranded;
mod tree;

use std::any::Any;
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

pub(crate) use self::tree::FrameId;
use self::tree::Frames;
use crate::cancelled::{CancelKind, Cancelled};
use crate::context::{self, NO_FRAME};
use crate::label::{FrameKind, Label};
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
        let frames = FRAMES.with(|frames| {
            let empty = frames.borrow().emptied();
            frames.replace(ManuallyDrop::new(empty))
        });
        // Not borrowed any more: wakers are foreign code.
        drop(ManuallyDrop::into_inner(frames));
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

/// Wakes the frames from the last to the first noted: what is deeper goes first, and among siblings
/// what was made first, since new siblings are linked in front.
fn wake_all(woken: &[FrameId]) {
    let mut panic = None;
    for &id in woken.iter().rev() {
        let taken = with(|frames| match frames.is_live(id) {
            true => frames.node(id.index).waker.take(),
            false => None,
        });
        let Some(waker) = taken else { continue };
        // One waker that panics must not cost the others their wake-up.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake_by_ref())) {
            panic.get_or_insert(payload);
        }
        // Taking it out and putting it back saves a clone, two atomic operations.
        let spare = with(|frames| {
            if frames.is_live(id) && frames.node(id.index).waker.is_none() {
                frames.node(id.index).waker = Some(waker);
                None
            } else {
                Some(waker)
            }
        });
        drop(spare);
        wake_stranded(id, &mut panic);
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// Wakes what was polled in the frame while it was cancelled.
fn wake_stranded(id: FrameId, panic: &mut Option<Box<dyn Any + Send>>) {
    if !stranded::are_there() {
        return;
    }
    for waker in stranded::take(id) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            panic.get_or_insert(payload);
        }
    }
}

/// A future that polls with `waker` in the current, cancelled frame does nothing and arms nothing.
#[cold]
pub(crate) fn strand(waker: &Waker) {
    let Some(id) = current() else { return };
    let is_own = with(|frames| {
        let own = &frames.node(id.index).waker;
        own.as_ref().is_some_and(|own| own.will_wake(waker))
    });
    // Who polls the frame is woken together with it.
    if !is_own {
        stranded::keep(id, waker);
    }
}

pub(crate) fn insert(label: Label) -> FrameId {
    if with(|frames| frames.is_unallocated()) {
        // Registered while there is something to free; in the thread's last moments it is gone, and
        // what is made then goes with its owner.
        let _gone = REAPER.try_with(|_| ());
    }
    with(|frames| frames.insert(label))
}

/// Makes a frame below `parent`, for a task that is polled there and nowhere else.
pub(crate) fn insert_below(parent: FrameId, label: Label) -> FrameId {
    with(|frames| {
        let id = frames.insert(label);
        if frames.is_live(parent) {
            let effective = frames.link(id.index, parent.index);
            frames.node(id.index).effective = effective;
        }
        id
    })
}

/// Takes the frame out of the tree; its child frames are handed over to the one around it.
pub(crate) fn remove(id: FrameId) {
    // A leaf that holds nobody, which most frames are in the end.
    let leaf = with(|frames| {
        let node = frames.node_of(id)?;
        let is_leaf = !node.guest && node.first_child == NO_FRAME;
        if !is_leaf || waits::is_watched() || stranded::are_there() {
            return None;
        }
        frames.unlink(id.index);
        Some(frames.vacate(id.index))
    });
    match leaf {
        Some(contents) => drop(contents),
        None => remove_any(id),
    }
}

#[cold]
fn remove_any(id: FrameId) {
    let removed = with(|frames| {
        if !frames.is_live(id) {
            return None;
        }
        let mut woken = Vec::new();
        if frames.holds(id.index) {
            let parent = frames.node(id.index).parent;
            frames.remove_guest(parent, &mut woken);
        }
        let parent = frames.node(id.index).parent;
        frames.unlink(id.index);
        if frames.node(id.index).first_child != NO_FRAME {
            // It holds its parent no more, whatever its children do.
            frames.node(id.index).guest = true;
            frames.hand_over_children(id.index, parent, &mut woken);
            frames.update_context();
        }
        Some((frames.vacate(id.index), woken))
    });
    let Some((contents, woken)) = removed else {
        return;
    };
    drop(contents);
    if waits::is_watched() {
        waits::forget(id);
    }
    if !woken.is_empty() {
        wake_all(&woken);
    }
    let mut panic = None;
    wake_stranded(id, &mut panic);
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// Hangs the frame below the current one unless it is there already. Whether it is cancelled there.
pub(crate) fn arrive(id: FrameId) -> bool {
    let parent = context::with(|context| context.frame.get());
    let known = with(|frames| {
        let node = frames.node(id.index);
        let (old, is_guest) = (node.parent, node.guest || node.guests > 0);
        let is_alone = old == NO_FRAME && node.first_child == NO_FRAME && !is_guest;
        let effective = node.effective;
        if parent != NO_FRAME && is_guest {
            frames.node(parent).touched = true;
        }
        // The second only if somebody enters a frame twice.
        if old == parent || id.index == parent {
            return Some(effective);
        }
        if is_alone {
            // Most frames come here once: there is nothing to refresh but the frame itself.
            let from_outside = frames.link(id.index, parent);
            let node = frames.node(id.index);
            node.effective = node.cause.is_some() || (from_outside && !node.shield);
            return Some(node.effective).filter(|_| !stranded::are_there());
        }
        None
    });
    known.unwrap_or_else(|| {
        change(|frames, woken| frames.attach(id.index, parent, woken));
        if stranded::are_there() {
            wake_stranded_around(id);
        }
        is_effective(id.index)
    })
}

/// A frame has come here that is not cancelled though those around it are: what was polled in these may
/// have come with it.
#[cold]
fn wake_stranded_around(id: FrameId) {
    if is_effective(id.index) {
        return;
    }
    let mut around = Vec::new();
    // It is never found, so all are visited.
    nearest(id, |frame| {
        around.push(frame);
        false
    });
    let mut panic = None;
    for frame in around {
        wake_stranded(frame, &mut panic);
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// Stores whom the frame's last poll was for.
pub(crate) fn remember_waker(id: FrameId, waker: &Waker) {
    let known = with(|frames| {
        let old = &frames.node(id.index).waker;
        old.as_ref().is_some_and(|old| old.will_wake(waker))
    });
    if !known {
        set_waker(id, waker.clone());
    }
}

pub(crate) fn set_waker(id: FrameId, waker: Waker) {
    let old = with(|frames| match frames.is_live(id) {
        true => frames.node(id.index).waker.replace(waker),
        false => Some(waker),
    });
    drop(old);
}

/// Takes the frame from its parent: it is over, or waits to be polled elsewhere.
pub(crate) fn detach(id: FrameId) {
    if !is_live(id) {
        return;
    }
    let waker = with(|frames| frames.node(id.index).waker.take());
    drop(waker);
    if with(|frames| frames.node(id.index).parent != NO_FRAME) {
        change(|frames, woken| {
            let parent = frames.node(id.index).parent;
            frames.hand_over_children(id.index, parent, woken);
            frames.attach(id.index, NO_FRAME, woken);
        });
    }
    let mut panic = None;
    wake_stranded(id, &mut panic);
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// Cancels the frame with everything below it down to the shields. `false`: it was cancelled before;
/// the first cause stays. A scope's name is added to the cause.
pub(crate) fn cancel(id: FrameId, cause: Cancelled) -> bool {
    if !with(|frames| frames.is_live(id) && frames.node(id.index).cause.is_none()) {
        return false;
    }
    let scope = label(id).filter(|label| label.kind() == FrameKind::Scope);
    let cause = match scope.and_then(|label| label.given_name()) {
        Some(name) => cause.of_scope(name),
        None => cause,
    };
    change(|frames, woken| {
        frames.node(id.index).cause = Some(Rc::new(cause));
        frames.refresh(id.index, woken);
    });
    true
}

/// Cancels the frame as its deadline has passed; the report names it and where it was made.
pub(crate) fn cancel_by_deadline(id: FrameId) {
    if let Some(label) = label(id) {
        cancel(id, Cancelled::at(CancelKind::Deadline, label.site()));
    }
}

pub(crate) fn set_name(id: FrameId, name: Arc<str>) {
    let old = with(|frames| {
        let label = frames.node(id.index).label.take()?;
        frames.node(id.index).label = Some(label.clone().named(Some(name)));
        Some(label)
    });
    drop(old);
}

pub(crate) fn set_guest(id: FrameId, guest: bool) {
    if !is_live(id) {
        return;
    }
    let must_wake = with(|frames| {
        let node = frames.node(id.index);
        if node.guest == guest {
            return None;
        }
        node.guest = guest;
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
    if with(|frames| frames.node(id.index).shield != shield) {
        change(|frames, woken| {
            frames.node(id.index).shield = shield;
            frames.refresh(id.index, woken);
        });
    }
}

/// The frame that is being polled.
pub(crate) fn current() -> Option<FrameId> {
    let index = context::with(|context| context.frame.get());
    (index != NO_FRAME).then(|| with(|frames| frames.id(index)))
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
    with(|frames| {
        let mut children = Vec::new();
        let mut at = frames.node(id.index).first_child;
        while at != NO_FRAME {
            children.push(frames.id(at));
            at = frames.node(at).next;
        }
        children
    })
}

/// How many frames keep a waker with this data.
pub(crate) fn count_wakers(data: *const ()) -> usize {
    with(|frames| {
        let wakers = frames.nodes.iter().filter_map(|node| node.waker.as_ref());
        wakers.filter(|waker| waker.data() == data).count()
    })
}

fn is_live(id: FrameId) -> bool {
    with(|frames| frames.is_live(id))
}

/// Whether the frame is cancelled, by its own cause or from outside.
pub(crate) fn is_effective(index: u32) -> bool {
    with(|frames| {
        frames
            .nodes
            .get(index as usize)
            .is_some_and(|node| node.effective)
    })
}

/// As [`is_effective`], for a frame that may be gone: that one is not cancelled.
pub(crate) fn is_live_and_effective(id: FrameId) -> bool {
    with(|frames| frames.is_live(id) && frames.node(id.index).effective)
}

/// Begins a poll of a cancelled frame.
pub(crate) fn begin_cancelled_poll(id: FrameId) {
    with(|frames| frames.node(id.index).touched = false);
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
const UNTOUCHED_POLLS_MAX: u8 = 32;

/// Guests are waited for, but only if somebody polls them. A task may hold on to a nursery or a shield
/// that it has turned away from (`select(&mut nursery, ..)`, and then something else); waiting for that
/// one would be for ever. So if a poll passed without one of the guests being polled, all of them are
/// woken; if they are still not polled then, they are given up and dropped with the rest.
///
/// `cancelled_before`: the frame was cancelled when the poll began.
pub(crate) fn verdict(id: FrameId, cancelled_before: bool) -> Verdict {
    let (verdict, guests) = with(|frames| {
        let mut guests = Vec::new();
        let node = frames.node(id.index);
        if !node.effective {
            return (Verdict::Wait, guests);
        }
        if node.guests == 0 {
            return (Verdict::Cut, guests);
        }
        if !cancelled_before {
            return (Verdict::WaitAndSee, guests);
        }
        if node.touched {
            node.untouched = 0;
            return (Verdict::Wait, guests);
        }
        node.untouched += 1;
        match node.untouched {
            1 => frames.note_guests(id.index, &mut guests),
            polls if polls > UNTOUCHED_POLLS_MAX => return (Verdict::Cut, guests),
            _ => {}
        }
        (Verdict::WaitAndSee, guests)
    });
    wake_all(&guests);
    verdict
}

/// Whether the frame around this one is cancelled and the shield does not hide it.
pub(crate) fn is_cancelled_from_outside(id: FrameId) -> bool {
    if !is_live(id) {
        return false;
    }
    with(|frames| {
        let node = frames.node(id.index);
        let (parent, shield) = (node.parent, node.shield);
        parent != NO_FRAME && !shield && frames.node(parent).effective
    })
}

pub(crate) fn own_cause(id: FrameId) -> Option<Rc<Cancelled>> {
    if !is_live(id) {
        return None;
    }
    with(|frames| frames.node(id.index).cause.clone())
}

pub(crate) fn effective_cause(id: FrameId) -> Option<Rc<Cancelled>> {
    if !is_live(id) {
        return None;
    }
    with(|frames| frames.effective_cause(id.index))
}

pub(crate) fn label(id: FrameId) -> Option<Label> {
    with(|frames| match frames.is_live(id) {
        true => frames.node(id.index).label.clone(),
        false => None,
    })
}

/// Wakes every child frame, the first made first.
pub(crate) fn wake_children(id: FrameId) {
    wake_all(&children(id));
}

pub(crate) fn set_deadline(id: FrameId, deadline: Option<Instant>) {
    if !is_live(id) {
        return;
    }
    with(|frames| frames.node(id.index).deadline = deadline);
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
            least = match (least, node.deadline) {
                (Some(least), Some(own)) => Some(least.min(own)),
                (least, own) => least.or(own),
            };
            at = if node.shield { NO_FRAME } else { node.parent };
        }
        Ok(least)
    })
}

pub(crate) fn set_listener(id: FrameId) {
    with(|frames| frames.node(id.index).listener = true);
}

/// Asks everything below the frame to come to an end, and wakes those who listen for that.
pub(crate) fn request_shutdown(id: FrameId) {
    let listeners = with(|frames| {
        let mut listeners = Vec::new();
        frames.node(id.index).shutdown = true;
        frames.note_listeners(id.index, &mut listeners);
        listeners
    });
    wake_all(&listeners);
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
            let label = frames.nodes[at as usize].label.as_ref();
            labels.extend(
                label
                    .filter(|label| label.kind() == FrameKind::Task)
                    .cloned(),
            );
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
            let node = frames.node(at);
            if let Some(label) = &node.label {
                if matches!(
                    label.kind(),
                    FrameKind::Task | FrameKind::Body | FrameKind::Main
                ) {
                    return Some(label.clone());
                }
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
            let kind = node.label.as_ref().map(Label::kind);
            if matches!(kind, Some(FrameKind::Task | FrameKind::Main)) {
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
