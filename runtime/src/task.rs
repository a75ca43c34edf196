#![expect(unsafe_code, reason = "erases the lifetime of borrowed tasks")]
//! Tasks that borrow, and the queue from which their nursery polls them.
//!
//! A task is one `async-task` allocation. Waking it pushes its `Runnable` here; it is run by
//! [`Turns::run_ready`], that is, by the owner's own poll, and by nothing else. So an owner that
//! is leaked is never polled again and its tasks never run again: that is the whole soundness
//! argument for tasks that borrow. Wakers may outlive everything and wake from anywhere: a task that has
//! ended is not queued again, and until it has, the queue lives. Its thread-bound half is never touched
//! by other threads.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use async_task::Runnable;

use crate::context;
use crate::core;
use crate::inbox::{Inbox, Message};
use crate::panics::Panics;
use crate::remote::Remote;
use crate::thread_bound::ThreadBound;
use crate::waits;

/// A task that is ready to be polled. The queue that it belongs to is its metadata rather than a
/// captured `Arc`: async-task clones a waker around each call of a `schedule` that captures something,
/// which makes four atomic operations of every wake-up and two of every task.
type Task = Runnable<Owner>;

#[derive(Clone, Copy)]
struct Owner(*const TaskQueue);

// SAFETY: the pointer is only turned into a reference in `schedule`, see there, and `TaskQueue` is
// `Send + Sync`.
unsafe impl Send for Owner {}
// SAFETY: as for `Send`.
unsafe impl Sync for Owner {}

/// What waking a task does, on any thread.
fn schedule(task: Task) {
    let Owner(queue) = *task.metadata();
    // SAFETY: a Runnable exists only while its future has neither returned `Ready` nor been dropped,
    // and until then the queue's `Arc` is kept or leaked (condition 2 of `spawn_unchecked`). So the
    // pointer, which came from that `Arc`, is valid until `task` is pushed; after that the task may be
    // run and the queue be let go of, hence a count of our own before.
    let queue = unsafe {
        if let Some(local) = (*queue).local.get() {
            local.push(task);
            if !local.must_notify() {
                // Nothing but a push has happened, on the owner's own thread.
                return;
            }
        } else {
            Arc::increment_strong_count(queue);
            let queue = Arc::from_raw(queue);
            return queue.push(task);
        }
        Arc::increment_strong_count(queue);
        Arc::from_raw(queue)
    };
    if let Some(local) = queue.local.get() {
        local.notify();
    }
}

/// The ready tasks of one owner, with the waker that gets the owner polled.
pub struct TaskQueue {
    local: ThreadBound<Local>,
    remote: Remote<Task>,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Local {
    ready: RefCell<VecDeque<Task>>,
    /// Whoever polls the owner.
    owner: RefCell<Option<Waker>>,
    /// The owner has been woken since it was last polled, or is being polled.
    notified: Cell<bool>,
    /// The owner's own part (the body of a nursery) has been woken.
    body: Cell<bool>,
    /// The owner is done: wakers that live on wake nobody, and nothing counts as ready.
    over: Cell<bool>,
}

impl TaskQueue {
    /// A queue of the current run.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    pub fn new() -> Arc<TaskQueue> {
        Arc::new(TaskQueue {
            local: ThreadBound::new(Local::default()),
            remote: Remote::new(),
            inbox: Arc::clone(&core::current().inbox),
        })
    }

    /// Whether the run that is going on is the one that the queue was made in.
    #[must_use]
    pub fn is_of_current_run(&self) -> bool {
        core::is_inbox_of_current(&self.inbox)
    }

    /// Makes a task of `future` and queues its first poll.
    ///
    /// # Safety
    /// 1. Before anything that `future` borrows is gone, either the future must have returned `Ready`
    ///    or been dropped, or the queue must have been leaked and none of its methods that poll
    ///    (`begin_poll` and what it gives, `run_until`) be called again.
    /// 2. `self` must be kept until the future has returned `Ready` or been dropped, or leaked.
    /// 3. Once the future has returned `Pending`, a waker of the task must be kept until it returns
    ///    `Ready`: a task whose last waker goes before that is closed, and queued once more only to be
    ///    dropped.
    pub unsafe fn spawn_unchecked<F>(self: &Arc<Self>, future: F)
    where
        F: Future<Output = ()>,
    {
        let owner = Owner(Arc::as_ptr(self));
        let builder = async_task::Builder::new().metadata(owner);
        // SAFETY: the four conditions of async-task.
        // `F` is not `Send`: its Runnable is run only by this thread, since the thread-bound half of
        // the queue is the only place it is run from; other threads push it to `remote`, from where
        // this thread takes it, and no queue is dropped elsewhere with Runnables in it (see `Drop`).
        // `F` is not `'static`: by the caller's promise it is not polled or dropped by us after what
        // it borrows is gone; a future that returned `Ready` has been dropped in that same call.
        // `schedule` is `Send + Sync + 'static`: it is a function that captures nothing.
        let (runnable, task) = unsafe { builder.spawn_unchecked(|_| future, schedule) };
        // Its waker keeps it from being closed, which the caller sees to.
        task.detach();
        self.push(runnable);
    }

