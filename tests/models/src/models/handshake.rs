//! A loop that falls asleep and threads that ring never miss each other.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::check::{check, check_within};
use crate::handshake::Handshake;
use crate::planted::handshake::{Bug, Planted};
use crate::reactor::Sleeper;

/// The handshake, or a copy with a bug.
pub(crate) trait Bell: Send + Sync + 'static {
    fn ring(&self) -> bool;
    fn take(&self) -> bool;
    fn fall_asleep(&self) -> bool;
    fn park(&self);
}

impl Bell for Handshake {
    fn ring(&self) -> bool {
        Handshake::ring(self)
    }

    fn take(&self) -> bool {
        Handshake::take(self)
    }

    fn fall_asleep(&self) -> bool {
        Handshake::fall_asleep(self)
    }

    fn park(&self) {
        Handshake::park(self, None);
    }
}

/// What the loop sleeps on, time after time: the reactor, or the bell itself.
#[derive(Clone, Copy)]
enum Sleeps {
    InReactor,
    Parked,
    ByTurns,
}

impl Sleeps {
    fn is_parked(self, time: usize) -> bool {
        match self {
            Sleeps::InReactor => false,
            Sleeps::Parked => true,
            Sleeps::ByTurns => time % 2 == 0,
        }
    }
}

/// `ringers` threads leave work and ring; the loop looks for work only when `take` tells it to. The
/// work is stored without any ordering, so it is the handshake that has to make it seen.
fn work_is_found<B: Bell>(bell: B, ringers: usize, how: Sleeps) {
    let bell = Arc::new(bell);
    let sleeper = Sleeper::new();
    let work: Arc<Vec<_>> = Arc::new((0..ringers).map(|_| AtomicBool::new(false)).collect());
    let threads: Vec<_> = (0..ringers)
        .map(|me| {
            let (bell, work, notifier) = (bell.clone(), work.clone(), sleeper.notifier());
            thread::spawn(move || {
                work[me].store(true, Ordering::Relaxed);
                if bell.ring() {
                    notifier.notify();
                }
            })
        })
        .collect();
    let mut sleeps = 0;
    for time in 0.. {
        if bell.take() && work.iter().all(|done| done.load(Ordering::Relaxed)) {
            break;
        }
        if how.is_parked(time) {
            bell.park();
        } else if bell.fall_asleep() {
            sleeps += 1;
            sleeper.sleep();
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let notifications = sleeper.notifications();
    assert_eq!(notifications, sleeps, "notifications for sleeps");
}

/// Of those who ring while the loop sleeps, exactly one is told to notify.
fn one_notifies<B: Bell>(bell: B, ringers: usize) {
    let bell = Arc::new(bell);
    assert!(bell.fall_asleep());
    let told = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..ringers)
        .map(|_| {
            let (bell, told) = (bell.clone(), told.clone());
            thread::spawn(move || {
                if bell.ring() {
                    told.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(told.load(Ordering::Relaxed), 1, "ringers told to notify");
    assert!(bell.take(), "the ringing was forgotten");
    assert!(!bell.take(), "one ringing was told twice");
}

/// A loop that was woken by something else takes while it is rung for.
fn a_ring_during_take_is_kept<B: Bell>(bell: B) {
    let bell = Arc::new(bell);
    assert!(bell.fall_asleep());
    let ringer = bell.clone();
    let thread = thread::spawn(move || ringer.ring());
    let taken = bell.take();
    let _told = thread.join().unwrap();
    assert!(taken || bell.take(), "the ringing was forgotten");
}

#[test]
fn one_ringer_is_never_missed() {
    check(|| work_is_found(Handshake::new(), 1, Sleeps::InReactor));
}

#[test]
fn one_ringer_is_never_missed_by_a_loop_that_is_parked() {
    check(|| work_is_found(Handshake::new(), 1, Sleeps::Parked));
}

#[test]
fn two_ringers_are_never_missed_by_a_loop_that_is_parked() {
    check_within(3, || work_is_found(Handshake::new(), 2, Sleeps::Parked));
}

#[test]
fn two_ringers_are_never_missed_by_a_loop_that_sleeps_both_ways() {
    check_within(3, || work_is_found(Handshake::new(), 2, Sleeps::ByTurns));
}

#[test]
fn two_ringers_are_never_missed() {
    check_within(4, || work_is_found(Handshake::new(), 2, Sleeps::InReactor));
}

#[test]
fn of_two_ringers_one_notifies() {
    check(|| one_notifies(Handshake::new(), 2));
}

#[test]
fn of_three_ringers_one_notifies() {
    check(|| one_notifies(Handshake::new(), 3));
}

#[test]
fn ringing_while_the_loop_wakes_is_kept() {
    check(|| a_ring_during_take_is_kept(Handshake::new()));
}

caught!(ring_that_loads_and_stores, "deadlock", || {
    work_is_found(Planted::new(Bug::RingStores), 1, Sleeps::InReactor)
});
caught!(ring_that_tells_two, "ringers told to notify", || {
    one_notifies(Planted::new(Bug::RingStores), 2)
});
caught!(ring_without_release, "deadlock", || {
    work_is_found(Planted::new(Bug::RingRelaxed), 1, Sleeps::InReactor)
});
caught!(take_that_stores, "the ringing was forgotten", || {
    a_ring_during_take_is_kept(Planted::new(Bug::TakeStores))
});
caught!(take_without_acquire, "deadlock", || {
    work_is_found(Planted::new(Bug::TakeRelaxed), 1, Sleeps::InReactor)
});
caught!(falling_asleep_by_a_store, "deadlock", || {
    work_is_found(Planted::new(Bug::SleepStores), 1, Sleeps::InReactor)
});
caught!(parking_by_a_store, "deadlock", || {
    work_is_found(Planted::new(Bug::ParkStores), 1, Sleeps::Parked)
});
caught!(
    waking_the_reactor_though_the_loop_is_parked,
    "deadlock",
    || { work_is_found(Planted::new(Bug::RingsElsewhere), 1, Sleeps::Parked) }
);
