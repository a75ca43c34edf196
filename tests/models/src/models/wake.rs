//! An owner that is dropped wakes its tasks and runs them until none is left, while other threads
//! wake them too: each task is dropped once, by the owner.
//!
//! The task here is a stand-in for async-task's, its state in one word that loom sees; the box
//! between the threads is the real one. `task.rs` has the same with the real task.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use loom::thread;

use crate::check::check_within;
use crate::context::thread_id;
use crate::remote::Remote;

const SCHEDULED: u8 = 1;
const RUNNING: u8 = 2;
const COMPLETED: u8 = 4;

/// How the owner and the wakers go about it.
#[derive(Clone, Copy, PartialEq)]
enum How {
    AsItIs,
    /// The owner takes what is there and does not wait for what is on its way.
    OwnerOnlyLooks,
    /// A waker pushes before it marks the task as scheduled.
    PushesFirst,
    /// The owner trusts that whoever is to be waited for has been woken by it: it only runs what
    /// its own waking has queued.
    OwnerTrustsItself,
}

struct Task {
    state: AtomicU8,
    drops: AtomicUsize,
}

impl Task {
    fn new() -> Arc<Task> {
        Arc::new(Task {
            state: AtomicU8::new(0),
            drops: AtomicUsize::new(0),
        })
    }

    /// As async-task: marks the task as scheduled. `true`: the caller has to push it.
    fn mark(&self) -> bool {
        let mark = |state| (state & COMPLETED == 0).then_some(state | SCHEDULED);
        let marked = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, mark);
        marked.is_ok_and(|state| state & (SCHEDULED | RUNNING) == 0)
    }

    /// Drops the future in place, which completes the task.
    fn run(&self) {
        let begun = self.state.swap(RUNNING, Ordering::AcqRel);
        assert_eq!(begun, SCHEDULED, "a task that was not scheduled was run");
        self.drops.fetch_add(1, Ordering::Relaxed);
        self.state.store(COMPLETED, Ordering::Release);
    }
}

struct Shared {
    how: How,
    owner: u64,
    tasks: Vec<Arc<Task>>,
    remote: Remote<Arc<Task>>,
}

impl Shared {
    fn wake(&self, task: &Arc<Task>, local: Option<&mut VecDeque<Arc<Task>>>) {
        if self.how == How::PushesFirst && local.is_none() {
            let _posted = self.remote.push(task.clone());
            task.mark();
            return;
        }
        if task.mark() {
            match local {
                Some(ready) => ready.push_back(task.clone()),
                None => {
                    assert_ne!(thread_id(), self.owner);
                    let _posted = self.remote.push(task.clone());
                }
            }
        }
    }

    /// What `DropChildren` and `TaskQueue::run_until` do.
    fn drop_all(&self) {
        let mut ready = VecDeque::new();
        for task in &self.tasks {
            self.wake(task, Some(&mut ready));
        }
        let mut live = self.tasks.len();
        while live > 0 {
            match ready.pop_front() {
                Some(task) => {
                    task.run();
                    live -= 1;
                }
                None if self.how == How::OwnerOnlyLooks => {
                    ready.extend(self.remote.take().items);
                    assert!(!ready.is_empty(), "a task was left");
                }
                None if self.how == How::OwnerTrustsItself => panic!("a task was left"),
                None => ready.extend(self.remote.wait()),
            }
        }
    }
}

/// Thread number n wakes the tasks of the nth list, in that order.
fn each_is_dropped_once(how: How, tasks: usize, wakes: &'static [&'static [usize]]) {
    let shared = Arc::new(Shared {
        how,
        owner: thread_id(),
        tasks: (0..tasks).map(|_| Task::new()).collect(),
        remote: Remote::new(),
    });
    let threads = wakes.iter().map(|list| {
        let shared = shared.clone();
        thread::spawn(move || {
            for task in *list {
                shared.wake(&shared.tasks[*task], None);
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    shared.drop_all();
    for thread in threads {
        thread.join().unwrap();
    }
    for task in &shared.tasks {
        let drops = task.drops.load(Ordering::Relaxed);
        assert_eq!(drops, 1, "drops of a task");
    }
    let late = shared.remote.take().items;
    assert!(late.is_empty(), "a task that has ended was queued");
}

#[test]
fn one_thread_wakes_one_task() {
    check_within(5, || each_is_dropped_once(How::AsItIs, 1, &[&[0, 0]]));
}

#[test]
fn one_thread_wakes_two_tasks() {
    check_within(4, || each_is_dropped_once(How::AsItIs, 2, &[&[0, 1]]));
}

#[test]
fn two_threads_wake_one_task() {
    check_within(4, || each_is_dropped_once(How::AsItIs, 1, &[&[0], &[0]]));
}

#[test]
fn two_threads_wake_two_tasks() {
    check_within(3, || {
        each_is_dropped_once(How::AsItIs, 2, &[&[0, 1], &[1]]);
    });
}

caught!(an_owner_that_only_looks, "a task was left", || {
    each_is_dropped_once(How::OwnerOnlyLooks, 1, &[&[0]])
});
caught!(an_owner_that_trusts_itself, "a task was left", || {
    each_is_dropped_once(How::OwnerTrustsItself, 1, &[&[0]])
});
caught!(
    a_waker_that_pushes_before_it_marks,
    "a task that has ended was queued",
    || each_is_dropped_once(How::PushesFirst, 1, &[&[0]])
);
