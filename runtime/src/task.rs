#![expect(unsafe_code, reason = "erases the lifetime of borrowed tasks")]
//! Tasks that borrow, and the queue from which their nursery polls them.
//!
//! Waking a task links it into its queue; it is run by [`Turns::run_ready`], that is, by the owner's own poll, and by
//! nothing else. So an owner that is leaked is never polled again and its tasks never run again: that is the whole
//! soundness argument for tasks that borrow. Wakers may outlive everything and wake from anywhere: a task that is
//! over is not queued again, and until it is, the queue lives. Its thread-bound half is never touched by other
//! threads.

// By path, as the models build this file in another place.
#[path = "task/afar.rs"]
mod afar;
#[path = "task/cell.rs"]
mod cell;
#[path = "task/held_owner.rs"]
mod held_owner;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use self::cell::{Popped, Ready, Task};
pub(crate) use self::cell::{is_same_waker, uncounted};
pub(crate) use self::held_owner::{HeldOwner, HoldBack};
use crate::context::{self, OwnWaker};
use crate::core;
use crate::inbox::{Inbox, Message};
use crate::panics::Panics;
use crate::remote::Remote;
use crate::thread_bound::ThreadBound;
use crate::waits;

/// The ready tasks of one owner, with the waker that gets the owner polled.
pub struct TaskQueue {
    local: ThreadBound<Local>,
    remote: Remote<Task>,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Local {
    ready: Ready,
    /// Whoever polls the owner.
    owner: RefCell<Option<Waker>>,
    /// Its waker is one of Nestling's, which run no foreign code but that of owners further up.
    is_owner_ours: Cell<bool>,
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
    ///
    /// # Panics
    /// On another thread than the one which made the queue.
    pub unsafe fn spawn_unchecked<F>(self: &Arc<Self>, future: F)
    where
        F: Future<Output = ()>,
    {
        let Some(local) = self.local.get() else {
            panic!("a task was started on another thread than its queue's");
        };
        // SAFETY: 1. Only what `begin_poll` gives and `run_until` pop tasks, and what is popped is run at once. The
        // rest is the caller's first promise. 2. The caller's second promise. A task is over a little after its
        // future has gone, but before those two return, which borrow the queue.
        let task = unsafe { Task::spawn(Arc::as_ptr(self), future) };
        local.push(task);
        local.notify();
    }

    /// Queues a task of this thread, which was woken here.
    ///
    /// # Safety
    /// `queue` came from `Arc::as_ptr`, and that `Arc` is there until the task is over.
    #[inline]
    unsafe fn push_here(queue: *const TaskQueue, task: Popped) {
        // SAFETY: the task is not over. Nothing below runs foreign code.
        let Some(local) = (unsafe { (*queue).local.get() }) else {
            unreachable!("a task and its queue are of one thread");
        };
        local.push(task);
        if local.notified.replace(true) {
            return;
        }
        if local.is_owner_ours.get() {
            if let Some(foreign) = local.wake_own_owner() {
                // It may end this queue too, which is not used any more.
                foreign.wake();
            }
            return;
        }
        // Foreign code may end the owner, and with it the queue.
        // SAFETY: as above.
        let kept = unsafe {
            Arc::increment_strong_count(queue);
            Arc::from_raw(queue)
        };
        held_owner::wake_or_hold(kept);
    }

    /// Takes a task from the thread that woke it to its own.
    fn post_task(self: &Arc<Self>, task: Task) {
        self.post(self.remote.push(task));
    }

    /// Tells the run that something arrived from another thread.
    fn post(self: &Arc<Self>, must_post: bool) {
        if must_post {
            // Refused, the run has ended: nobody is polled any more, and an owner that still lives drops its
            // tasks whether they were woken or not.
            let _ended = self.inbox.post(Message::Tasks(Arc::clone(self)));
        }
    }

    /// Moves what other threads left to the local half.
    pub(crate) fn collect(&self) {
        let Some(local) = self.local.get() else {
            return;
        };
        let arrived = self.remote.take();
        // An owner whose waker panics costs nobody a wake-up.
        let mut panics = Panics::default();
        if arrived.body {
            local.set_body();
            panics.catch(|| local.notify());
        }
        for task in arrived.items {
            panics.catch(|| task.arrive());
        }
        panics.resume();
    }

    /// A waker for the owner's own part, whose wake-ups [`Turns::take_body`] tells.
    #[must_use]
    pub fn body_waker(self: &Arc<Self>) -> Waker {
        let waker = Waker::from(Arc::clone(self));
        context::note_own_waker(OwnWaker::Body, &waker);
        waker
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
        local.is_owner_ours.set(false);
        local.owner.take()
    }

    /// Polls ready tasks until `done`. The caller has woken every task that is left.
    ///
    /// # Panics
    /// With the first panic of a task, when all is done.
    pub fn run_until(&self, done: impl Fn() -> bool) {
        let Some(local) = self.local.get() else {
            return;
        };
        let mut panics = Panics::default();
        while !done() {
            let Some(task) = local.pop() else {
                // The caller is about to free what the tasks borrow.
                eprintln!(
                    "Nestling: a nursery is dropped by one of its own tasks, which is being polled"
                );
                std::process::abort();
            };
            panics.catch(|| task.run());
        }
        panics.resume();
    }

    /// Lets go of everything once the owner is done, so that wakers that live on keep only the shell.
    pub fn clear(&self) {
        let Some(local) = self.local.get() else {
            return;
        };
        local.over.set(true);
        drop(self.retire());
        local.take_body();
        debug_assert_eq!(local.ready.len(), 0, "a task outlived its owner");
    }
}

/// Whether the waker is one of Nestling's, which run no foreign code but that of owners.
#[inline]
pub(crate) fn is_own_waker(waker: &Waker) -> bool {
    cell::is_task_waker(waker) || context::is_own_waker(waker)
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
        let ready = &self.local.ready;
        let snapshot = ready.len();
        if context::is_seeded() && snapshot > 1 {
            let mut tasks: Vec<Popped> = std::iter::from_fn(|| ready.pop()).collect();
            context::shuffle(&mut tasks);
            tasks.into_iter().for_each(|task| ready.push(task));
        }
        for _ in 0..snapshot {
            let Some(task) = self.local.pop() else {
                return;
            };
            task.run();
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
    #[inline]
    fn push(&self, task: Popped) {
        self.ready.push(task);
        context::more_ready(1);
    }

    /// How much is ready: tasks and the owner's own part.
    fn len(&self) -> usize {
        self.ready.len() + usize::from(self.body.get())
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

    #[inline]
    fn pop(&self) -> Option<Popped> {
        let task = self.ready.pop()?;
        context::less_ready(1);
        Some(task)
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
        let is_ours = is_own_waker(&owner);
        let old = self.owner.replace(Some(owner));
        self.is_owner_ours.set(is_ours);
        // Foreign code, which finds nothing borrowed.
        drop(old);
        true
    }

    /// Wakes the owner once per poll. The caller keeps the queue, and holds nobody back.
    #[inline]
    fn notify(&self) {
        if !self.notified.replace(true) {
            self.wake_owner();
        }
    }

    fn wake_owner(&self) {
        if !self.is_owner_ours.get() {
            self.wake_foreign_owner();
        } else if let Some(foreign) = self.wake_own_owner() {
            foreign.wake();
        }
    }

    /// Wakes the owner, whose waker is one of Nestling's, which only queues somebody in turn. Whom that leads to
    /// in the end may be woken by foreign code: not here, where the waker is borrowed.
    #[inline]
    fn wake_own_owner(&self) -> Option<HeldOwner> {
        let hold = HoldBack::begin();
        if let Some(owner) = &*self.owner.borrow() {
            owner.wake_by_ref();
        }
        hold.end()
    }

    fn wake_foreign_owner(&self) {
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
                // The owner ended meanwhile.
                None if self.local.over.get() => old,
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
                if local.is_owner_ours.get() {
                    local.notify();
                } else if !local.notified.replace(true) {
                    held_owner::wake_or_hold(Arc::clone(self));
                }
            }
            None => self.post(self.remote.mark_body()),
        }
    }
}

impl fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.local.get().map(|local| local.ready.len());
        f.debug_struct("TaskQueue")
            .field("ready", &ready)
            .finish_non_exhaustive()
    }
}
