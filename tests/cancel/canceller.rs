//! Cancelling from other threads: rule C2 from without, and trio's cases 41 and 52 in spirit.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::support::{LeakCheck, poll_once, run, times, until, yield_n};
use nestling::{
    CancelKind, CancelScope, Canceller, checkpoint, is_cancelled, open_nursery, shield, sleep,
    sleep_forever,
};

fn is_for_all_threads<T: Send + Sync + Clone + 'static>(_: &T) {}

#[test]
fn a_thread_cancels_a_parked_scope() {
    run(async {
        let scope = CancelScope::new().name("download");
        let canceller = scope.canceller();
        is_for_all_threads(&canceller);
        let line = line!() + 1;
        let thread = thread::spawn(move || canceller.cancel_because("enough"));
        let report = scope.run(sleep_forever()).await.unwrap_err();
        thread.join().unwrap();
        assert_eq!(report.kind(), CancelKind::Explicit);
        assert_eq!(report.reason(), Some("enough"));
        assert_eq!(report.scope(), Some("download"), "as `cancel` would say");
        assert_eq!(report.location().line(), line);
        assert!(report.location().file().ends_with("canceller.rs"));
    });
}

#[test]
fn a_thread_wakes_a_loop_that_waits_for_nothing_else() {
    run(async {
        for _ in 0..times(200, 3) {
            let scope = CancelScope::new();
            let (canceller, ready) = (scope.canceller(), Arc::new(AtomicBool::new(false)));
            let is_ready = Arc::clone(&ready);
            let thread = thread::spawn(move || {
                while !is_ready.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                canceller.cancel();
            });
            let result = scope.run(async {
                ready.store(true, Ordering::SeqCst);
                sleep_forever().await;
            });
            assert!(result.await.is_err());
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_request_before_the_run_is_carried_out_at_the_entry() {
    let scope = CancelScope::new().name("early bird");
    let canceller = scope.canceller();
    thread::spawn(move || canceller.cancel_because("early"))
        .join()
        .unwrap();
    let began = Cell::new(false);
    let result = run(scope.run(async {
        began.set(true);
        assert!(is_cancelled());
        checkpoint().await;
        unreachable!();
    }));
    let report = result.unwrap_err();
    assert_eq!(report.reason(), Some("early"));
    assert_eq!(report.scope(), Some("early bird"));
    assert!(began.get());
}

#[test]
fn a_scope_that_was_cancelled_before_its_run_and_ends_at_once_keeps_its_value() {
    let scope = CancelScope::new();
    scope.canceller().cancel();
    assert_eq!(run(scope.run(async { 3 })), Ok(3));
}

#[test]
fn a_request_after_the_scope_s_end_does_nothing() {
    run(async {
        let scope = CancelScope::new();
        let before = scope.canceller();
        let inside = scope.run(async { scope.canceller() }).await.unwrap();
        let after = scope.canceller();
        for canceller in [before, inside, after] {
            thread::spawn(move || canceller.cancel()).join().unwrap();
            yield_n(3).await;
            assert!(!scope.cancel_called() && !scope.is_cancelled());
            assert!(!scope.cancelled_caught());
        }
    });
}

#[test]
fn a_request_after_the_run_s_end_does_nothing() {
    let scope = CancelScope::new();
    let canceller = scope.canceller();
    let inside = run(async {
        let _late = scope.run(async {}).await;
        canceller.clone()
    });
    inside.cancel();
    let thread = thread::spawn(move || canceller.cancel_because("too late"));
    thread.join().unwrap();
}

#[test]
fn a_canceller_outlives_its_scope_and_the_slot_s_next_owner_is_safe() {
    run(async {
        let old = {
            let scope = CancelScope::new();
            let canceller = scope.canceller();
            scope.run(async {}).await.unwrap();
            canceller
        };
        let next = CancelScope::new();
        let result = next.run(async {
            old.cancel();
            yield_n(5).await;
            "not meant"
        });
        assert_eq!(result.await, Ok("not meant"));
    });
}

#[test]
fn a_request_that_is_on_its_way_when_the_scope_ends_meets_nobody() {
    run(async {
        for _ in 0..times(100, 3) {
            let scope = CancelScope::new();
            let canceller = scope.canceller();
            let value = scope.run(async {
                canceller.cancel();
                6
            });
            assert_eq!(value.await, Ok(6));
            drop(scope);
            let next = CancelScope::new();
            assert_eq!(next.run(yield_n(3)).await, Ok(()));
        }
    });
}

#[test]
fn the_first_reason_of_two_cancellers_wins() {
    run(async {
        let scope = CancelScope::new();
        let (first, second) = (scope.canceller(), scope.canceller());
        let result = scope.run(async {
            thread::spawn(move || {
                first.cancel_because("first");
                second.cancel_because("second");
            })
            .join()
            .unwrap();
            sleep_forever().await;
        });
        assert_eq!(result.await.unwrap_err().reason(), Some("first"));
    });
}

#[test]
fn of_a_canceller_and_a_direct_cancel_the_first_that_is_carried_out_wins() {
    run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let result = scope.run(async {
            canceller.cancel_because("from a thread: in the next turn");
            scope.cancel_because("direct: now");
            sleep_forever().await;
        });
        assert_eq!(result.await.unwrap_err().reason(), Some("direct: now"));

        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let result = scope.run(async {
            canceller.cancel_because("first");
            until(is_cancelled_now).await;
        });
        assert_eq!(result.await.unwrap_err().reason(), Some("first"));
    });
}

fn is_cancelled_now() -> bool {
    is_cancelled()
}

#[test]
fn a_request_is_carried_out_in_the_run_s_next_turn_and_not_at_once() {
    run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let result = scope.run(async {
            canceller.cancel();
            assert!(!is_cancelled(), "running code is not interrupted");
            yield_n(1000).await;
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn a_busy_loop_of_checkpoints_notices() {
    run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let thread = thread::spawn(move || canceller.cancel());
        let result = scope.run(async {
            loop {
                checkpoint().await;
            }
        });
        let Err(_cut) = result.await;
        thread.join().unwrap();
    });
}

#[test]
fn a_shield_holds_against_threads_too() {
    run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let done = Cell::new(false);
        let result = scope.run(async {
            shield(async {
                let thread = thread::spawn(move || canceller.cancel());
                until(|| scope.cancel_called()).await;
                thread.join().unwrap();
                yield_n(10).await;
                done.set(true);
            })
            .await;
            checkpoint().await;
        });
        assert!(result.await.is_err());
        assert!(done.get());
    });
}

#[test]
fn a_canceller_of_a_nursery_cancels_all_of_it() {
    run(async {
        let result = open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery.start_soon(sleep_forever());
            }
            let canceller = nursery.cancel_scope().canceller();
            nursery.start_soon(async move {
                thread::spawn(move || canceller.cancel()).join().unwrap();
                sleep_forever().await;
            });
        });
        result.await.unwrap();
    });
}

