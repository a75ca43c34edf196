//! The tree of frames of this thread.
//!
//! A frame is a place where a cancelled computation can be cut off: a task, a scope, a body.
//! `effective` = cancelled by a cause of its own, or, unless it is shielded, by its parent's state.
//! A frame *holds* its parent (must not be dropped by it) if it is a guest itself or has guests;
//! `guests` counts the child frames that hold. Every change walks the tree iteratively, so depth
//! costs no stack, and no walk wakes or drops a waker while the tree is borrowed: wakers are foreign
//! code and may come back here.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::cancelled::{CancelKind, Cancelled};
use crate::context::{self, NO_FRAME};
use crate::frame::{FrameKind, Label};

/// Names a frame for as long as it lives; a stale one names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FrameId {
    pub(crate) index: u32,
    generation: u32,
}

struct Node {
    generation: u32,
    parent: u32,
    first_child: u32,
    prev: u32,
    next: u32,
    guests: u32,
    live: bool,
    guest: bool,
    shield: bool,
    effective: bool,
    /// Woken when a frame around it is asked to shut down.
    listener: bool,
    shutdown: bool,
    deadline: Option<Instant>,
    cause: Option<Rc<Cancelled>>,
    waker: Option<Waker>,
    label: Option<Label>,
}

#[derive(Default)]
struct Frames {
    nodes: Vec<Node>,
    free: Vec<u32>,
}

thread_local! {
    static FRAMES: RefCell<Frames> = RefCell::default();
}

fn with<R>(f: impl FnOnce(&mut Frames) -> R) -> R {
    FRAMES.with(|frames| f(&mut frames.borrow_mut()))
}

impl Frames {
    fn node(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }

    fn is_live(&self, id: FrameId) -> bool {
        self.nodes
            .get(id.index as usize)
            .is_some_and(|node| node.live && node.generation == id.generation)
    }

