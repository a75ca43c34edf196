//! What few frames have: a limit in time, a name, a cause. It is kept beside the frames, in a slab whose slots are
//! used again, so that limits in time, which come and go with every operation, allocate nothing.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::node::Node;
use super::short::OwnTimer;
use super::tree::Frames;
use crate::cancelled::Cancelled;
use crate::label::{Label, Origin, Place};
use crate::room;
use crate::timers::TimerKey;

/// Names what one frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtraKey(u32);

impl ExtraKey {
    /// Stands where there is nothing.
    pub(super) const NONE: ExtraKey = ExtraKey(u32::MAX);
}

pub(super) struct Extra {
    pub(super) deadline: Option<Instant>,
    /// Where the frame comes from, if it has a slot from the beginning.
    pub(super) place: Option<Place>,
    pub(super) rare: Option<Box<Rare>>,
    /// The timer that the frame's deadline has, once the loop has looked.
    pub(super) timer: TimerKey,
    /// Polls in a row, while the frame was cancelled, in which no child frame that holds it was polled. A vacant
    /// slot has the number of the next one here.
    pub(super) untouched: u32,
}

/// What even fewer have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) name: Option<Box<Arc<str>>>,
    pub(super) cause: Option<Rc<Cancelled>>,
}

impl Extra {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// What was in a slot that has been vacated, and has a destructor.
pub(super) struct Contents {
    _timer: OwnTimer,
    _rare: Option<Box<Rare>>,
}

impl Contents {
    /// Not part of the short way, as few frames have any.
    #[cold]
    pub(super) fn drop(self) {}
}

pub(super) struct Extras {
    slots: Vec<Extra>,
    vacant: u32,
}

impl Extras {
    pub(super) const fn new() -> Extras {
        Extras {
            slots: Vec::new(),
            vacant: u32::MAX,
        }
    }

    #[inline]
    pub(super) fn get(&self, key: ExtraKey) -> Option<&Extra> {
        match key {
            ExtraKey::NONE => None,
            ExtraKey(slot) => self.slots.get(slot as usize),
        }
    }

    /// What the frame has whose `key` this is; if that was nothing, it has a slot now.
    #[inline]
    pub(super) fn get_or_insert(&mut self, key: &mut ExtraKey) -> &mut Extra {
        if *key == ExtraKey::NONE {
            return self.insert(key, None, None);
        }
        &mut self.slots[key.0 as usize]
    }

    #[inline]
    pub(super) fn insert(
        &mut self,
        key: &mut ExtraKey,
        deadline: Option<Instant>,
        place: Option<Place>,
    ) -> &mut Extra {
        if self.vacant == u32::MAX {
            self.grow();
        }
        let slot = self.vacant;
        *key = ExtraKey(slot);
        let extra = &mut self.slots[slot as usize];
        self.vacant = std::mem::replace(&mut extra.untouched, 0);
        extra.deadline = deadline;
        extra.place = place;
        extra
    }

    #[cold]
    fn grow(&mut self) {
        // There are no more slots than frames, whose number fits into u32.
        self.vacant = self.slots.len() as u32;
        room::make_for_one(&mut self.slots);
        self.slots.push(Extra {
            deadline: None,
            place: None,
            rare: None,
            timer: TimerKey::NONE,
            untouched: u32::MAX,
        });
    }

    /// Vacates the slot; what has a destructor is given back to be dropped outside.
    #[inline]
    pub(super) fn remove(&mut self, key: ExtraKey) -> Option<Contents> {
        if key == ExtraKey::NONE {
            return None;
        }
        let extra = &mut self.slots[key.0 as usize];
        extra.untouched = std::mem::replace(&mut self.vacant, key.0);
        if extra.timer == TimerKey::NONE && extra.rare.is_none() {
            return None;
        }
        let timer = std::mem::replace(&mut extra.timer, TimerKey::NONE);
        Some(Contents {
            _timer: OwnTimer(timer),
            _rare: extra.rare.take(),
        })
    }
}

impl Frames {
    /// What few frames have, of a frame that has it from now on.
    #[inline]
    pub(super) fn extra(&mut self, index: u32) -> &mut Extra {
        let node = &mut self.nodes[index as usize];
        self.extras.get_or_insert(&mut node.extra)
    }

    pub(super) fn has_extra(&self, index: u32) -> bool {
        self.nodes[index as usize].extra != ExtraKey::NONE
    }

    /// The same, if the frame has it.
    #[inline]
    pub(super) fn extra_of(&self, node: &Node) -> Option<&Extra> {
        self.extras.get(node.extra)
    }

    /// Why the frame itself was cancelled.
    #[inline]
    pub(super) fn cause(&self, node: &Node) -> Option<&Rc<Cancelled>> {
        self.extra_of(node)?.rare.as_ref()?.cause.as_ref()
    }

    /// The label of a live frame.
    pub(super) fn label(&self, node: &Node) -> Option<Label> {
        let extra = self.extra_of(node);
        let known = self.places.get(node.place);
        let place = known.or_else(|| extra?.place)?;
        let rare = extra.and_then(|extra| extra.rare.as_ref());
        let name = rare.and_then(|rare| rare.name.clone());
        let origin = Origin {
            kind: node.kind(),
            place,
            since: node.since,
        };
        Some(Label::from_parts(origin, name))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::label::FrameKind;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn it_takes_48_bytes() {
        assert_eq!(size_of::<Extra>(), 48);
    }

    #[test]
    fn slots_are_used_again_and_have_nothing_of_their_last_owner() {
        let mut extras = Extras::new();
        let mut keys = [ExtraKey::NONE; 3];
        for _ in 0..3 {
            for key in &mut keys {
                let extra = extras.get_or_insert(key);
                assert!(extra.deadline.is_none() && extra.rare.is_none() && extra.untouched == 0);
                extra.deadline = Some(Instant::now());
                extra.rare().name = Some(Box::new("it".into()));
                extra.untouched = 7;
            }
            for key in &mut keys {
                assert!(extras.get(*key).is_some());
                drop(extras.remove(std::mem::replace(key, ExtraKey::NONE)));
                assert!(extras.get(*key).is_none());
            }
        }
        assert_eq!(extras.slots.len(), 3);
    }

    #[test]
    fn a_frame_tells_where_it_comes_from_wherever_that_is_kept() {
        let mut frames = Frames::new();
        let site = Location::caller();
        let (origin, _) = Label::of::<Extras>(FrameKind::Task, site).into_parts();
        let limits = [None, Some(Instant::now())];
        let ids = limits.map(|limit| frames.insert(origin, limit));
        for id in ids {
            let label = |frames: &Frames| frames.label(&frames.nodes[id.index as usize]);
            for (name, kind) in [("Extras", None), ("it", Some("it"))] {
                if let Some(given) = kind {
                    frames.extra(id.index).rare().name = Some(Box::new(given.into()));
                }
                let found = label(&frames).expect("it lives");
                assert!(found.name().ends_with(name), "{found:?}");
                assert_eq!((found.kind(), found.site()), (FrameKind::Task, site));
            }
        }
        let deadlines = ids.map(|id| frames.extra(id.index).deadline);
        assert_eq!(deadlines, limits);
        for id in ids {
            drop(frames.take_out(id.index));
        }
        assert_eq!(frames.live(), 0);
    }
}