    /// Queues a task that is ready, on this thread or for it.
    fn push(self: &Arc<Self>, task: Task) {
        match self.local.get() {
            Some(local) => {
                local.push(task);
                if local.must_notify() {
                    local.notify();
                }
            }
            None => self.post(self.remote.push(task)),
        }
    }

    /// Tells the run that something arrived from another thread.
    fn post(self: &Arc<Self>, must_post: bool) {
        if must_post {
            // Refused, the run has ended: what arrived stays in `remote`, for an owner that still
            // lives and takes it from there when it is dropped.
            let _ended = self.inbox.post(Message::Tasks(Arc::clone(self)));
        }
    }

    /// Moves what other threads left to the local half.
    pub(crate) fn collect(&self) {
        let Some(local) = self.local.get() else {
            return;
        };
        let arrived = self.remote.take();
        if arrived.body {
            local.set_body();
        }
        if arrived.body || !arrived.items.is_empty() {
            local.extend(arrived.items);
            local.notify();
        }
    }

    /// A waker for the owner's own part, whose wake-ups [`Turns::take_body`] tells.
    #[must_use]
    pub fn body_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Begins a poll of the owner. What becomes ready meanwhile wakes nobody: either this poll gets to it (see
    /// [`Turns::goes_on`]), or its end wakes the owner.
    ///
    /// `None` on another thread than the one which made the queue.
    pub fn begin_poll(&self, cx: &Context<'_>) -> Option<Turns<'_>> {
        let local = self.local.get()?;
        local.notified.set(true);
        let mut turns = Turns {
            local,
            inbox: &self.inbox,
            is_new: false,
        };
        if !local.is_owned_by(cx.waker()) {
            // Cloned and dropped by foreign code; if that panics, what is ready still wakes somebody.
            turns.is_new = local.set_owner(waits::own_waker(cx));
        }
        Some(turns)
    }

    /// Notes that the owner is being dropped: nobody is to be woken for it any more. Gives back the
    /// waker that it was polled with.
    #[must_use]
    pub fn retire(&self) -> Option<Waker> {
        let local = self.local.get()?;
        local.notified.set(true);
        local.owner.take()
    }

    /// Polls ready tasks until `done`, waiting for those that other threads are about to hand over.
    ///
    /// The caller has woken every task that is left, so each is here, or in the hands of a thread
    /// that is between marking it as scheduled and pushing it, where no foreign code runs.
    pub fn run_until(&self, done: impl Fn() -> bool) {
        let Some(local) = self.local.get() else {
            return;
        };
        while !done() {
            match local.pop() {
                Some(runnable) => {
                    runnable.run();
                }
                None => local.extend(self.remote.wait()),
            }
        }
    }

    /// Lets go of everything once the owner is done, so that wakers that live on keep only the shell.
    pub fn clear(&self) {
        let Some(local) = self.local.get() else {
            return;
        };
        local.over.set(true);
        local.notified.set(true);
        drop(local.owner.take());
        local.take_body();
        let ready = local.ready.take();
        debug_assert!(ready.is_empty(), "a task outlived its owner");
        context::less_ready(ready.len());
        drop(ready);
    }
}

/// A poll of a queue's owner: turns of its tasks and of its own part.
pub struct Turns<'a> {
    local: &'a Local,
    inbox: &'a Inbox,
    is_new: bool,
}

impl Turns<'_> {
    /// Whether the owner is polled with another waker than the last time.
    #[must_use]
    pub fn is_new_waker(&self) -> bool {
        self.is_new
    }