#[test]
fn thousands_of_requests_race_with_the_end_of_their_scopes() {
    let rounds = times(3_000, 10);
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Canceller>(0);
    let carried_out = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&carried_out);
    let _leaks = LeakCheck::begin();
    let thread = thread::spawn(move || {
        for canceller in receiver {
            canceller.cancel_because("race");
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    run(async {
        for round in 0..rounds {
            let scope = CancelScope::new();
            let result = scope.run(async {
                sender.send(scope.canceller()).unwrap();
                yield_n(round % 7).await;
                round
            });
            match result.await {
                Ok(value) => assert!(value == round && !scope.cancelled_caught()),
                Err(report) => assert_eq!(report.reason(), Some("race")),
            }
            checkpoint().await;
            assert!(!is_cancelled());
        }
    });
    drop(sender);
    thread.join().unwrap();
    assert_eq!(carried_out.load(Ordering::SeqCst), rounds);
}

#[test]
fn several_threads_race_for_one_scope_and_one_of_them_wins() {
    run(async {
        for _ in 0..times(100, 2) {
            let scope = CancelScope::new();
            let barrier = Arc::new(Barrier::new(4));
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let (canceller, barrier) = (scope.canceller(), Arc::clone(&barrier));
                    thread::spawn(move || {
                        barrier.wait();
                        canceller.cancel_because(format!("thread {number}"));
                    })
                })
                .collect();
            let report = scope.run(sleep_forever()).await.unwrap_err();
            assert!(report.reason().unwrap().starts_with("thread "));
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn requests_race_with_the_end_of_the_run() {
    for _ in 0..times(200, 3) {
        let _leaks = LeakCheck::begin();
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let thread = run(async {
            let mut future = Box::pin(scope.run(sleep_forever()));
            assert!(poll_once(&mut future).await.is_pending());
            thread::spawn(move || {
                for _ in 0..10 {
                    canceller.clone().cancel();
                }
            })
        });
        thread.join().unwrap();
        drop(scope);
    }
}

#[test]
fn a_canceller_made_in_a_thread_s_own_run_is_of_that_run() {
    run(async {
        let there = thread::spawn(|| {
            nestling::run(async {
                let scope = CancelScope::new();
                let canceller = scope.canceller();
                let thread = thread::spawn(move || canceller.cancel());
                let cut = scope.run(sleep_forever()).await.is_err();
                thread.join().unwrap();
                cut
            })
        });
        let scope = CancelScope::new();
        let result = scope.run(sleep(Duration::from_micros(50))).await;
        assert_eq!(result, Ok(()));
        assert!(there.join().unwrap());
    });
}

#[test]
fn debug_tells_what_was_requested() {
    let scope = CancelScope::new();
    let canceller = scope.canceller();
    assert!(!format!("{canceller:?}").contains("lunch"));
    canceller.cancel_because("lunch");
    assert!(format!("{canceller:?}").contains("lunch"));
}
