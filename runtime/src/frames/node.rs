//! One frame, in 96 bytes: a million parked tasks have a million of these.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::short::OwnTimer;
use crate::cancelled::Cancelled;
use crate::context::NO_FRAME;
use crate::label::{FrameKind, Label, Origin};
use crate::timers::TimerKey;

/// Waited for by the frames around it.
pub(super) const GUEST: Bit = Bit(1);
pub(super) const SHIELD: Bit = Bit(1 << 1);
pub(super) const EFFECTIVE: Bit = Bit(1 << 2);
/// Woken when a frame around it is asked to shut down.
pub(super) const LISTENER: Bit = Bit(1 << 3);
pub(super) const SHUTDOWN: Bit = Bit(1 << 4);
/// Something was polled with the frame's own waker while the frame was cancelled, and armed nothing.
pub(super) const STALLED: Bit = Bit(1 << 5);
/// A child frame that holds it was polled in the poll that is going on.
pub(super) const TOUCHED: Bit = Bit(1 << 6);

#[derive(Clone, Copy)]
pub(super) struct Bit(u8);

pub(super) struct Node {
    /// That of the frame in it; 0 while it is vacant.
    pub(super) generation: u32,
    pub(super) parent: u32,
    pub(super) first_child: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) guests: u32,
    /// The timer that the frame's deadline has, once the loop has looked.
    pub(super) timer: TimerKey,
    bits: u8,
    /// Polls in a row, while it was cancelled, in which no child frame that holds it was polled.
    pub(super) untouched: u8,
    kind: FrameKind,
    origin: Option<Origin>,
    pub(super) waker: Option<Waker>,
    pub(super) deadline: Option<Instant>,
    rare: Option<Box<Rare>>,
}

/// What few frames have.
#[derive(Default)]
struct Rare {
    name: Option<Box<Arc<str>>>,
    cause: Option<Rc<Cancelled>>,
}

impl Node {
    pub(super) fn vacant() -> Node {
        Node {
            generation: 0,
            parent: NO_FRAME,
            first_child: NO_FRAME,
            prev: NO_FRAME,
            next: NO_FRAME,
            guests: 0,
            timer: TimerKey::NONE,
            bits: 0,
            untouched: 0,
            kind: FrameKind::Scope,
            origin: None,
            waker: None,
            deadline: None,
            rare: None,
        }
    }

    #[inline]
    pub(super) fn occupy(&mut self, generation: u32, label: Label) {
        let (kind, origin, name) = label.into_parts();
        self.generation = generation;
        self.kind = kind;
        self.origin = Some(origin);
        if let Some(name) = name {
            self.rare().name = Some(name);
        }
    }

    /// Makes it vacant; what has a destructor is given back to be dropped outside.
    #[inline]
    pub(super) fn vacate(&mut self) -> impl Sized + use<> {
        self.generation = 0;
        self.guests = 0;
        self.bits = 0;
        self.untouched = 0;
        self.deadline = None;
        let timer = OwnTimer(std::mem::replace(&mut self.timer, TimerKey::NONE));
        (self.waker.take(), self.rare.take(), timer)
    }

    #[inline]
    pub(super) fn is(&self, bit: Bit) -> bool {
        self.bits & bit.0 != 0
    }

    #[inline]
    pub(super) fn set(&mut self, bit: Bit, value: bool) {
        match value {
            true => self.bits |= bit.0,
            false => self.bits &= !bit.0,
        }
    }

    #[inline]
    pub(super) fn kind(&self) -> FrameKind {
        self.kind
    }

    pub(super) fn label(&self) -> Option<Label> {
        let name = self.rare.as_ref().and_then(|rare| rare.name.clone());
        Some(Label::from_parts(self.kind, self.origin?, name))
    }

    /// Gives it a name; the old one is given back.
    pub(super) fn set_name(&mut self, name: Arc<str>) -> impl Sized + use<> {
        self.rare().name.replace(Box::new(name))
    }

    #[inline]
    pub(super) fn cause(&self) -> Option<&Rc<Cancelled>> {
        self.rare.as_ref()?.cause.as_ref()
    }

    pub(super) fn set_cause(&mut self, cause: Rc<Cancelled>) {
        self.rare().cause = Some(cause);
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_frame_takes_96_bytes() {
        assert_eq!(size_of::<super::Node>(), 96);
    }
}
