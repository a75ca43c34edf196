//! A job that a thread was given is done, though that thread may be about to end; and threads end.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use crate::check::{check, check_within};
use crate::idle::{Idle, Sitter};
use crate::planted::idle::{Bug, Planted};

/// Idle threads, or a copy with a bug.
pub(crate) trait Seats: Send + Sync + 'static {
    type Sitter;

    fn sitter() -> Self::Sitter;
    fn assign(&self, job: u32) -> bool;
    fn sit(&self, sitter: &Self::Sitter);
    fn wait(&self, sitter: &Self::Sitter, patience: Duration) -> Option<u32>;
    fn close(&self);
}

impl Seats for Idle<u32> {
    type Sitter = Sitter<u32>;

    fn sitter() -> Sitter<u32> {
        Sitter::new()
    }

    fn assign(&self, job: u32) -> bool {
        Idle::assign(self, job).is_ok()
    }

    fn sit(&self, sitter: &Sitter<u32>) {
        Idle::sit(self, sitter);
    }

    fn wait(&self, sitter: &Sitter<u32>, patience: Duration) -> Option<u32> {
        Idle::wait(self, sitter, patience)
    }

    fn close(&self) {
        Idle::close(self);
    }
}

/// A thread does one job after the other until it has waited for `patience`. Returns how many.
fn worker<S: Seats>(seats: &Arc<S>, patience: Duration) -> thread::JoinHandle<usize> {
    let seats = Arc::clone(seats);
    thread::spawn(move || {
        let sitter = S::sitter();
        let mut done = 0;
        loop {
            seats.sit(&sitter);
            match seats.wait(&sitter, patience) {
                Some(_) => done += 1,
                None => return done,
            }
        }
    })
}

/// Whoever is told that the job was given away may rely on it.
fn nothing_is_lost<S: Seats>(seats: S, givers: u32) {
    let seats = Arc::new(seats);
    let worker = worker(&seats, Duration::ZERO);
    let givers = (0..givers).map(|job| {
        let seats = Arc::clone(&seats);
        thread::spawn(move || seats.assign(job))
    });
    let givers: Vec<_> = givers.collect();
    let given = givers.into_iter().filter_map(|giver| giver.join().ok());
    let given = given.filter(|given| *given).count();
    assert_eq!(worker.join().unwrap(), given, "a job was lost");
}

/// The thread ends, after what it was given.
fn closing_ends_the_thread<S: Seats>(seats: S) {
    let seats = Arc::new(seats);
    let worker = worker(&seats, Duration::MAX);
    let given = seats.assign(1);
    seats.close();
    assert_eq!(worker.join().unwrap(), usize::from(given), "a job was lost");
}

#[test]
fn a_thread_that_is_about_to_end_does_what_it_was_given() {
    check(|| nothing_is_lost(Idle::new(), 1));
}

#[test]
fn two_who_give_jobs_to_one_thread() {
    check_within(3, || nothing_is_lost(Idle::new(), 2));
}

#[test]
fn idle_threads_end_when_their_cache_does() {
    check(|| closing_ends_the_thread(Idle::new()));
}

caught!(leaving_though_a_job_is_on_its_way, "a job was lost", || {
    nothing_is_lost(Planted::new(Bug::LeavesAnyway), 1)
});
caught!(waking_before_the_job_is_there, "a job was lost", || {
    closing_ends_the_thread(Planted::new(Bug::WakesFirst))
});
caught!(parking_by_a_store, "deadlock", || {
    closing_ends_the_thread(Planted::new(Bug::ParksByAStore))
});
caught!(becoming_idle_after_the_end, "deadlock", || {
    closing_ends_the_thread(Planted::new(Bug::SitsAfterClose))
});
