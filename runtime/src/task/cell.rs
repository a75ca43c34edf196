#![expect(
    unsafe_code,
    reason = "a task's memory is its own, and its waker is made by hand"
)]
//! One task: its future, its state, its wakers. One allocation, and no atomics on the way from a wake-up to the
//! poll, so long as nobody but its own thread is concerned.
//!
//! What its own thread knows:
//!
//! ```text
//!          pop             pending               wake
//! 1 QUEUED ----> 2 RUNNING -----------> 4 IDLE ---------> 1
//!                  | wake: 3 WOKEN, pending: 1
//!                  | ready, or a panic: 5 OVER, the future is gone
//! ```
//!
//! Other threads touch nothing of that, see `afar.rs`.

use std::cell::Cell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::TaskQueue;
use super::afar::Afar;
use crate::context;
use crate::prim::{AtomicU32, Ordering};

/// More than so many references end the process, long before the count overflows.
const REFERENCES_MAX: u32 = u32::MAX / 2;

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Queued,
    Running,
    /// Running, and woken since that began.
    Woken,
    Idle,
    Over,
}

/// What is at the beginning of every task. `stage` and `next` are its own thread's, `thread`, `queue` and
/// `operations` never change.
pub(super) struct Header {
    /// Wakers, references on their way from other threads, and one as long as the task is not over.
    references: AtomicU32,
    afar: Afar,
    stage: Cell<Stage>,
    thread: u64,
    /// The queue outlives every task that is not over, see [`Task::spawn`].
    queue: *const TaskQueue,
    /// The one behind it among those that are ready.
    next: Cell<Option<NonNull<Header>>>,
    operations: &'static Operations,
}

/// What depends on the future's type.
struct Operations {
    /// The task has not ended, and this is its own thread.
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    /// As `poll`, for the last time.
    drop_future: unsafe fn(NonNull<Header>),
    /// The future has been dropped, and nobody has a reference any more.
    free: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Whole<F> {
    header: Header,
    future: ManuallyDrop<F>,
}

impl<F: Future<Output = ()>> Whole<F> {
    const OPERATIONS: &'static Operations = &Operations {
        poll: Self::poll,
        drop_future: Self::drop_future,
        free: Self::free,
    };

    /// # Safety
    /// `header` is that of a `Whole<F>`.
    unsafe fn future(header: NonNull<Header>) -> *mut F {
        let whole = header.cast::<Self>().as_ptr();
        // SAFETY: the pointer was made from the whole allocation (`Task::spawn`), and is only computed with.
        unsafe { (&raw mut (*whole).future).cast() }
    }

    /// # Safety
    /// As for [`Operations::poll`].
    unsafe fn poll(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the future has not been dropped, as the task has not ended; nobody else has a reference, as
        // it is polled in stage RUNNING only, by its own thread. It is never moved: `free` frees its memory after
        // it has been dropped in place.
        unsafe { Pin::new_unchecked(&mut *Self::future(header)) }.poll(cx)
    }

    /// # Safety
    /// As for [`Operations::drop_future`].
    unsafe fn drop_future(header: NonNull<Header>) {
        // SAFETY: as for `poll`; `End`, which calls it, is made once in a task's life.
        unsafe { ptr::drop_in_place(Self::future(header)) }
    }

    /// # Safety
    /// As for [`Operations::free`].
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: it came from a `Box` of this type. The future is not dropped again.
        drop(unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) });
    }
}

/// A reference to a task, over or not, on any thread.
pub(super) struct Task(NonNull<Header>);

// SAFETY: what is done with it on another thread than the task's is counting references, and freeing a task that
// is over, whose future is gone.
unsafe impl Send for Task {}

impl Task {
    /// Makes a task of this thread, which is to be pushed to its queue.
    ///
    /// # Safety
    /// 1. The future is polled and dropped by [`Ready::pop`] and [`Popped::run`] only. Before anything that it borrows
    ///    is gone, the task is over, or is never popped again.
    /// 2. Until the task is over, the `Arc` that `queue` points into is kept, or leaked.
    pub(super) unsafe fn spawn<F>(queue: *const TaskQueue, future: F) -> Popped
    where
        F: Future<Output = ()>,
    {
        let whole = Box::into_raw(Box::new(Whole {
            header: Header {
                references: AtomicU32::new(1),
                afar: Afar::new(),
                stage: Cell::new(Stage::Queued),
                thread: context::thread_id(),
                queue,
                next: Cell::new(None),
                operations: Whole::<F>::OPERATIONS,
            },
            future: ManuallyDrop::new(future),
        }));
        // SAFETY: a box is not null.
        Popped(unsafe { NonNull::new_unchecked(whole.cast()) })
    }