    /// Polls the tasks that are ready now, each once; what becomes ready meanwhile has to wait for the
    /// next turn. In a seeded run their order is shuffled.
    pub fn run_ready(&self) {
        let snapshot = {
            let mut ready = self.local.ready.borrow_mut();
            let snapshot = ready.len();
            context::shuffle(&mut ready, snapshot);
            snapshot
        };
        for _ in 0..snapshot {
            let Some(runnable) = self.local.pop() else {
                return;
            };
            runnable.run();
        }
    }

    /// Whether the owner's own part was woken since the last call.
    #[must_use]
    pub fn take_body(&self) -> bool {
        self.local.take_body()
    }

    /// Whether there is to be another turn at once: something is ready here and nowhere else, so nobody is kept
    /// waiting, no other thread has sent anything, and the loop need not look at timers and I/O yet.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let here = self.local.len();
        here > 0
            && context::is_all_ready(here)
            && !context::is_time_to_look()
            && !self.inbox.has_rung()
    }
}

/// Wakes the owner if there is more to do, also if the poll panicked.
impl Drop for Turns<'_> {
    fn drop(&mut self) {
        self.local.notified.set(false);
        if self.local.len() > 0 {
            let mut panics = Panics::default();
            panics.catch(|| self.local.notify());
            panics.resume();
        }
    }
}

impl Local {
    fn push(&self, task: Task) {
        self.ready.borrow_mut().push_back(task);
        context::more_ready(1);
    }

    fn extend(&self, tasks: Vec<Task>) {
        context::more_ready(tasks.len());
        self.ready.borrow_mut().extend(tasks);
    }

    /// How much is ready: tasks and the owner's own part.
    fn len(&self) -> usize {
        self.ready.borrow().len() + usize::from(self.body.get())
    }

    fn set_body(&self) {
        if !self.over.get() && !self.body.replace(true) {
            context::more_ready(1);
        }
    }

    fn take_body(&self) -> bool {
        let body = self.body.replace(false);
        if body {
            context::less_ready(1);
        }
        body
    }

    /// Whether the owner has not been woken since it was last polled.
    fn must_notify(&self) -> bool {
        !self.notified.get()
    }

    fn pop(&self) -> Option<Task> {
        let task = self.ready.borrow_mut().pop_front();
        if task.is_some() {
            context::less_ready(1);
        }
        task
    }

    /// Whether `waker` is that of whoever polls the owner.
    #[inline]
    fn is_owned_by(&self, waker: &Waker) -> bool {
        let owner = self.owner.borrow();
        owner.as_ref().is_some_and(|owner| owner.will_wake(waker))
    }

    /// Sets whom to wake. `false`: it was the same before.
    fn set_owner(&self, owner: Waker) -> bool {
        if self.is_owned_by(&owner) {
            return false;
        }
        let old = self.owner.replace(Some(owner));
        // Foreign code, which finds nothing borrowed.
        drop(old);
        true
    }

    /// Wakes the owner once per poll.
    fn notify(&self) {
        if self.notified.replace(true) {
            return;
        }
        if let Some(waker) = self.owner.take() {
            // Waking is foreign code; whatever it does, the waker goes back to its place.
            let restore = Restore {
                local: self,
                waker: Some(waker),
            };
            restore.wake();
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        context::less_ready(self.len());
    }
}

impl fmt::Debug for Turns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("ready", &self.local.len())
            .finish_non_exhaustive()
    }
}

struct Restore<'a> {
    local: &'a Local,
    waker: Option<Waker>,
}

impl Restore<'_> {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        let old = self.waker.take();
        let spare = {
            let mut owner = self.local.owner.borrow_mut();
            match &*owner {
                // A newer one.
                Some(_) => old,
                None => std::mem::replace(&mut *owner, old),
            }
        };
        drop(spare);
    }
}

/// The body's waker is the queue itself.
impl Wake for TaskQueue {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.local.get() {
            Some(local) => {
                local.set_body();
                local.notify();
            }
            None => self.post(self.remote.mark_body()),
        }
    }
}

impl Drop for TaskQueue {
    fn drop(&mut self) {
        if self.local.get().is_none() {
            // Nothing should be left, as whoever owns tasks keeps the queue; but if it is, then the
            // futures in it must not be dropped on this foreign thread.
            let _leaked = ManuallyDrop::new(self.remote.take());
        }
    }
}

impl fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.local.get().map(|local| local.ready.borrow().len());
        f.debug_struct("TaskQueue")
            .field("ready", &ready)
            .finish_non_exhaustive()
    }
}
