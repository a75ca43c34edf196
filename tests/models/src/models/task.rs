#![expect(unsafe_code, reason = "tasks are made by an unsafe function")]
//! The real queue with real tasks: a wake-up from another thread ends in a poll, and an owner that is
//! dropped drops each task once, on its own thread.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::inbox::{close, read_inbox};
use crate::check::check_within;
use crate::context::thread_id;
use crate::core;
use crate::inbox::{Inbox, Message};
use crate::main_waker::MainWaker;
use crate::reactor::Sleeper;
use crate::task::TaskQueue;

/// What a nursery knows of its children.
struct Children {
    live: Cell<usize>,
    drops: Cell<usize>,
    closed: Cell<bool>,
    /// What the tree of frames keeps for them.
    wakers: RefCell<Vec<Waker>>,
    done: Arc<Vec<AtomicUsize>>,
    wakes: Arc<AtomicUsize>,
}

/// Wakes, visibly.
fn wake(waker: &Waker, wakes: &AtomicUsize) {
    wakes.fetch_add(1, Ordering::Relaxed);
    waker.wake_by_ref();
}

struct Child {
    me: usize,
    children: Rc<Children>,
    polled: bool,
    thread: u64,
}

impl Future for Child {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert_eq!(thread_id(), self.thread, "polled on another thread");
        if !std::mem::replace(&mut self.polled, true) {
            let waker = cx.waker().clone();
            self.children.wakers.borrow_mut().push(waker);
        }
        // Seen only if the wake-up comes before the poll that follows it.
        let done = self.children.done[self.me].load(Ordering::Relaxed) > 0;
        if !done && !self.children.closed.get() {
            return Poll::Pending;
        }
        self.children.live.set(self.children.live.get() - 1);
        Poll::Ready(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        assert_eq!(thread_id(), self.thread, "dropped on another thread");
        self.children.drops.set(self.children.drops.get() + 1);
    }
}

struct Nursery {
    sleeper: Sleeper,
    inbox: Arc<Inbox>,
    main: Arc<MainWaker>,
    queue: Arc<TaskQueue>,
    children: Rc<Children>,
}

impl Nursery {
    /// A nursery, as the main future of a run, whose children have been polled once.
    fn new(count: usize) -> Nursery {
        let sleeper = Sleeper::new();
        let inbox = Arc::new(Inbox::new(sleeper.notifier()));
        core::install(&inbox);
        let queue = TaskQueue::new();
        let children = Rc::new(Children {
            live: Cell::new(count),
            drops: Cell::new(0),
            closed: Cell::new(false),
            wakers: RefCell::default(),
            done: Arc::new((0..count).map(|_| AtomicUsize::new(0)).collect()),
            wakes: Arc::new(AtomicUsize::new(0)),
        });
        for me in 0..count {
            let child = Child {
                me,
                children: Rc::clone(&children),
                polled: false,
                thread: thread_id(),
            };
            // SAFETY: a child borrows nothing, and is polled and dropped by this nursery's methods
            // only; the nursery keeps the queue until each child has ended.
            unsafe { queue.spawn_unchecked(child) }
        }
        let main = Arc::new(MainWaker::new(Arc::clone(&inbox)));
        let nursery = Nursery {
            sleeper,
            inbox,
            main,
            queue,
            children,
        };
        assert!(nursery.main.take());
        nursery.poll();
        nursery
    }

    fn waker(&self, child: usize) -> Waker {
        self.children.wakers.borrow()[child].clone()
    }

    fn poll(&self) {
        let main = Waker::from(self.main.clone());
        let cx = Context::from_waker(&main);
        let turns = self.queue.begin_poll(&cx).expect("its own thread");
        loop {
            turns.run_ready();
            if !turns.goes_on() {
                break;
            }
        }
    }

    fn handle(&self, message: Message) {
        match message {
            Message::Main => self.main.message_arrived(),
            Message::Tasks(queue) => queue.collect(),
            Message::Call(_) => panic!("nobody sent a closure"),
        }
    }

    fn turn(&self) {
        read_inbox(&*self.inbox, |message| self.handle(message));
        if self.main.take() {
            self.poll();
        }
    }

    fn sleep(&self) {
        if !self.main.is_set() && self.inbox.fall_asleep() {
            self.sleeper.sleep();
        }
    }

