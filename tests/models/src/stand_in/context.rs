//! The part of the context that tells threads apart. loom's threads are none of the system's.

use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

loom::thread_local! {
    static ID: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn thread_id() -> u64 {
    ID.with(|id| *id)
}

/// No run is seeded here.
pub(crate) fn is_seeded() -> bool {
    false
}

pub(crate) fn shuffle<T>(_items: &mut [T]) {}

/// No waker is taken for Nestling's own, so the longer way is modelled.
#[allow(dead_code, reason = "the models use a part")]
pub(crate) enum OwnWaker {
    Main,
    Body,
}

pub(crate) fn note_own_waker(_kind: OwnWaker, _waker: &std::task::Waker) {}

pub(crate) fn is_own_waker(_waker: &std::task::Waker) -> bool {
    false
}

/// Nobody counts, so there is one turn a poll, and its end wakes the owner.
pub(crate) fn more_ready(_count: usize) {}

pub(crate) fn less_ready(_count: usize) {}

pub(crate) fn is_all_ready(_count: usize) -> bool {
    false
}

pub(crate) fn is_time_to_look() -> bool {
    true
}
