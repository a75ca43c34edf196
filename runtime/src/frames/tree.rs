//! The tree itself: nodes in a slab, linked by indices. Pure data: nothing here wakes anybody.

use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use super::extras::{Contents, Extras};
use super::node::{EFFECTIVE, GUEST, INHERITS, LISTENER, Node, SHIELD, SHUTDOWN, STALLED};
use super::places::{PlaceKey, Places};
use crate::cancelled::Cancelled;
use crate::context::{self, NO_FRAME};
use crate::label::{FrameKind, Origin};
use crate::room;

/// Names a frame for as long as it lives; a stale one names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FrameId {
    pub(crate) index: u32,
    pub(super) generation: u32,
}

impl FrameId {
    /// Names no frame, whatever there is.
    pub(crate) const NONE: FrameId = FrameId {
        index: NO_FRAME,
        generation: 0,
    };

    #[cfg(test)]
    pub(crate) fn numbered(index: u32) -> FrameId {
        FrameId {
            index,
            generation: 1,
        }
    }
}

pub(super) struct Frames {
    pub(super) nodes: Vec<Node>,
    pub(super) extras: Extras,
    pub(super) places: Places,
    /// The first vacant slot; each leads to the next one by its `next`.
    vacant: u32,
    live: usize,
    /// Generations are counted for the whole thread, as slots go when the slab is freed.
    inserted: u32,
    /// The lower numbers were used in a slab that was freed while frames in it lived, and are not used again: tasks
    /// know no more of their frames.
    first: u32,
}

impl Frames {
    pub(super) const fn new() -> Frames {
        Frames {
            nodes: Vec::new(),
            extras: Extras::new(),
            places: Places::new(),
            vacant: NO_FRAME,
            live: 0,
            inserted: 0,
            first: 0,
        }
    }

    /// One without frames, whose generations go on from here. No frame in it gets the number of one that lives here.
    pub(super) fn emptied(&self) -> Frames {
        let first = match self.live {
            0 => self.first,
            // Less than `NO_FRAME`, see `grow`.
            _ => self.nodes.len() as u32,
        };
        Frames {
            inserted: self.inserted,
            first,
            ..Frames::new()
        }
    }

    pub(super) fn is_unallocated(&self) -> bool {
        self.nodes.capacity() == 0
    }

    pub(super) fn node(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }

    #[inline]
    pub(super) fn is_live(&self, id: FrameId) -> bool {
        self.nodes
            .get(id.index as usize)
            .is_some_and(|node| node.generation == id.generation)
    }

    /// The frame's node while it lives.
    #[inline]
    pub(super) fn node_of(&mut self, id: FrameId) -> Option<&mut Node> {
        let node = self.nodes.get_mut(id.index as usize)?;
        (node.generation == id.generation).then_some(node)
    }

    /// Makes a frame that hangs nowhere.
    pub(super) fn insert(&mut self, origin: Origin, deadline: Option<Instant>) -> FrameId {
        let place = self.place(&origin, deadline);
        let index = self.take_vacant();
        self.occupy(index, place, &origin, deadline)
    }

    /// Makes a frame below `parent`.
    #[inline(always)]
    pub(super) fn insert_below(
        &mut self,
        parent: u32,
        origin: Origin,
        deadline: Option<Instant>,
    ) -> FrameId {
        let place = self.place(&origin, deadline);
        let index = self.take_vacant();
        self.link(index, parent);
        self.occupy(index, place, &origin, deadline)
    }

    /// Where a new frame notes its place. One with a limit in time has room for it beside that.
    #[inline(always)]
    fn place(&mut self, origin: &Origin, deadline: Option<Instant>) -> PlaceKey {
        match deadline {
            Some(_) => PlaceKey::NONE,
            None => self.places.key(origin.place),
        }
    }

    #[inline(always)]
    fn take_vacant(&mut self) -> u32 {
        if self.vacant == NO_FRAME {
            self.grow();
        }
        let index = self.vacant;
        self.vacant = std::mem::replace(&mut self.nodes[index as usize].next, NO_FRAME);
        index
    }