    /// What the nursery's future does when it is dropped.
    fn drop_children(&self) {
        self.children.closed.set(true);
        drop(self.queue.retire());
        for waker in self.children.wakers.borrow().iter() {
            wake(waker, &self.children.wakes);
        }
        self.queue.run_until(|| self.children.live.get() == 0);
        self.queue.clear();
    }

    fn end(self) {
        close(&*self.inbox, |message| self.handle(message));
        self.queue.clear();
        assert_eq!(self.children.live.get(), 0, "children left");
        let count = self.children.done.len();
        assert_eq!(self.children.drops.get(), count, "children dropped");
        self.children.wakers.take();
        assert_eq!(Arc::strong_count(&self.queue), 1, "the queue was leaked");
    }
}

/// Thread number n finishes the children of the nth list: says so and wakes each.
fn a_wake_up_ends_in_a_poll(children: usize, lists: &'static [&'static [usize]]) {
    let nursery = Nursery::new(children);
    let threads = lists.iter().map(|list| {
        let wakers: Vec<_> = list.iter().map(|child| nursery.waker(*child)).collect();
        let done = nursery.children.done.clone();
        thread::spawn(move || {
            for (child, waker) in list.iter().zip(wakers) {
                done[*child].fetch_add(1, Ordering::Relaxed);
                waker.wake();
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    while nursery.children.live.get() > 0 {
        nursery.turn();
        if nursery.children.live.get() > 0 {
            nursery.sleep();
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    nursery.end();
}

/// Thread number n wakes the children of the nth list while the nursery is dropped after `turns`
/// turns of the loop.
fn a_dropped_nursery_drops_its_children(
    children: usize,
    turns: usize,
    lists: &'static [&'static [usize]],
) {
    let nursery = Nursery::new(children);
    let threads = lists.iter().map(|list| {
        let wakers: Vec<_> = list.iter().map(|child| nursery.waker(*child)).collect();
        let wakes = nursery.children.wakes.clone();
        thread::spawn(move || wakers.iter().for_each(|waker| wake(waker, &wakes)))
    });
    let threads: Vec<_> = threads.collect();
    for _ in 0..turns {
        nursery.turn();
    }
    nursery.drop_children();
    let drops = nursery.children.drops.get();
    assert_eq!(drops, children, "children dropped by their nursery");
    for thread in threads {
        thread.join().unwrap();
    }
    nursery.end();
}

/// The run ends, and with it the inbox, before a nursery that somebody keeps is dropped.
fn a_nursery_dropped_after_its_run(lists: &'static [&'static [usize]]) {
    let nursery = Nursery::new(1);
    let threads = lists.iter().map(|list| {
        let wakers: Vec<_> = list.iter().map(|child| nursery.waker(*child)).collect();
        let wakes = nursery.children.wakes.clone();
        thread::spawn(move || wakers.iter().for_each(|waker| wake(waker, &wakes)))
    });
    let threads: Vec<_> = threads.collect();
    close(&*nursery.inbox, |message| nursery.handle(message));
    nursery.drop_children();
    for thread in threads {
        thread.join().unwrap();
    }
    nursery.end();
}

#[test]
fn one_thread_finishes_one_child() {
    check_within(3, || a_wake_up_ends_in_a_poll(1, &[&[0]]));
}

#[test]
fn one_thread_finishes_two_children() {
    check_within(3, || a_wake_up_ends_in_a_poll(2, &[&[0, 1]]));
}

#[test]
fn two_threads_finish_a_child_each() {
    check_within(2, || a_wake_up_ends_in_a_poll(2, &[&[0], &[1]]));
}

#[test]
fn two_threads_finish_the_same_child() {
    check_within(2, || a_wake_up_ends_in_a_poll(1, &[&[0], &[0]]));
}

#[test]
fn a_child_is_woken_while_its_nursery_is_dropped() {
    check_within(4, || a_dropped_nursery_drops_its_children(1, 0, &[&[0, 0]]));
}

#[test]
fn a_child_is_woken_in_the_last_turn_of_its_nursery() {
    check_within(3, || a_dropped_nursery_drops_its_children(1, 1, &[&[0, 0]]));
}

#[test]
fn two_threads_wake_children_of_a_nursery_that_is_dropped() {
    check_within(3, || {
        a_dropped_nursery_drops_its_children(2, 0, &[&[0, 1], &[1]]);
    });
}

#[test]
fn a_child_is_woken_while_the_run_ends_before_its_nursery() {
    check_within(3, || a_nursery_dropped_after_its_run(&[&[0]]));
}