    /// Its own thread has taken the reference that another one posted: queues the task unless that is done
    /// already.
    pub(super) fn arrive(self) {
        // SAFETY: it has a count of its own.
        let header = unsafe { self.0.as_ref() };
        debug_assert_eq!(header.thread, context::thread_id());
        header.afar.take();
        // SAFETY: this is its own thread, and it has a count of its own.
        unsafe { wake_here(self.0) };
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: this count goes with the reference.
        unsafe { release(self.0) }
    }
}

/// The tasks of a queue that are ready, linked through themselves. None of them is over.
#[derive(Default)]
pub(super) struct Ready {
    first: Cell<Option<NonNull<Header>>>,
    last: Cell<Option<NonNull<Header>>>,
    len: Cell<usize>,
}

/// A task that is in stage QUEUED and in no list.
pub(super) struct Popped(NonNull<Header>);

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    #[inline]
    pub(super) fn push(&self, task: Popped) {
        match self.last.replace(Some(task.0)) {
            // SAFETY: no task in the list is over, and this is their own thread: the list is not `Send`.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(task.0)),
            None => self.first.set(Some(task.0)),
        }
        self.len.set(self.len.get() + 1);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Popped> {
        let first = self.first.get()?;
        // SAFETY: as in `push`.
        let next = unsafe { first.as_ref() }.next.take();
        self.first.set(next);
        if next.is_none() {
            self.last.set(None);
        }
        self.len.set(self.len.get() - 1);
        Some(Popped(first))
    }
}

impl Popped {
    /// Polls the task, and drops its future if that is ready or panics. A panic goes on.
    pub(super) fn run(self) {
        let task = self.0;
        // SAFETY: it is not over, so the count that it has of itself keeps it until `End` is dropped.
        let header = unsafe { task.as_ref() };
        header.stage.set(Stage::Running);
        // SAFETY: it is not dropped, and used while the task is not over.
        let waker = ManuallyDrop::new(unsafe { waker(task) });
        let end = End(task);
        // SAFETY: it has not ended, and only its own thread has a `Popped`.
        let polled = unsafe { (header.operations.poll)(task, &mut Context::from_waker(&waker)) };
        if polled.is_pending() {
            let _goes_on = ManuallyDrop::new(end);
            if header.stage.replace(Stage::Idle) == Stage::Woken {
                // SAFETY: it is not over, and this is its own thread.
                unsafe { wake_here(task) }
            }
        }
    }
}

/// Ends a task, also one that panicked.
struct End(NonNull<Header>);

impl Drop for End {
    fn drop(&mut self) {
        let _over = Over(self.0);
        // SAFETY: it has not ended until now, and this is its own thread.
        unsafe { (self.0.as_ref().operations.drop_future)(self.0) }
    }
}

/// The future has been dropped.
struct Over(NonNull<Header>);

impl Drop for Over {
    fn drop(&mut self) {
        // SAFETY: the count that the task has of itself is released below.
        let header = unsafe { self.0.as_ref() };
        header.stage.set(Stage::Over);
        if header.references.load(Ordering::Acquire) == 1 {
            // Nobody can make a reference from none.
            // SAFETY: the future has been dropped, and the only count is the one that goes here.
            return unsafe { (header.operations.free)(self.0) };
        }
        // SAFETY: the task counts as not over until this has returned, so its queue is there.
        header.afar.end(|| unsafe { count_of(header.queue) });
        // SAFETY: as above.
        unsafe { release(self.0) }
    }
}

impl Header {
    /// Wakes the task from another thread.
    #[cold]
    fn wake_from_afar(&self, task: NonNull<Header>) {
        if !self.afar.begin() {
            return;
        }
        // SAFETY: the task was not over when this thread began. So its queue is kept until it ends, and from then
        // on by the gift.
        let queue = unsafe { count_of(self.queue) };
        if self.afar.posting() {
            // SAFETY: the count that `Over` has given, once, as the task ends once.
            drop(unsafe { Arc::from_raw(self.queue) });
        }
        retain(self);
        queue.post_task(Task(task));
    }
}