    #[inline(always)]
    fn occupy(
        &mut self,
        index: u32,
        place: PlaceKey,
        origin: &Origin,
        deadline: Option<Instant>,
    ) -> FrameId {
        // Never 0, which is for what is vacant.
        let generation = self.inserted.checked_add(1).unwrap_or(1);
        self.inserted = generation;
        self.live += 1;
        let node = &mut self.nodes[index as usize];
        node.occupy(generation, origin, place);
        if place == PlaceKey::NONE {
            let place = Some(origin.place);
            self.extras.insert(&mut node.extra, deadline, place);
        }
        FrameId { index, generation }
    }

    #[cold]
    fn grow(&mut self) {
        if self.nodes.is_empty() {
            self.nodes.resize_with(self.first as usize, Node::vacant);
        }
        let index = u32::try_from(self.nodes.len())
            .ok()
            .filter(|&index| index != NO_FRAME)
            .expect("no more than 4294967295 frames can live on one thread");
        room::make_for_one(&mut self.nodes);
        self.nodes.push(Node::vacant());
        self.vacant = index;
    }

    /// How many frames there are.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Takes out a frame that has no children; what has a destructor is given back to be dropped outside.
    #[inline(always)]
    pub(super) fn take_out(&mut self, index: u32) -> (Option<Waker>, Option<Contents>) {
        let node = &mut self.nodes[index as usize];
        let parent = std::mem::replace(&mut node.parent, NO_FRAME);
        let prev = std::mem::replace(&mut node.prev, NO_FRAME);
        let next = std::mem::replace(&mut node.next, self.vacant);
        let (waker, extra) = node.vacate();
        self.vacant = index;
        if parent != NO_FRAME {
            self.close_gap(parent, prev, next);
        }
        let extra = self.extras.remove(extra);
        self.live -= 1;
        if self.live == 0 {
            // The last one. Nobody else frees the slab at the end of the thread.
            *self = self.emptied();
        }
        (waker, extra)
    }

    /// The frame that keeps the waker of this one: itself, or the nearest around it that it was polled with.
    #[inline]
    pub(super) fn waker_keeper(&self, mut at: u32) -> Option<u32> {
        loop {
            let node = self.nodes.get(at as usize)?;
            if !node.is(INHERITS) {
                return Some(at);
            }
            at = node.parent;
        }
    }

    /// Who is woken when the frame is cancelled.
    #[inline]
    pub(super) fn waker(&self, index: u32) -> Option<&Waker> {
        let keeper = self.waker_keeper(index)?;
        self.nodes[keeper as usize].waker.as_ref()
    }

    pub(super) fn holds(&self, index: u32) -> bool {
        let node = &self.nodes[index as usize];
        node.is(GUEST) || node.guests > 0
    }

    /// Hangs `index` below `parent`, and returns whether that is cancelled.
    #[inline(always)]
    pub(super) fn link(&mut self, index: u32, parent: u32) -> bool {
        let above = self.node(parent);
        let first = std::mem::replace(&mut above.first_child, index);
        let effective = above.is(EFFECTIVE);
        let node = self.node(index);
        node.parent = parent;
        node.prev = NO_FRAME;
        node.next = first;
        if first != NO_FRAME {
            self.node(first).prev = index;
        }
        effective
    }

    #[inline(always)]
    pub(super) fn unlink(&mut self, index: u32) {
        let node = self.node(index);
        let parent = std::mem::replace(&mut node.parent, NO_FRAME);
        if parent == NO_FRAME {
            return;
        }
        let prev = std::mem::replace(&mut node.prev, NO_FRAME);
        let next = std::mem::replace(&mut node.next, NO_FRAME);
        self.close_gap(parent, prev, next);
    }

