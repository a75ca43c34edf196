//! A queue of jobs that knows when all of them are done.
//!
//! Two counts of tickets make it: room, which putting takes and getting gives back, and jobs, the other
//! way round. A job lies in the store before its ticket exists, so who has a ticket finds a job.

mod error;
mod job;
mod statistics;
mod store;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

use super::error::TryRecvError;
use super::places::Line;
use super::tickets::Tickets;
use super::waiters::Key;
use crate::{poll_proceed, waits_for};
use store::Store;

pub use error::{ShutDown, TryPutError};
pub use job::Job;
pub use statistics::Statistics;

/// A queue of jobs for workers, in the order of their arrival, or the latest first, or the greatest first.
///
/// It counts the jobs that have been put and are not done: [`join`](Self::join) waits until there is none.
///
/// ```
/// use nestling_runtime::channel::WorkQueue;
///
/// # nestling_runtime::run(async {
/// let queue = WorkQueue::fifo(10);
/// queue.put("wash").await?;
/// queue.put("dry").await?;
/// queue.shutdown(); // no more jobs
///
/// while let Some(job) = queue.get().await {
///     println!("{}", *job);
/// } // dropping the job says that it is done
/// queue.join().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Tasks share a queue by reference. Those that wait are served in order, and cannot be overtaken.
pub struct WorkQueue<T> {
    store: RefCell<Store<T>>,
    capacity: usize,
    room: Tickets,
    jobs: Tickets,
    shut_down: Cell<bool>,
    /// Jobs that have been put and are not done.
    unfinished: Cell<usize>,
    joining: Line,
    peak: Cell<usize>,
}

impl<T> WorkQueue<T> {
    /// The oldest job first.
    ///
    /// # Panics
    /// If the capacity is zero: no job could ever be put. `usize::MAX` is no limit.
    #[must_use]
    #[track_caller]
    pub fn fifo(capacity: usize) -> WorkQueue<T> {
        WorkQueue::new(Store::fifo(), capacity)
    }

    /// The latest job first.
    ///
    /// # Panics
    /// If the capacity is zero.
    #[must_use]
    #[track_caller]
    pub fn lifo(capacity: usize) -> WorkQueue<T> {
        WorkQueue::new(Store::lifo(), capacity)
    }

    /// The greatest job first, and of equal ones the oldest. `std::cmp::Reverse` makes it the least.
    ///
    /// Comparing happens in `put` and `try_put` only, and must not use the queue.
    ///
    /// # Panics
    /// If the capacity is zero.
    #[must_use]
    #[track_caller]
    pub fn priority(capacity: usize) -> WorkQueue<T>
    where
        T: Ord,
    {
        WorkQueue::new(Store::priority(), capacity)
    }

    #[track_caller]
    fn new(store: Store<T>, capacity: usize) -> WorkQueue<T> {
        assert!(
            capacity > 0,
            "WorkQueue: a queue with a capacity of 0 could never take a job; give it room for one"
        );
        WorkQueue {
            store: RefCell::new(store),
            capacity,
            room: Tickets::new(capacity),
            jobs: Tickets::new(0),
            shut_down: Cell::new(false),
            unfinished: Cell::new(0),
            joining: Line::new(),
            peak: Cell::new(0),
        }
    }
    /// Puts a job, once there is room for it.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, the job is not put, and dropped with the future.
    ///
    /// # Errors
    /// With the job, if the queue has been or is shut down.
    ///
    /// # Panics
    /// If comparing the job panics, or uses the queue; the job is not put then.
    pub async fn put(&self, job: T) -> Result<(), ShutDown<T>> {
        let has_room = self.room.take(|| format!("room in {self}")).await;
        if !has_room {
            return Err(ShutDown(job));
        }
        self.insert(job).map_err(ShutDown)
    }