/// A count of the queue.
///
/// # Safety
/// The `Arc` that `queue` points into is there.
unsafe fn count_of(queue: *const TaskQueue) -> Arc<TaskQueue> {
    // SAFETY: the caller's promise; the pointer came from `Arc::as_ptr`.
    unsafe {
        Arc::increment_strong_count(queue);
        Arc::from_raw(queue)
    }
}

/// Queues the task unless that is done already, or it is over.
///
/// # Safety
/// This is the task's own thread, and there is a reference to it.
#[inline]
unsafe fn wake_here(task: NonNull<Header>) {
    // SAFETY: there is a reference.
    let header = unsafe { task.as_ref() };
    match header.stage.get() {
        Stage::Idle => {}
        Stage::Running => return header.stage.set(Stage::Woken),
        Stage::Queued | Stage::Woken | Stage::Over => return,
    }
    header.stage.set(Stage::Queued);
    // SAFETY: the task is not over, so its queue is there.
    unsafe { TaskQueue::push_here(header.queue, Popped(task)) }
}

fn retain(header: &Header) {
    if header.references.fetch_add(1, Ordering::Relaxed) > REFERENCES_MAX {
        // As `Arc` does: a count that overflows would free what is in use.
        std::process::abort();
    }
}

/// # Safety
/// The caller has a count, which goes here.
unsafe fn release(task: NonNull<Header>) {
    // SAFETY: there is a count until the next line.
    let header = unsafe { task.as_ref() };
    let operations = header.operations;
    if header.references.fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: the last count went. A task that is not over has one of itself, so it is over.
        unsafe { (operations.free)(task) }
    }
}

/// A waker of the task.
///
/// # Safety
/// The caller has a count for it, or does not drop it, nor use it when there is no count any more.
unsafe fn waker(task: NonNull<Header>) -> Waker {
    // SAFETY: the functions below do what is asked of them; they may be called on any thread, as each goes by
    // the thread that it is on.
    unsafe { Waker::from_raw(raw(task)) }
}

fn raw(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &WAKER)
}

/// Whether the waker is that of a task.
#[inline]
pub(super) fn is_task_waker(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &WAKER) || ptr::eq(waker.vtable(), &UNCOUNTED)
}

/// Whether the two wake the same one, counted or not.
#[inline]
pub(crate) fn is_same_waker(one: &Waker, other: &Waker) -> bool {
    one.will_wake(other) || one.data() == other.data() && is_task_waker(one) && is_task_waker(other)
}

/// As a clone, but if it is a task's waker, without a count of the task. Clones of it have one.
///
/// # Safety
/// It is not used any more when the task may have been freed. Dropping it does nothing, and may come later.
pub(crate) unsafe fn uncounted(waker: &Waker) -> Waker {
    if !is_task_waker(waker) {
        return waker.clone();
    }
    // SAFETY: as for `waker`, but that dropping it does nothing, so it needs no count.
    unsafe { Waker::new(waker.data(), &UNCOUNTED) }
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release_waker);

/// Of wakers without a count of their own.
static UNCOUNTED: RawWakerVTable = RawWakerVTable::new(clone, wake_by_ref, wake_by_ref, forget);

/// # Safety
/// None.
unsafe fn forget(_: *const ()) {}

/// # Safety
/// Of this and the next three: `data` is that of a waker of a task, which has a count of it or is borrowed from
/// one who has.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's promise.
    let task = unsafe { task_of(data) };
    // SAFETY: there is a count.
    retain(unsafe { task.as_ref() });
    raw(task)
}

/// # Safety
/// See `clone`.
unsafe fn wake(data: *const ()) {
    // SAFETY: the caller's promise; the waker and its count go here.
    unsafe {
        let reference = Task(task_of(data));
        wake_by_ref(data);
        drop(reference);
    }
}

/// # Safety
/// See `clone`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller's promise.
    let task = unsafe { task_of(data) };
    // SAFETY: there is a count.
    let header = unsafe { task.as_ref() };
    if header.thread == context::thread_id() {
        // SAFETY: this is its own thread.
        unsafe { wake_here(task) }
    } else {
        header.wake_from_afar(task);
    }
}

/// # Safety
/// See `clone`.
unsafe fn release_waker(data: *const ()) {
    // SAFETY: the caller's promise; the waker's count goes here.
    unsafe { release(task_of(data)) }
}

/// # Safety
/// See `clone`.
unsafe fn task_of(data: *const ()) -> NonNull<Header> {
    // SAFETY: `raw` made it of a pointer that is not null.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}
