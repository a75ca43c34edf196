//! One frame, in 56 bytes: a million parked tasks have a million of these.

use std::task::Waker;

use super::extras::ExtraKey;
use super::places::PlaceKey;
use crate::context::NO_FRAME;
use crate::label::{FrameKind, Origin};
use crate::moment::Moment;

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

/// Polled with the waker of the frame around it, so that it keeps none of its own.
pub(super) const INHERITS: Bit = Bit(1 << 7);

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
    /// What few frames have.
    pub(super) extra: ExtraKey,
    pub(super) place: PlaceKey,
    bits: u8,
    kind: FrameKind,
    pub(super) waker: Option<Waker>,
    /// When it was made.
    pub(super) since: Moment,
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
            extra: ExtraKey::NONE,
            place: PlaceKey::NONE,
            bits: 0,
            kind: FrameKind::Scope,
            waker: None,
            since: Moment::NONE,
        }
    }

    #[inline]
    pub(super) fn occupy(&mut self, generation: u32, origin: &Origin, place: PlaceKey) {
        self.generation = generation;
        self.kind = origin.kind;
        self.place = place;
        self.since = origin.since;
    }

    /// Makes it vacant. What it had is given back: the waker to be dropped outside, the key to be removed.
    #[inline]
    pub(super) fn vacate(&mut self) -> (Option<Waker>, ExtraKey) {
        self.generation = 0;
        self.guests = 0;
        self.bits = 0;
        let extra = std::mem::replace(&mut self.extra, ExtraKey::NONE);
        (self.waker.take(), extra)
    }

    #[inline]
    pub(super) fn is_vacant(&self) -> bool {
        self.generation == 0
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

    /// Whether somebody is woken when the frame is cancelled.
    #[inline]
    pub(super) fn has_waker(&self) -> bool {
        self.waker.is_some() || self.is(INHERITS)
    }

    /// Sets who is woken; the one before is given back.
    #[inline]
    pub(super) fn set_waker(&mut self, waker: Option<Waker>) -> Option<Waker> {
        self.set(INHERITS, false);
        std::mem::replace(&mut self.waker, waker)
    }

    #[inline]
    pub(super) fn kind(&self) -> FrameKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_frame_takes_56_bytes() {
        assert_eq!(size_of::<super::Node>(), 56);
    }
}
