//! What tasks wait for, noted while a run is watched.
//!
//! Whoever returns `Pending` may say why. Nobody listens in an ordinary run, and then it costs a
//! thread-local read; in a watched one the words are kept with the frame that is being polled, for the
//! tree that a deadlock shows.
//!
//! What listens is reached through a table that is put in place by whoever asks for a watched run, or counts
//! steps. Programs in which nobody does are linked without it. While there is no table no run is watched, so
//! it does not matter what is said here then: it is what an ordinary run would do.

use std::sync::OnceLock;
use std::task::{Context, Waker};
use std::time::Instant;

use crate::context;
use crate::deadlock::Deadlock;
use crate::frame::Entered;
use crate::frames::FrameId;
use crate::notes;
use crate::steps::{self, Proceed};
use crate::tree::TaskTree;

struct Watching {
    note: fn(String),
    uncounted: fn(&Waker) -> Option<Waker>,
    counted: fn(FrameId, &Waker) -> Waker,
    has_foreign_wakers: fn() -> bool,
    begin_poll: fn(FrameId),
    forget: fn(FrameId),
    forget_all: fn(),
    deadlock: fn(FrameId, Instant) -> Deadlock,
    take_step: fn(bool) -> Proceed,
}

static WATCHING: OnceLock<Watching> = OnceLock::new();

/// To be called before a run is watched.
pub(crate) fn prepare() {
    WATCHING.get_or_init(|| Watching {
        note: notes::note,
        uncounted: notes::uncounted,
        counted: notes::counted,
        has_foreign_wakers: notes::has_foreign_wakers,
        begin_poll: notes::begin_poll,
        forget: notes::forget,
        forget_all: notes::forget_all,
        deadlock: |root, now| Deadlock::new(TaskTree::below(Some(root), now)),
        take_step: steps::tell_of_step,
    });
}

/// Says what the current task is about to wait for. To be called by a future before it returns
/// `Pending`; `what` is called only while the run is watched, and completes the sentence "it waits
/// for".
///
/// ```
/// use std::future::poll_fn;
/// use std::task::Poll;
///
/// # nestling_runtime::run(async {
/// let mut rung = true;
/// poll_fn(|cx| {
///     if rung {
///         return Poll::Ready(());
///     }
///     nestling_runtime::waits_for(|| "the bell".to_owned());
///     # let _ = cx;
///     Poll::Pending
/// })
/// .await;
/// # });
/// ```
#[inline]
pub fn waits_for(what: impl FnOnce() -> String) {
    if is_watched() {
        note(what());
    }
}

/// The waker of the current poll, for a primitive that only tasks of the same run can wake: it is not
/// counted among those that something outside may use. So a run in which everybody waits for such is seen to be
/// deadlocked.
///
/// A future that keeps `cx.waker().clone()` instead is taken for one that may be woken at any time.
#[inline]
#[must_use]
pub fn own_waker(cx: &Context<'_>) -> Waker {
    own(cx.waker())
}

#[inline]
pub(crate) fn own(waker: &Waker) -> Waker {
    if is_watched() {
        if let Some(waker) = uncounted(waker) {
            return waker;
        }
    }
    waker.clone()
}

impl Entered<'_> {
    /// As [`waits_for`], of the frame that was entered.
    pub fn waits_for(&self, what: impl FnOnce() -> String) {
        if is_watched() {
            note(what());
        }
    }
}

#[inline]
pub(crate) fn is_watched() -> bool {
    context::with(|context| context.watched.get())
}

#[cold]
fn note(what: String) {
    if let Some(watching) = WATCHING.get() {
        (watching.note)(what);
    }
}

/// What stands behind `waker`, if that is the one which the current task is polled with.
#[cold]
fn uncounted(waker: &Waker) -> Option<Waker> {
    (WATCHING.get()?.uncounted)(waker)
}

/// What the task or body in `frame` is to be polled with instead of `inner`.
#[cold]
pub(crate) fn counted(frame: FrameId, inner: &Waker) -> Waker {
    match WATCHING.get() {
        Some(watching) => (watching.counted)(frame, inner),
        None => inner.clone(),
    }
}

/// Whether something that is not Nestling's holds a waker of some task.
#[cold]
pub(crate) fn has_foreign_wakers() -> bool {
    match WATCHING.get() {
        Some(watching) => (watching.has_foreign_wakers)(),
        None => true,
    }
}

/// The frame is about to be polled.
#[cold]
pub(crate) fn begin_poll(frame: FrameId) {
    if let Some(watching) = WATCHING.get() {
        (watching.begin_poll)(frame);
    }
}

/// The frame's future has ended.
#[cold]
pub(crate) fn forget(frame: FrameId) {
    if let Some(watching) = WATCHING.get() {
        (watching.forget)(frame);
    }
}

/// The run is over.
#[cold]
pub(crate) fn forget_all() {
    if let Some(watching) = WATCHING.get() {
        (watching.forget_all)();
    }
}

/// The verdict on a run whose main future is in `root`.
#[cold]
pub(crate) fn deadlock(root: FrameId, now: Instant) -> Option<Deadlock> {
    Some((WATCHING.get()?.deadlock)(root, now))
}

/// Whoever counts steps is told of one.
#[cold]
pub(crate) fn take_step(is_checkpoint: bool) -> Proceed {
    match WATCHING.get() {
        Some(watching) => (watching.take_step)(is_checkpoint),
        None => Proceed::Now,
    }
}