    /// Links the siblings of a child that is gone.
    #[inline(always)]
    fn close_gap(&mut self, parent: u32, prev: u32, next: u32) {
        if prev == NO_FRAME {
            self.node(parent).first_child = next;
        } else {
            self.node(prev).next = next;
        }
        if next != NO_FRAME {
            self.node(next).prev = prev;
        }
    }

    /// The frames of all tasks.
    #[cold]
    pub(super) fn all_tasks(&self) -> Vec<FrameId> {
        let is_task = |node: &Node| !node.is_vacant() && node.kind() == FrameKind::Task;
        (0..self.nodes.len() as u32)
            .filter(|&index| is_task(&self.nodes[index as usize]))
            .map(|index| self.id(index))
            .collect()
    }

    /// The child frames, the last made first.
    pub(super) fn children(&self, index: u32) -> Vec<FrameId> {
        let mut children = Vec::new();
        let mut at = self.nodes[index as usize].first_child;
        while at != NO_FRAME {
            children.push(self.id(at));
            at = self.nodes[at as usize].next;
        }
        children
    }

    /// Notes the child frames that hold `index`.
    pub(super) fn note_guests(&self, index: u32, guests: &mut Vec<FrameId>) {
        let mut at = self.nodes[index as usize].first_child;
        while at != NO_FRAME {
            if self.holds(at) {
                guests.push(self.id(at));
            }
            at = self.nodes[at as usize].next;
        }
    }

    /// One more child of `at` holds it.
    pub(super) fn add_guest(&mut self, mut at: u32) {
        while at != NO_FRAME {
            let node = self.node(at);
            node.guests += 1;
            if node.guests > 1 || node.is(GUEST) {
                return;
            }
            at = node.parent;
        }
    }

    /// One child of `at` less holds it. Cancelled frames that lost their last guest may now be cut
    /// off and are noted in `woken`.
    pub(super) fn remove_guest(&mut self, mut at: u32, woken: &mut Vec<FrameId>) {
        while at != NO_FRAME {
            let node = self.node(at);
            node.guests -= 1;
            if node.guests > 0 {
                if node.is(EFFECTIVE) && node.has_waker() {
                    // Are the others still polled by anybody? See `verdict`.
                    woken.push(self.id(at));
                }
                return;
            }
            let (is_guest, parent) = (node.is(GUEST), node.parent);
            if node.is(EFFECTIVE) && node.has_waker() {
                woken.push(self.id(at));
            }
            if is_guest {
                return;
            }
            at = parent;
        }
    }

    /// Brings `effective` up to date below `start`, in preorder; frames that are newly cancelled are noted,
    /// and those that are not cancelled any more: what was polled in them has armed nothing.
    pub(super) fn refresh(&mut self, start: u32, woken: &mut Vec<FrameId>) {
        let mut next = Some(start);
        while let Some(at) = next {
            let node = &self.nodes[at as usize];
            let from_outside = node.parent != NO_FRAME
                && !node.is(SHIELD)
                && self.nodes[node.parent as usize].is(EFFECTIVE);
            let effective = from_outside || self.cause(node).is_some();
            let changed = node.is(EFFECTIVE) != effective;
            if changed {
                let must_wake = match effective {
                    true => node.has_waker(),
                    false => node.is(STALLED) || super::stranded::are_there(),
                };
                if must_wake {
                    woken.push(self.id(at));
                }
                self.node(at).set(STALLED, false);
                self.node(at).set(EFFECTIVE, effective);
            }
            next = self.next(start, at, changed);
        }
    }

    /// Marks `start`, which has been given a cause, and what is below it as cancelled, and wakes each frame by
    /// `wake`: what is deeper goes first, and among siblings what was made first, which is linked last. One walk,
    /// as most of what it sees is not in the cache.
    pub(super) fn cancel_below(&mut self, start: u32, mut wake: impl FnMut(&Waker, FrameId)) {
        let mut at = start;
        loop {
            let node = self.node(at);
            // A shield hides the causes of others only.
            if !node.is(EFFECTIVE) && (at == start || !node.is(SHIELD)) {
                node.set(EFFECTIVE, true);
                let child = node.first_child;
                if child != NO_FRAME {
                    at = self.last_sibling(child);
                    continue;
                }
                self.wake_by(at, &mut wake);
            }
            loop {
                if at == start {
                    return;
                }
                let node = self.node(at);
                if node.prev != NO_FRAME {
                    at = node.prev;
                    break;
                }
                at = node.parent;
                self.wake_by(at, &mut wake);
            }
        }
    }