    /// Puts a job if there is room now.
    ///
    /// # Errors
    /// With the job, if there is no room or the queue has been shut down.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn try_put(&self, job: T) -> Result<(), TryPutError<T>> {
        if self.is_shut_down() {
            return Err(TryPutError::ShutDown(job));
        }
        if !self.room.try_take() {
            return Err(TryPutError::Full(job));
        }
        self.insert(job).map_err(TryPutError::ShutDown)
    }

    /// Stores a job, for which there is room.
    fn insert(&self, job: T) -> Result<(), T> {
        if self.is_shut_down() {
            return Err(job);
        }
        let room = GiveBack(&self.room);
        {
            let Ok(mut store) = self.store.try_borrow_mut() else {
                panic!("a WorkQueue was used by the comparison of its own jobs");
            };
            store.push(job);
            self.peak.set(self.peak.get().max(store.len()));
        }
        room.keep();
        self.unfinished.set(self.unfinished.get() + 1);
        self.jobs.put().wake();
        Ok(())
    }

    /// Gets the next job, or `None` for ever once the queue is shut down and empty.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, the job stays for the next one.
    pub async fn get(&self) -> Option<Job<'_, T>> {
        let has_job = self.jobs.take(|| format!("a job of {self}")).await;
        if has_job { self.pop() } else { None }
    }

    /// Gets a job if there is one now that is not another's.
    ///
    /// # Errors
    /// If there is none, now or for ever.
    pub fn try_get(&self) -> Result<Job<'_, T>, TryRecvError> {
        let job = if self.jobs.try_take() {
            self.pop()
        } else {
            None
        };
        job.ok_or(match self.is_ended() {
            true => TryRecvError::Ended,
            false => TryRecvError::Empty,
        })
    }

    fn is_ended(&self) -> bool {
        self.is_shut_down() && self.is_empty()
    }

    fn pop(&self) -> Option<Job<'_, T>> {
        let item = self.store.borrow_mut().pop()?;
        let job = Job::new(item, self);
        self.room.put().wake();
        if self.is_ended() {
            self.jobs.close().wake();
        }
        Some(job)
    }

    /// Waits until every job that was put is done, that is, its [`Job`] dropped.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing is left.
    pub async fn join(&self) {
        let mut waiting = Joining {
            line: &self.joining,
            place: None,
        };
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            waiting.line.wait(&mut waiting.place, cx);
            if self.unfinished.get() == 0 {
                return Poll::Ready(());
            }
            waits_for(|| format!("{} jobs of {self} to be done", self.unfinished.get()));
            Poll::Pending
        })
        .await;
    }

    /// Takes no more jobs: those who put, or wait to, get an error. What is in the queue can still be
    /// got; then `get` returns `None`.
    pub fn shutdown(&self) {
        self.shut_down.set(true);
        self.room.close().wake();
        if self.is_empty() {
            self.jobs.close().wake();
        }
    }

    /// As [`shutdown`](Self::shutdown), and takes the jobs out that nobody has got. They count as done, so
    /// [`join`](Self::join) waits only for those that are being worked on.
    pub fn shutdown_now(&self) -> Vec<T> {
        let mut rest = Vec::new();
        {
            let mut store = self.store.borrow_mut();
            // Those that were handed to somebody who waits for his turn are taken too; he gets `None`.
            while let Some(job) = store.pop() {
                rest.push(job);
            }
        }
        self.jobs.take_all();
        let left = self.unfinished.get() - rest.len();
        self.unfinished.set(left);
        self.shutdown();
        if left == 0 && !rest.is_empty() {
            self.joining.wake_all();
        }
        rest
    }

    /// Whether it takes no more jobs.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shut_down.get()
    }

    /// How many jobs are in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.borrow().len()
    }

    /// Whether no job is in the queue.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Figures of the queue.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            queued: self.len(),
            capacity: self.capacity,
            unfinished: self.unfinished.get(),
            tasks_waiting_put: self.room.waiting(),
            tasks_waiting_get: self.jobs.waiting(),
            tasks_waiting_join: self.joining.len(),
            peak_queued: self.peak.get(),
        }
    }

    fn task_done(&self) {
        let left = self.unfinished.get() - 1;
        self.unfinished.set(left);
        if left == 0 {
            self.joining.wake_all_in_drop();
        }
    }
}

/// Room that was taken, given back unless it is kept.
struct GiveBack<'a>(&'a Tickets);

impl GiveBack<'_> {
    fn keep(self) {
        let _room = std::mem::ManuallyDrop::new(self);
    }
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.0.put().wake_in_drop();
    }
}

struct Joining<'a> {
    line: &'a Line,
    place: Option<Key>,
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.line.leave(&mut self.place);
    }
}

/// As in "a job of WorkQueue(0 of 3)".
impl<T> fmt::Display for WorkQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkQueue({} of {})", self.len(), self.capacity)
    }
}

impl<T> fmt::Debug for WorkQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = self.store.borrow().order();
        write!(
            f,
            "WorkQueue {{ {order}, shut_down: {:?}, {:?} }}",
            self.is_shut_down(),
            self.statistics()
        )
    }
}
