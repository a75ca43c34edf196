//! A task that another thread wakes is polled after that and sees what was done before; and whoever is about to
//! post it finds its queue there, also if the task ends meanwhile.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::afar::Afar;
use crate::check::{check, check_within};
use crate::planted::afar::{Bug, Planted};

/// The word, or a copy with a bug.
pub(crate) trait Mark: Send + Sync + 'static {
    fn begin(&self) -> bool;
    fn posting(&self) -> bool;
    fn take(&self);
    fn end<'a>(&self, count: &dyn Fn() -> Count<'a>);
}

/// A count of the queue, let go of on drop.
pub(crate) struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Mark for Afar {
    fn begin(&self) -> bool {
        Afar::begin(self)
    }

    fn posting(&self) -> bool {
        Afar::posting(self)
    }

    fn take(&self) {
        Afar::take(self);
    }

    fn end<'a>(&self, count: &dyn Fn() -> Count<'a>) {
        Afar::end(self, count);
    }
}

/// A task's word and its queue, which is there as long as somebody has a count of it.
struct Task<W> {
    word: W,
    counts: AtomicUsize,
    posted: Mutex<usize>,
    changed: Condvar,
    /// What each thread does before it wakes.
    done: Vec<AtomicUsize>,
}

impl<W: Mark> Task<W> {
    fn new(word: W, threads: usize) -> Arc<Task<W>> {
        Arc::new(Task {
            word,
            counts: AtomicUsize::new(1),
            posted: Mutex::new(0),
            changed: Condvar::new(),
            done: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    fn count(&self) -> Count<'_> {
        let before = self.counts.fetch_add(1, Ordering::Relaxed);
        assert!(before > 0, "the queue was gone");
        Count(&self.counts)
    }

    /// As `Header::wake_from_afar`.
    fn wake(&self) {
        if !self.word.begin() {
            return;
        }
        let _own = self.count();
        if self.word.posting() {
            drop(Count(&self.counts));
        }
        assert!(
            self.counts.load(Ordering::Relaxed) > 0,
            "the queue was gone"
        );
        *self.posted.lock().unwrap() += 1;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut posted = self.posted.lock().unwrap();
        while *posted == 0 {
            posted = self.changed.wait(posted).unwrap();
        }
        *posted -= 1;
    }

    /// As `Over`.
    fn end(&self) {
        self.word.end(&|| self.count());
        drop(Count(&self.counts));
    }
}

fn wakers<W: Mark>(task: &Arc<Task<W>>, wakes: usize) -> Vec<thread::JoinHandle<()>> {
    let threads = (0..task.done.len()).map(|me| {
        let task = task.clone();
        thread::spawn(move || {
            for _ in 0..wakes {
                let done = task.done[me].load(Ordering::Relaxed);
                task.done[me].store(done + 1, Ordering::Relaxed);
                task.wake();
            }
        })
    });
    threads.collect()
}

/// The task is polled until it has seen all that the threads did.
fn what_was_done_is_seen<W: Mark>(word: W, threads: usize, wakes: usize) {
    let task = Task::new(word, threads);
    let threads = wakers(&task, wakes);
    let has_seen_all = || {
        let mut done = task.done.iter();
        done.all(|done| done.load(Ordering::Relaxed) == wakes)
    };
    while !has_seen_all() {
        task.wait();
        task.word.take();
    }
    task.end();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(task.counts.load(Ordering::Relaxed), 0, "counts left over");
}

/// The task ends while threads wake it.
fn the_queue_is_there<W: Mark>(word: W, threads: usize, takes: bool) {
    let task = Task::new(word, threads);
    let threads = wakers(&task, 1);
    if takes && *task.posted.lock().unwrap() > 0 {
        task.wait();
        task.word.take();
    }
    task.end();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(task.counts.load(Ordering::Relaxed), 0, "counts left over");
}

#[test]
fn what_one_thread_did_is_seen() {
    check(|| what_was_done_is_seen(Afar::new(), 1, 2));
}

#[test]
fn what_two_threads_did_is_seen() {
    check_within(3, || what_was_done_is_seen(Afar::new(), 2, 1));
}

#[test]
fn one_thread_wakes_a_task_that_ends() {
    check(|| the_queue_is_there(Afar::new(), 1, false));
}

#[test]
fn two_threads_wake_a_task_that_ends() {
    check_within(3, || the_queue_is_there(Afar::new(), 2, false));
}

#[test]
fn two_threads_wake_a_task_that_is_taken_and_ends() {
    check_within(3, || the_queue_is_there(Afar::new(), 2, true));
}

caught!(
    a_task_that_ends_without_a_gift,
    "the queue was gone",
    || { the_queue_is_there(Planted::new(Bug::NoGift), 1, false) }
);
caught!(a_gift_for_whoever_has_posted, "counts left over", || {
    the_queue_is_there(Planted::new(Bug::GiftToThePosted), 1, false)
});
caught!(
    a_task_that_does_not_say_it_is_over,
    "the queue was gone",
    || { the_queue_is_there(Planted::new(Bug::NeverOver), 1, false) }
);
caught!(taking_by_a_store, "deadlock", || {
    what_was_done_is_seen(Planted::new(Bug::TakesByStore), 2, 1)
});
caught!(a_second_thread_that_only_looks, "deadlock", || {
    what_was_done_is_seen(Planted::new(Bug::SecondOnlyLooks), 2, 1)
});
