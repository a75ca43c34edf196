//! A wake-up of the main future is followed by a poll that sees what was done before it.

use std::sync::Arc;
use std::task::Wake;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::inbox::read_inbox;
use crate::check::check_within;
use crate::inbox::{Inbox, Message};
use crate::main_waker::MainWaker;
use crate::planted::main_waker::{Bug, Planted};
use crate::reactor::Sleeper;

/// The waker, or a copy with a bug.
pub(crate) trait MainBell: Wake + Send + Sync + 'static {
    fn is_set(&self) -> bool;
    fn take(&self) -> bool;
    fn message_arrived(&self);
}

impl MainBell for MainWaker {
    fn is_set(&self) -> bool {
        MainWaker::is_set(self)
    }

    fn take(&self) -> bool {
        MainWaker::take(self)
    }

    fn message_arrived(&self) {
        MainWaker::message_arrived(self);
    }
}

/// `wakers` threads store something, without any ordering, and wake, `times` each; the main future
/// ends when it sees all of it. Its first `own` polls wake it again.
fn polls_see_what_was_done<M: MainBell>(
    make: fn(Arc<Inbox>) -> M,
    wakers: usize,
    times: usize,
    own: usize,
) {
    let sleeper = Sleeper::new();
    let inbox = Arc::new(Inbox::new(sleeper.notifier()));
    let main = Arc::new(make(inbox.clone()));
    let flags = (0..wakers * times).map(|_| AtomicBool::new(false));
    let done: Arc<Vec<_>> = Arc::new(flags.collect());
    let threads: Vec<_> = (0..wakers)
        .map(|me| {
            let (main, done) = (main.clone(), done.clone());
            thread::spawn(move || {
                for turn in 0..times {
                    done[me * times + turn].store(true, Ordering::Relaxed);
                    main.wake_by_ref();
                }
            })
        })
        .collect();
    let mut polls = 0;
    loop {
        let mut messages = 0;
        read_inbox(&*inbox, |message| {
            assert!(matches!(message, Message::Main));
            main.message_arrived();
            messages += 1;
        });
        assert!(messages <= 1, "messages for one poll");
        if main.take() {
            polls += 1;
            if done.iter().all(|done| done.load(Ordering::Relaxed)) {
                break;
            }
            if polls <= own {
                main.wake_by_ref();
            }
        }
        if !main.is_set() && inbox.fall_asleep() {
            sleeper.sleep();
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(polls <= 1 + own + wakers * times, "polls without a cause");
}

#[test]
fn one_thread_wakes() {
    check_within(4, || polls_see_what_was_done(MainWaker::new, 1, 1, 0));
}

#[test]
fn one_thread_wakes_three_times() {
    check_within(3, || polls_see_what_was_done(MainWaker::new, 1, 3, 0));
}

#[test]
fn two_threads_wake() {
    check_within(3, || polls_see_what_was_done(MainWaker::new, 2, 1, 0));
}

#[test]
fn another_thread_wakes_while_the_main_future_wakes_itself() {
    check_within(4, || polls_see_what_was_done(MainWaker::new, 1, 1, 1));
}

#[test]
fn two_threads_wake_while_the_main_future_wakes_itself() {
    check_within(3, || polls_see_what_was_done(MainWaker::new, 2, 1, 1));
}

caught!(
    /// How it was at first.
    one_flag_for_all_threads,
    "deadlock",
    || polls_see_what_was_done(|inbox| Planted::new(inbox, Bug::OneFlag), 1, 1, 1)
);
caught!(a_message_for_each_waking, "messages for one poll", || {
    polls_see_what_was_done(|inbox| Planted::new(inbox, Bug::ManyMessages), 1, 2, 0)
});
caught!(a_message_that_is_not_acknowledged, "deadlock", || {
    polls_see_what_was_done(|inbox| Planted::new(inbox, Bug::NoAcknowledgement), 1, 2, 0)
});
caught!(acknowledging_without_acquire, "deadlock", || {
    polls_see_what_was_done(|inbox| Planted::new(inbox, Bug::Relaxed), 2, 1, 0)
});
