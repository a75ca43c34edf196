//! A request to cancel arrives exactly once, whether it was made before, while or after the frame was
//! bound to its run.

use std::sync::Arc;

use loom::thread;

use super::inbox::{call, close, read_inbox};
use crate::cancelled::{CancelKind, Cancelled};
use crate::canceller::Canceller;
use crate::check::{check, check_within};
use crate::core;
use crate::frame::FrameRef;
use crate::frames::{self, FrameId};
use crate::inbox::Inbox;
use crate::planted::canceller::{Bug, Planted};
use crate::reactor::Sleeper;

/// The canceller, or a copy with a bug.
pub(crate) trait Request: Clone + Send + 'static {
    fn bind(&self) -> Option<Cancelled>;
    fn cancel(&self, cause: Cancelled);
}

impl Request for Canceller {
    fn bind(&self) -> Option<Cancelled> {
        Canceller::bind(self, FrameRef)
    }

    fn cancel(&self, cause: Cancelled) {
        Canceller::cancel(self, cause);
    }
}

fn cause(who: usize) -> Cancelled {
    Cancelled::new(CancelKind::Explicit).because(who.to_string())
}

fn run_of_this_thread() -> (Sleeper, Arc<Inbox>) {
    let sleeper = Sleeper::new();
    let inbox = Arc::new(Inbox::new(sleeper.notifier()));
    core::install(&inbox);
    (sleeper, inbox)
}

/// What a scope does that has a canceller.
fn bind(canceller: &impl Request) {
    if let Some(cause) = canceller.bind() {
        frames::cancel(FrameId, cause);
    }
}

/// `threads` threads cancel while the frame is bound by a run that goes on until it is cancelled.
fn a_request_arrives_once<R: Request>(canceller: R, threads: usize) {
    let (sleeper, inbox) = run_of_this_thread();
    let threads = (0..threads).map(|me| {
        let canceller = canceller.clone();
        thread::spawn(move || canceller.cancel(cause(me)))
    });
    let threads: Vec<_> = threads.collect();
    bind(&canceller);
    while frames::causes().is_empty() {
        read_inbox(&*inbox, call);
        if frames::causes().is_empty() && inbox.fall_asleep() {
            sleeper.sleep();
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    close(&*inbox, call);
    assert_eq!(frames::causes().len(), 1, "requests that arrived");
}

/// The run ends while another thread cancels.
fn a_request_to_a_run_that_ends<R: Request>(canceller: R) {
    let (_sleeper, inbox) = run_of_this_thread();
    let early = canceller.clone();
    let thread = thread::spawn(move || early.cancel(cause(0)));
    bind(&canceller);
    close(&*inbox, call);
    let arrived = frames::causes().len();
    assert!(arrived <= 1, "requests that arrived");
    thread.join().unwrap();
    // Whoever comes after all of that does no harm.
    canceller.cancel(cause(1));
    assert_eq!(frames::causes().len(), arrived, "requests after the end");
}

/// Two requests before the frame is bound: the first stays.
fn the_first_request_stays<R: Request>(canceller: R) {
    let (_sleeper, inbox) = run_of_this_thread();
    canceller.cancel(cause(0));
    let late = canceller.clone();
    let thread = thread::spawn(move || late.cancel(cause(1)));
    bind(&canceller);
    thread.join().unwrap();
    close(&*inbox, call);
    let causes = frames::causes();
    let reasons: Vec<_> = causes.iter().map(Cancelled::reason).collect();
    assert_eq!(reasons, [Some("0")]);
}

#[test]
fn one_thread_cancels() {
    check(|| a_request_arrives_once(Canceller::unbound(), 1));
}

#[test]
fn two_threads_cancel() {
    check_within(3, || a_request_arrives_once(Canceller::unbound(), 2));
}

#[test]
fn cancelling_races_with_the_end() {
    check(|| a_request_to_a_run_that_ends(Canceller::unbound()));
}

#[test]
fn of_two_causes_the_first_stays() {
    check(|| the_first_request_stays(Canceller::unbound()));
}

caught!(looking_where_to_before_the_cause_is_set, "deadlock", || {
    a_request_arrives_once(Planted::new(Bug::LooksFirst), 1)
});
caught!(
    looking_where_to_after_the_lock,
    "requests that arrived",
    || a_request_arrives_once(Planted::new(Bug::LooksLater), 1)
);
