//! A message that was accepted is handled, whenever the run ends; a refused one is not.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::check::{check, check_within};
use crate::inbox::{Inbox, Message};
use crate::planted::inbox::{Bug, Planted};
use crate::reactor::{Notifier, Sleeper};

/// The inbox, or a copy with a bug.
pub(crate) trait Door: Send + Sync + 'static {
    fn post(&self, message: Message) -> Result<(), Message>;
    fn take(&self) -> bool;
    fn fall_asleep(&self) -> bool;
    fn park(&self);
    fn len(&self) -> usize;
    fn pop(&self) -> Option<Message>;
    fn close(&self);
}

impl Door for Inbox {
    fn post(&self, message: Message) -> Result<(), Message> {
        Inbox::post(self, message)
    }

    fn take(&self) -> bool {
        Inbox::take(self)
    }

    fn fall_asleep(&self) -> bool {
        Inbox::fall_asleep(self)
    }

    fn park(&self) {
        Inbox::park(self, None);
    }

    fn len(&self) -> usize {
        Inbox::len(self)
    }

    fn pop(&self) -> Option<Message> {
        Inbox::pop(self)
    }

    fn close(&self) {
        Inbox::close(self);
    }
}

/// What the loop does with its inbox in one turn: the same as `read_inbox` in `run.rs`.
pub(super) fn read_inbox(inbox: &impl Door, mut handle: impl FnMut(Message)) {
    if !inbox.take() {
        return;
    }
    for _ in 0..inbox.len() {
        let Some(message) = inbox.pop() else { return };
        handle(message);
    }
}

/// What the end of a run does with it: the same as `Closing` in `run.rs`.
pub(super) fn close(inbox: &impl Door, mut handle: impl FnMut(Message)) {
    inbox.close();
    while let Some(message) = inbox.pop() {
        handle(message);
    }
}

pub(super) fn call(message: Message) {
    match message {
        Message::Call(call) => call(),
        Message::Main | Message::Tasks(_) => panic!("nobody sent such a message"),
    }
}

/// `posters` threads post a closure each to a run that ends when `wait_for` of them have run.
fn accepted_is_handled<D: Door>(make: fn(Notifier) -> D, posters: usize, wait_for: usize) {
    accepted_is_handled_by(make, posters, wait_for, |inbox, sleeper| {
        if inbox.fall_asleep() {
            sleeper.sleep();
        }
    });
}

fn accepted_is_handled_by<D: Door>(
    make: fn(Notifier) -> D,
    posters: usize,
    wait_for: usize,
    sleep: fn(&D, &Sleeper),
) {
    let sleeper = Sleeper::new();
    let inbox = Arc::new(make(sleeper.notifier()));
    let runs: Arc<Vec<_>> = Arc::new((0..posters).map(|_| AtomicUsize::new(0)).collect());
    let threads: Vec<_> = (0..posters)
        .map(|me| {
            let (inbox, runs) = (inbox.clone(), runs.clone());
            thread::spawn(move || {
                let count = move || {
                    runs[me].fetch_add(1, Ordering::Relaxed);
                };
                match inbox.post(Message::Call(Box::new(count))) {
                    Ok(()) => true,
                    Err(Message::Call(_)) => false,
                    Err(_) => panic!("something else came back"),
                }
            })
        })
        .collect();
    let mut handled = 0;
    while handled < wait_for {
        read_inbox(&*inbox, |message| {
            call(message);
            handled += 1;
        });
        if handled < wait_for {
            sleep(&inbox, &sleeper);
        }
    }
    close(&*inbox, call);
    for (me, thread) in threads.into_iter().enumerate() {
        let accepted = thread.join().unwrap();
        let runs = runs[me].load(Ordering::Relaxed);
        assert_eq!(runs, usize::from(accepted), "runs of what was accepted");
    }
}

/// A closure that posts another, while a thread posts too: no turn needs to ring for itself.
fn what_a_message_posts_is_handled() {
    let sleeper = Sleeper::new();
    let inbox = Arc::new(Inbox::new(sleeper.notifier()));
    let runs = Arc::new(AtomicUsize::new(0));
    let count = |runs: &Arc<AtomicUsize>| {
        let runs = runs.clone();
        move || {
            runs.fetch_add(1, Ordering::Relaxed);
        }
    };
    let again = {
        let (inbox, runs) = (inbox.clone(), runs.clone());
        let inner = count(&runs);
        move || {
            runs.fetch_add(1, Ordering::Relaxed);
            assert!(inbox.post(Message::Call(Box::new(inner))).is_ok());
        }
    };
    let thread = {
        let (inbox, count) = (inbox.clone(), count(&runs));
        thread::spawn(move || {
            assert!(inbox.post(Message::Call(Box::new(again))).is_ok());
            assert!(inbox.post(Message::Call(Box::new(count))).is_ok());
        })
    };
    while runs.load(Ordering::Relaxed) < 3 {
        read_inbox(&*inbox, call);
        if runs.load(Ordering::Relaxed) < 3 && inbox.fall_asleep() {
            sleeper.sleep();
        }
    }
    thread.join().unwrap();
    close(&*inbox, call);
}

/// Messages of one thread are handled in its order.
fn order_is_kept() {
    let sleeper = Sleeper::new();
    let inbox = Arc::new(Inbox::new(sleeper.notifier()));
    let next = Arc::new(AtomicUsize::new(0));
    let thread = {
        let (inbox, next) = (inbox.clone(), next.clone());
        thread::spawn(move || {
            for turn in 0..3 {
                let next = next.clone();
                let check = move || assert_eq!(next.fetch_add(1, Ordering::Relaxed), turn);
                assert!(inbox.post(Message::Call(Box::new(check))).is_ok());
            }
        })
    };
    while next.load(Ordering::Relaxed) < 3 {
        read_inbox(&*inbox, call);
        if next.load(Ordering::Relaxed) < 3 {
            Door::park(&*inbox);
        }
    }
    thread.join().unwrap();
}

#[test]
fn posting_races_with_the_end_of_the_run() {
    check(|| accepted_is_handled(Inbox::new, 1, 0));
}

#[test]
fn two_post_while_the_run_ends() {
    check(|| accepted_is_handled(Inbox::new, 2, 0));
}

#[test]
fn one_posts_while_the_other_ends_the_run() {
    check_within(4, || accepted_is_handled(Inbox::new, 2, 1));
}

#[test]
fn two_are_waited_for() {
    check_within(4, || accepted_is_handled(Inbox::new, 2, 2));
}

#[test]
fn two_are_waited_for_by_a_loop_that_is_parked() {
    check_within(3, || {
        accepted_is_handled_by(Inbox::new, 2, 2, |inbox, _| Door::park(inbox));
    });
}

#[test]
fn a_message_that_posts() {
    check_within(4, what_a_message_posts_is_handled);
}

#[test]
fn three_of_one_thread_keep_their_order() {
    check_within(4, order_is_kept);
}

caught!(ringing_before_the_push, "deadlock", || {
    accepted_is_handled(|notifier| Planted::new(notifier, Bug::RingsFirst), 1, 1)
});
caught!(
    posting_by_a_look_at_a_flag,
    "runs of what was accepted",
    || accepted_is_handled(|notifier| Planted::new(notifier, Bug::LooksFirst), 1, 0)
);
caught!(
    ending_without_a_last_look,
    "runs of what was accepted",
    || { accepted_is_handled(|notifier| Planted::new(notifier, Bug::ForgetsRest), 1, 0) }
);