    fn last_sibling(&self, mut at: u32) -> u32 {
        loop {
            let next = self.nodes[at as usize].next;
            if next == NO_FRAME {
                return at;
            }
            at = next;
        }
    }

    #[inline]
    fn wake_by(&self, index: u32, wake: &mut impl FnMut(&Waker, FrameId)) {
        if let Some(waker) = self.waker(index) {
            wake(waker, self.id(index));
        }
    }

    /// The frame after `at` in preorder below `start`, entering the children of `at` if `descend`.
    pub(super) fn next(&self, start: u32, mut at: u32, descend: bool) -> Option<u32> {
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

    pub(super) fn id(&self, index: u32) -> FrameId {
        FrameId {
            index,
            generation: self.nodes[index as usize].generation,
        }
    }

    pub(super) fn attach(&mut self, index: u32, parent: u32, woken: &mut Vec<FrameId>) {
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
            // What was here before listens somewhere below; what is new will ask by itself.
            if self.node(index).first_child != NO_FRAME && self.is_shutdown_requested(parent) {
                self.note_listeners(index, woken);
            }
        }
        self.refresh(index, woken);
    }

    /// Whether `at` or a frame around it was asked to come to an end.
    pub(super) fn is_shutdown_requested(&self, mut at: u32) -> bool {
        while at != NO_FRAME {
            let node = &self.nodes[at as usize];
            if node.is(SHUTDOWN) {
                return true;
            }
            at = node.parent;
        }
        false
    }

    /// Notes the frames below `start` that listen for such a request.
    pub(super) fn note_listeners(&self, start: u32, listeners: &mut Vec<FrameId>) {
        let mut next = Some(start);
        while let Some(at) = next {
            if self.nodes[at as usize].is(LISTENER) {
                listeners.push(self.id(at));
            }
            next = self.next(start, at, true);
        }
    }

    /// The children of a frame that goes away hang below `parent` until they are polled elsewhere: a
    /// set of futures that was polled inside a timeout goes on in the task around it, and does not poll
    /// those again that were not woken. Tasks and bodies are polled nowhere else and become roots.
    pub(super) fn hand_over_children(&mut self, index: u32, parent: u32, woken: &mut Vec<FrameId>) {
        loop {
            let child = self.node(index).first_child;
            if child == NO_FRAME {
                return;
            }
            let is_bound = matches!(self.node(child).kind(), FrameKind::Task | FrameKind::Body);
            self.attach(child, if is_bound { NO_FRAME } else { parent }, woken);
        }
    }

    /// Tells the thread's context that effective states have changed.
    pub(super) fn update_context(&mut self) {
        context::with(|context| {
            context.epoch.set(context.epoch.get().wrapping_add(1));
            let current = context.frame.get();
            let cancelled = current != NO_FRAME && self.node(current).is(EFFECTIVE);
            context.cancelled.set(cancelled);
        });
    }

    /// The cause that cuts `index` off: the outermost one that reaches it.
    pub(super) fn effective_cause(&self, index: u32) -> Option<Rc<Cancelled>> {
        let mut at = index;
        let mut cause = None;
        loop {
            let node = &self.nodes[at as usize];
            if !node.is(EFFECTIVE) {
                break;
            }
            if let Some(own) = self.cause(node) {
                cause = Some(own);
            }
            if node.is(SHIELD) || node.parent == NO_FRAME {
                break;
            }
            at = node.parent;
        }
        cause.cloned()
    }
}
