//! Futures that were polled in a cancelled frame and wait for nothing.
//!
//! An operation in a cancelled frame returns `Pending` and arms nothing, as the frame is about to be cut
//! off. But a future need not go with the frame: a set of futures that was polled inside a scope goes on
//! around it, and does not poll again what was not woken. So the wakers of such polls are kept here, and
//! woken when the frame goes or is not cancelled any more.

use std::cell::RefCell;
use std::task::Waker;

use super::FrameId;
use crate::context;
use crate::id_hasher::IdMap;
use crate::waits;

/// So many of the last are looked through for the same waker.
const LOOKED_THROUGH: usize = 16;

thread_local! {
    static STRANDED: RefCell<IdMap<FrameId, Vec<Waker>>> = RefCell::default();
}

pub(super) fn are_there() -> bool {
    context::with(|context| context.stranded.get())
}

pub(super) fn keep(frame: FrameId, waker: &Waker) {
    let waker = waits::own(waker);
    let kept = with(|stranded| {
        let wakers = stranded.entry(frame).or_default();
        let known = wakers
            .iter()
            .rev()
            .take(LOOKED_THROUGH)
            .any(|known| known.will_wake(&waker));
        if known {
            return Some(waker);
        }
        wakers.push(waker);
        None
    });
    context::with(|context| context.stranded.set(true));
    drop(kept);
}

/// Those of the frame; they are gone from here.
pub(super) fn take(frame: FrameId) -> Vec<Waker> {
    with(|stranded| {
        let wakers = stranded.remove(&frame);
        if stranded.is_empty() {
            context::with(|context| context.stranded.set(false));
        }
        wakers
    })
    .unwrap_or_default()
}

fn with<R: Default>(f: impl FnOnce(&mut IdMap<FrameId, Vec<Waker>>) -> R) -> R {
    // At the end of the thread nobody is polled any more.
    STRANDED
        .try_with(|stranded| f(&mut stranded.borrow_mut()))
        .unwrap_or_default()
}