    fn insert(&mut self, label: Label) -> FrameId {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.nodes.len())
                    .ok()
                    .filter(|&index| index != NO_FRAME)
                    .expect("no more than 4294967295 frames can live on one thread");
                self.nodes.push(Node {
                    generation: 0,
                    parent: NO_FRAME,
                    first_child: NO_FRAME,
                    prev: NO_FRAME,
                    next: NO_FRAME,
                    guests: 0,
                    live: false,
                    guest: false,
                    shield: false,
                    effective: false,
                    listener: false,
                    shutdown: false,
                    deadline: None,
                    cause: None,
                    waker: None,
                    label: None,
                });
                index
            }
        };
        let node = self.node(index);
        node.live = true;
        node.label = Some(label);
        self.id(index)
    }

    fn holds(&self, index: u32) -> bool {
        let node = &self.nodes[index as usize];
        node.guest || node.guests > 0
    }

    fn link(&mut self, index: u32, parent: u32) {
        let first = std::mem::replace(&mut self.node(parent).first_child, index);
        let node = self.node(index);
        node.parent = parent;
        node.prev = NO_FRAME;
        node.next = first;
        if first != NO_FRAME {
            self.node(first).prev = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Node {
            parent, prev, next, ..
        } = *self.node(index);
        if parent == NO_FRAME {
            return;
        }
        if prev == NO_FRAME {
            self.node(parent).first_child = next;
        } else {
            self.node(prev).next = next;
        }
        if next != NO_FRAME {
            self.node(next).prev = prev;
        }
        let node = self.node(index);
        node.parent = NO_FRAME;
        node.prev = NO_FRAME;
        node.next = NO_FRAME;
    }

    /// One more child of `at` holds it.
    fn add_guest(&mut self, mut at: u32) {
        while at != NO_FRAME {
            let node = self.node(at);
            node.guests += 1;
            if node.guests > 1 || node.guest {
                return;
            }
            at = node.parent;
        }
    }

    /// One child of `at` less holds it. Cancelled frames that lost their last guest may now be cut
    /// off and are noted in `woken`.
    fn remove_guest(&mut self, mut at: u32, woken: &mut Vec<FrameId>) {
        while at != NO_FRAME {
            let node = self.node(at);
            node.guests -= 1;
            if node.guests > 0 {
                return;
            }
            let (is_guest, parent) = (node.guest, node.parent);
            if node.effective && node.waker.is_some() {
                woken.push(self.id(at));
            }
            if is_guest {
                return;
            }
            at = parent;
        }
    }

    /// Brings `effective` up to date below `start`, in preorder; newly cancelled frames are noted.
    fn refresh(&mut self, start: u32, woken: &mut Vec<FrameId>) {
        let mut next = Some(start);
        while let Some(at) = next {
            let node = &self.nodes[at as usize];
            let from_outside = node.parent != NO_FRAME
                && !node.shield
                && self.nodes[node.parent as usize].effective;
            let effective = from_outside || node.cause.is_some();
            let changed = node.effective != effective;
            if changed {
                if effective && node.waker.is_some() {
                    woken.push(self.id(at));
                }
                self.node(at).effective = effective;
            }
            next = self.next(start, at, changed);
        }
    }

    /// The frame after `at` in preorder below `start`, entering the children of `at` if `descend`.
    fn next(&self, start: u32, mut at: u32, descend: bool) -> Option<u32> {
        let first = self.nodes[at as usize].first_child;
        if descend && first != NO_FRAME {
            return Some(first);
        }
        while at != start {
            let node = &self.nodes[at as usize];
            if node.next != NO_FRAME {
                return Some(node.next);
            }
            at = node.parent;
        }
        None
    }

    fn id(&self, index: u32) -> FrameId {
        FrameId {
            index,
            generation: self.nodes[index as usize].generation,
        }
    }

    fn attach(&mut self, index: u32, parent: u32, woken: &mut Vec<FrameId>) {
        debug_assert_ne!(index, parent, "a frame is not its own parent");
        let holds = self.holds(index);
        let old = self.node(index).parent;
        if holds {
            self.remove_guest(old, woken);
        }
        self.unlink(index);
        if parent != NO_FRAME {
            self.link(index, parent);
            if holds {
                self.add_guest(parent);
            }
        }
        self.refresh(index, woken);
    }

    /// The children of a frame that goes away become roots.
    fn orphan_children(&mut self, index: u32, woken: &mut Vec<FrameId>) {
        loop {
            let child = self.node(index).first_child;
            if child == NO_FRAME {
                return;
            }
            self.unlink(child);
            self.refresh(child, woken);
        }
    }

    /// Tells the thread's context that effective states have changed.
    fn update_context(&mut self) {
        context::with(|context| {
            context.epoch.set(context.epoch.get().wrapping_add(1));
            let current = context.frame.get();
            let cancelled = current != NO_FRAME && self.node(current).effective;
            context.cancelled.set(cancelled);
        });
    }

    /// The cause that cuts `index` off: the outermost one that reaches it.
    fn effective_cause(&self, index: u32) -> Option<Rc<Cancelled>> {
        let mut at = index;
        let mut cause = None;
        loop {
            let node = &self.nodes[at as usize];
            if !node.effective {
                break;
            }
            if let Some(own) = &node.cause {
                cause = Some(own);
            }
            if node.shield || node.parent == NO_FRAME {
                break;
            }
            at = node.parent;
        }
        cause.cloned()
    }
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
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

pub(crate) fn insert(label: Label) -> FrameId {
    with(|frames| frames.insert(label))
}

/// Makes a frame below `parent` that is to be woken by `waker`.
pub(crate) fn insert_below(parent: FrameId, label: Label) -> FrameId {
    with(|frames| {
        let id = frames.insert(label);
        frames.link(id.index, parent.index);
        let effective = frames.node(parent.index).effective;
        frames.node(id.index).effective = effective;
        id
    })
}

/// Takes the frame out of the tree; its child frames become roots until they are polled elsewhere.
pub(crate) fn remove(id: FrameId) {
    // While the thread's locals are being destroyed there may be no tree any more.
    let Ok((waker, label, cause, woken)) = FRAMES.try_with(|frames| {
        let frames = &mut *frames.borrow_mut();
        let mut woken = Vec::new();
        if frames.holds(id.index) {
            let parent = frames.node(id.index).parent;
            frames.remove_guest(parent, &mut woken);
        }
        frames.unlink(id.index);
        if frames.node(id.index).first_child != NO_FRAME {
            frames.orphan_children(id.index, &mut woken);
            frames.update_context();
        }
        let node = frames.node(id.index);
        let waker = node.waker.take();
        let label = node.label.take();
        let cause = node.cause.take();
        node.generation = node.generation.wrapping_add(1);
        node.live = false;
        node.guest = false;
        node.guests = 0;
        node.shield = false;
        node.effective = false;
        node.listener = false;
        node.shutdown = false;
        node.deadline = None;
        frames.free.push(id.index);
        (waker, label, cause, woken)
    }) else {
        return;
    };
    drop((waker, label, cause));
    if !woken.is_empty() {
        wake_all(&woken);
    }
}

/// Attaches the frame below the current one unless it is there already, and stores the waker that
/// its last poll was given.
pub(crate) fn arrive(id: FrameId, waker: &Waker) {
    let parent = context::with(|context| context.frame.get());
    let (attached, known) = with(|frames| {
        let node = frames.node(id.index);
        let known = node.waker.as_ref().is_some_and(|old| old.will_wake(waker));
        (node.parent == parent, known)
    });
    if !known {
        set_waker(id, waker.clone());
    }
    if !attached {
        change(|frames, woken| frames.attach(id.index, parent, woken));
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
    let waker = with(|frames| frames.node(id.index).waker.take());
    drop(waker);
    if with(|frames| frames.node(id.index).parent != NO_FRAME) {
        change(|frames, woken| frames.attach(id.index, NO_FRAME, woken));
    }
}

/// Cancels the frame with everything below it down to the shields. `false`: it was cancelled before;
/// the first cause stays.
pub(crate) fn cancel(id: FrameId, cause: Cancelled) -> bool {
    if !with(|frames| frames.is_live(id) && frames.node(id.index).cause.is_none()) {
        return false;
    }
    change(|frames, woken| {
        frames.node(id.index).cause = Some(Rc::new(cause));
        frames.refresh(id.index, woken);
    });
    true
}

/// Cancels the frame as its deadline has passed; the report names it and where it was made.
pub(crate) fn cancel_by_deadline(id: FrameId) {
    let Some(label) = label(id) else { return };
    let cause = Cancelled::at(CancelKind::Deadline, label.site());
    cancel(
        id,
        match label.given_name() {
            Some(name) => cause.of_scope(name),
            None => cause,
        },
    );
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
    if with(|frames| frames.node(id.index).shield != shield) {
        change(|frames, woken| {
            frames.node(id.index).shield = shield;
            frames.refresh(id.index, woken);
        });
    }
}

/// Whether the frame is cancelled, by its own cause or from outside.
pub(crate) fn is_effective(index: u32) -> bool {
    with(|frames| frames.node(index).effective)
}

/// Whether the frame is cancelled and nothing in it has to be waited for.
pub(crate) fn must_cut(id: FrameId) -> bool {
    with(|frames| {
        let node = frames.node(id.index);
        node.effective && node.guests == 0
    })
}

/// Whether the frame around this one is cancelled and the shield does not hide it.
pub(crate) fn is_cancelled_from_outside(id: FrameId) -> bool {
    with(|frames| {
        let node = frames.node(id.index);
        let (parent, shield) = (node.parent, node.shield);
        parent != NO_FRAME && !shield && frames.node(parent).effective
    })
}

pub(crate) fn own_cause(id: FrameId) -> Option<Rc<Cancelled>> {
    with(|frames| frames.node(id.index).cause.clone())
}

pub(crate) fn effective_cause(id: FrameId) -> Option<Rc<Cancelled>> {
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
    let children = with(|frames| {
        let mut children = Vec::new();
        let mut at = frames.node(id.index).first_child;
        while at != NO_FRAME {
            children.push(frames.id(at));
            at = frames.node(at).next;
        }
        children
    });
    wake_all(&children);
}

pub(crate) fn set_deadline(id: FrameId, deadline: Option<Instant>) {
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
        let mut next = Some(id.index);
        while let Some(at) = next {
            if frames.node(at).listener {
                listeners.push(frames.id(at));
            }
            next = frames.next(id.index, at, true);
        }
        listeners
    });
    wake_all(&listeners);
}

/// Whether the frame or one around it was asked to come to an end; shields do not hide that.
pub(crate) fn is_shutdown_requested(index: u32) -> bool {
    with(|frames| {
        let mut at = index;
        while at != NO_FRAME {
            let node = frames.node(at);
            if node.shutdown {
                return true;
            }
            at = node.parent;
        }
        false
    })
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

/// How many frames live on this thread.
pub(crate) fn count() -> usize {
    FRAMES.with(|frames| {
        let frames = frames.borrow();
        frames.nodes.len() - frames.free.len()
    })
}
