//! What a poll may ask of its thread: the current frame, whether it is cancelled, the budget left.
//!
//! These are plain cells without a destructor, so a checkpoint is a thread-local read and a branch.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{RawWakerVTable, Waker};
use std::time::Instant;

use crate::moment::Moment;
use crate::rng::Rng;

/// How many checkpoints one poll of one task may pass before it has to yield. tokio's figure too.
pub(crate) const BUDGET: u32 = 128;

/// How many tasks are polled before the loop looks at timers and I/O though more are ready. A look
/// costs as much as some ten short polls; tokio uses the same figure.
const POLLS_PER_LOOK: u32 = 61;

/// The index that stands for "no frame".
pub(crate) const NO_FRAME: u32 = u32::MAX;

pub(crate) struct Context {
    /// The frame that is being polled.
    pub(crate) frame: Cell<u32>,
    /// Whether that frame is effectively cancelled; kept true to the tree by `frames`.
    pub(crate) cancelled: Cell<bool>,
    /// Checkpoints left to the task that is being polled.
    pub(crate) budget: Cell<u32>,
    /// What a task that begins to be polled gets: nothing while steps are counted, so that each of its
    /// checkpoints asks; `held` is its budget then.
    pub(crate) full: Cell<u32>,
    /// Checkpoints left that are not in `budget`.
    pub(crate) held: Cell<u32>,
    /// Grows whenever some frame's effective state changes.
    pub(crate) epoch: Cell<u64>,
    /// Polls of tasks, and how many there had been when the loop last looked at I/O.
    pub(crate) polls: Cell<u32>,
    pub(crate) polls_at_look: Cell<u32>,
    /// How many tasks and bodies of nurseries are ready on this thread.
    ready: Cell<usize>,
    /// Nobody goes on before the loop's next turn, in which also what stands beside a nursery is polled.
    pub(crate) climb: Cell<bool>,
    /// The time of this turn of the loop, if it was asked for.
    pub(crate) turn: Cell<Option<Instant>>,
    /// The same for labels.
    pub(crate) moment: Cell<Moment>,
    /// Some future was polled in a cancelled frame and is to be woken when that has gone.
    pub(crate) stranded: Cell<bool>,
    /// The run of this thread, and its inbox: addresses to compare with, null outside a run.
    pub(crate) run: Cell<*const ()>,
    pub(crate) inbox: Cell<*const ()>,
    /// The number of the run of this thread, 0 outside; and how many there have been.
    pub(crate) run_number: Cell<u32>,
    pub(crate) runs: Cell<u32>,
    /// The generator that orders the ready tasks of a seeded run; 0 in the others.
    pub(crate) shuffle: Cell<u64>,
    /// What wakers of Nestling's own do, by `OwnWaker`; null before there was one.
    own_wakers: [Cell<*const RawWakerVTable>; 2],
    /// What tasks wait for is to be noted.
    pub(crate) watched: Cell<bool>,
    thread: Cell<u64>,
}

thread_local! {
    static CONTEXT: Context = const {
        Context {
            frame: Cell::new(NO_FRAME),
            cancelled: Cell::new(false),
            budget: Cell::new(BUDGET),
            full: Cell::new(BUDGET),
            held: Cell::new(0),
            epoch: Cell::new(0),
            polls: Cell::new(0),
            polls_at_look: Cell::new(0),
            ready: Cell::new(0),
            climb: Cell::new(false),
            turn: Cell::new(None),
            moment: Cell::new(Moment::NONE),
            stranded: Cell::new(false),
            run: Cell::new(ptr::null()),
            inbox: Cell::new(ptr::null()),
            run_number: Cell::new(0),
            runs: Cell::new(0),
            shuffle: Cell::new(0),
            own_wakers: [const { Cell::new(ptr::null()) }; 2],
            watched: Cell::new(false),
            thread: Cell::new(0),
        }
    };
}

#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Context) -> R) -> R {
    CONTEXT.with(f)
}

/// The time of this turn of the loop is over.
#[inline]
pub(crate) fn forget_turn() {
    with(|context| {
        context.turn.set(None);
        context.moment.set(Moment::NONE);
    });
}

/// So many tasks or bodies more wait for their turn.
#[inline]
pub(crate) fn more_ready(count: usize) {
    with(|context| context.ready.set(context.ready.get().wrapping_add(count)));
}

/// So many less.
#[inline]
pub(crate) fn less_ready(count: usize) {
    with(|context| context.ready.set(context.ready.get().wrapping_sub(count)));
}

/// Whether these are all that wait for their turn, and need not wait for the loop's next one. If a nursery was
/// leaked, or is not polled any more, what is ready in it counts on; then the others do without further turns.
#[inline]
pub(crate) fn is_all_ready(count: usize) -> bool {
    with(|context| context.ready.get() == count && !context.climb.get())
}

/// Whether so many tasks were polled that the loop should look at timers and I/O though more are ready.
#[inline]
pub(crate) fn is_time_to_look() -> bool {
    with(|context| {
        let polls = context.polls.get();
        polls.wrapping_sub(context.polls_at_look.get()) >= POLLS_PER_LOOK
    })
}

/// A number that no other thread of this process has or will have.
///
/// The address of a thread-local would be as cheap, but it is given out again after a thread ends,
/// and a new thread could then pass for the owner of what the old one leaked.
#[inline]
pub(crate) fn thread_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    with(|context| {
        let id = context.thread.get();
        if id != 0 {
            return id;
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        context.thread.set(id);
        id
    })
}

/// Whether ready tasks are shuffled.
#[inline]
pub(crate) fn is_seeded() -> bool {
    with(|context| context.shuffle.get() != 0)
}

/// Shuffles what is ready in a seeded run.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    with(|context| {
        let mut rng = Rng::resume(context.shuffle.get());
        rng.shuffle(items);
        context.shuffle.set(rng.state());
    });
}

/// Wakers of Nestling that are made of an `Arc`.
#[derive(Clone, Copy)]
pub(crate) enum OwnWaker {
    Main,
    Body,
}

/// Notes what a waker of this kind does.
#[inline]
pub(crate) fn note_own_waker(kind: OwnWaker, waker: &Waker) {
    with(|context| context.own_wakers[kind as usize].set(waker.vtable()));
}

/// Whether the waker does what one that was noted does, whomever it wakes. It may be one of another thread's.
pub(crate) fn is_own_waker(waker: &Waker) -> bool {
    with(|context| {
        let mut own = context.own_wakers.iter();
        own.any(|own| ptr::eq(own.get(), waker.vtable()))
    })
}
