//! Nurseries: rules N1 to N14, and trio's cases 4 to 10, 21, 23, 53, 59, 61 and 72.
//!
//! What makes no sense in Rust:
//! * N15 (a nursery whose task ends without closing it): it is a future, and ends or is dropped.
//! * N16 (upward links), cases 53 and 61 in part: there is no task object to follow links from.
//! * N17 (single use, `with` for `async with`): a nursery is not an object before it is open.
//! * N18 (system nursery): there is none.
//! * N3 and case 54, "after close -> error": the borrow checker forbids it, see `soundness.rs` in
//!   `nursery`.
//! * Case 64 (StopIteration as an error), 65 (traceback frames), 67 (constructors): types.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::support::{
    Boom, Counts, Log, boom, leaves_of, on_drop, park, run, run_virtual, settle, times, yield_n,
};
use nestling::{
    BoxError, CancelKind, Nursery, NurseryError, catch_cancel, checkpoint, fail_after,
    is_cancelled, move_on_after, ok, open_nursery, sleep, sleep_forever, statistics,
};

#[test]
fn the_nursery_ends_when_the_body_and_all_children_have_ended() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |nursery| {
            for (name, seconds) in [("one", 1), ("three", 3)] {
                let log = &log;
                nursery.start_soon(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    log.say(name);
                });
            }
            sleep(Duration::from_secs(2)).await;
            log.say("body");
        })
        .await
        .unwrap();
        log.say("after");
    });
    log.expect(&["one", "body", "three", "after"]);
}

#[test]
fn the_nursery_waits_for_the_body_when_the_children_are_done() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { log.say("child") });
            sleep(Duration::from_secs(1)).await;
            log.say("body");
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "body"]);
}

#[test]
fn start_soon_runs_nothing_before_it_returns_nor_before_the_next_turn() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { log.say("child") });
            log.say("started");
            checkpoint().await;
            log.say("a turn later");
        })
        .await
        .unwrap();
    });
    log.expect(&["started", "child", "a turn later"]);
}

#[test]
fn two_loopers_go_in_lock_step() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            for name in ["a", "b"] {
                let log = &log;
                nursery.start_soon(async move {
                    for step in 0..3 {
                        log.say(format!("{name}{step}"));
                        checkpoint().await;
                    }
                });
            }
        })
        .await
        .unwrap();
    });
    log.expect_batches(&[&["a0", "b0"], &["a1", "b1"], &["a2", "b2"]]);
}

#[test]
fn the_body_s_value_is_what_the_nursery_returns() {
    let value = run(async { open_nursery(async |_| ok("value")).await });
    assert_eq!(value.unwrap(), "value");
}

#[test]
fn an_early_return_from_the_body_waits_for_the_children_and_cancels_none() {
    let done = Cell::new(false);
    let value = run_virtual(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                sleep(Duration::from_secs(5)).await;
                done.set(true);
            });
            if nursery.len() == 1 {
                return ok("early");
            }
            sleep_forever().await;
            ok("late")
        })
        .await
    });
    assert_eq!(value.unwrap(), "early");
    assert!(done.get());
}

#[test]
fn children_borrow_the_parent_s_locals_also_mutably() {
    let mut counters = vec![0; 3];
    run(async {
        open_nursery(async |nursery| {
            for counter in &mut counters {
                nursery.start_soon(async move {
                    for _ in 0..5 {
                        *counter += 1;
                        checkpoint().await;
                    }
                });
            }
        })
        .await
        .unwrap();
    });
    assert_eq!(counters, [5, 5, 5]);
}

#[test]
fn a_child_starts_siblings_also_while_the_parent_waits_at_the_end() {
    fn generation<'scope>(
        nursery: &'scope Nursery<'scope, '_>,
        left: usize,
        count: &'scope Cell<usize>,
    ) -> Pin<Box<dyn Future<Output = ()> + 'scope>> {
        Box::pin(async move {
            yield_n(2).await;
            count.set(count.get() + 1);
            if left > 0 {
                nursery.start_soon(generation(nursery, left - 1, count));
                nursery.start_soon(generation(nursery, left - 1, count));
            }
        })
    }
    let count = Cell::new(0);
    run(async {
        open_nursery(async |nursery| nursery.start_soon(generation(nursery, 6, &count)))
            .await
            .unwrap();
    });
    assert_eq!(count.get(), 127);
}

#[test]
fn the_last_child_starts_another_at_the_very_end_of_its_life() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _last_words = on_drop(|| nursery.start_soon(async { log.say("heir") }));
                yield_n(3).await;
                log.say("last");
            });
        })
        .await
        .unwrap();
    });
    log.expect(&["last", "heir"]);
}

#[test]
fn a_child_of_an_inner_nursery_starts_one_in_the_outer_one() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |outer| {
            open_nursery(async |inner| {
                inner.start_soon(async {
                    outer.start_soon(async {
                        sleep(Duration::from_secs(1)).await;
                        log.say("outer child");
                    });
                });
            })
            .await
            .unwrap();
            log.say("inner is over");
        })
        .await
        .unwrap();
    });
    log.expect(&["inner is over", "outer child"]);
}

#[test]
fn a_child_runs_under_its_nursery_s_scope_and_not_under_the_starter_s() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |outer| {
            let inner = open_nursery(async |inner| {
                outer.start_soon(async {
                    sleep(Duration::from_secs(1)).await;
                    log.say("still there");
                });
                inner.cancel();
                // Started in a cancelled scope, into one that is not.
                outer.start_soon(async {
                    sleep(Duration::from_secs(2)).await;
                    log.say("still there, too");
                });
                sleep_forever().await;
            })
            .await;
            assert!(inner.unwrap_err().is_cancelled());
        })
        .await
        .unwrap();
    });
    log.expect(&["still there", "still there, too"]);
}

#[test]
fn an_error_of_the_body_comes_out_as_a_multi_error_of_one() {
    let error = run(async { open_nursery(async |_| boom::<()>("body")).await }).unwrap_err();
    assert_eq!(error.multi().unwrap().len(), 1);
    assert_eq!(error.find::<Boom>(), Some(&Boom("body")));
}

#[test]
fn an_error_of_a_child_comes_out_of_the_nursery() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { boom::<()>("child") });
        })
        .await
    })
    .unwrap_err();
    assert_eq!(error.multi().unwrap().len(), 1);
    assert_eq!(error.find::<Boom>(), Some(&Boom("child")));
}

#[test]
fn a_failing_child_cancels_a_sibling_that_loops_over_checkpoints() {
    let counts = Counts::new();
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _guard = counts.guard();
                loop {
                    checkpoint().await;
                }
            });
            nursery.start_soon(async {
                yield_n(3).await;
                boom::<()>("crash")
            });
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["crash"]);
    assert_eq!(counts.drops(), 1);
}

#[test]
fn errors_of_the_body_and_of_a_child_are_both_kept_the_first_one_first() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { boom::<()>("child") });
            boom::<()>("body")
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["body", "child"]);
}

#[test]
fn errors_of_two_children_are_both_kept() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { boom::<()>("one") });
            nursery.start_soon(async { boom::<()>("two") });
        })
        .await
    })
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    leaves.sort();
    assert_eq!(leaves, ["one", "two"]);
}

#[test]
fn a_failing_child_wakes_a_body_that_sleeps_for_ever() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { boom::<()>("child") });
            sleep_forever().await;
            unreachable!("it is cut off");
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["child"]);
}

#[test]
fn a_failing_body_cancels_the_children() {
    let counts = Counts::new();
    let error = run(async {
        open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(counts.of(sleep_forever()));
            }
            checkpoint().await;
            boom::<()>("body")
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["body"]);
    assert_eq!(counts.drops(), 3);
}

#[test]
fn a_child_started_right_before_the_body_fails_still_runs_to_its_first_checkpoint() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _cleanup = log.at_drop("cleaned up");
                log.say("started");
                checkpoint().await;
                log.say("unreachable");
            });
            boom::<()>("body")
        })
        .await
        .unwrap_err();
    });
    log.expect(&["started", "cleaned up"]);
}

#[test]
fn cancelling_the_nursery_is_no_failure() {
    let counts = Counts::new();
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(sleep_forever()));
            nursery.start_soon(counts.of(sleep_forever()));
            checkpoint().await;
            nursery.cancel();
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert!(error.is_cancelled());
    assert!(error.multi().is_none());
    assert_eq!(counts.drops(), 2);
}

#[test]
fn a_body_that_has_its_value_keeps_it_though_the_children_are_cancelled_later() {
    let counts = Counts::new();
    let value = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(sleep_forever()));
            nursery.start_soon(async {
                yield_n(3).await;
                nursery.cancel();
            });
            ok(7)
        })
        .await
    });
    assert_eq!(value.unwrap(), 7);
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_body_that_cancels_and_returns_without_a_checkpoint_keeps_its_value() {
    let value = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(sleep_forever());
            nursery.cancel();
            ok(7)
        })
        .await
    });
    assert_eq!(value.unwrap(), 7);
}

#[test]
fn a_child_that_fails_after_the_body_has_its_value_fails_the_nursery() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                yield_n(3).await;
                boom::<()>("late")
            });
            ok(7)
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["late"]);
}

#[test]
fn a_child_started_in_a_cancelled_nursery_runs_to_its_first_checkpoint() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            nursery.start_soon(async {
                log.say("started");
                assert!(is_cancelled());
                checkpoint().await;
                log.say("unreachable");
            });
        })
        .await
        .unwrap();
    });
    log.expect(&["started"]);
}

#[test]
fn a_child_of_a_cancelled_nursery_that_meets_no_checkpoint_completes() {
    let value = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            nursery.start_soon(async { value.set(5) });
        })
        .await
        .unwrap();
    });
    assert_eq!(value.get(), 5);
}

#[test]
fn a_child_that_fails_in_a_cancelled_nursery_is_a_failure() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            nursery.start_soon(async { boom::<()>("stubborn") });
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["stubborn"]);
}

#[test]
fn a_cancelled_nursery_s_body_runs_to_its_first_checkpoint() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.cancel();
            let _unreachable = open_nursery(async |inner| {
                log.say("inner body");
                inner.start_soon(async {
                    log.say("inner child");
                    checkpoint().await;
                    log.say("unreachable");
                });
                checkpoint().await;
                log.say("unreachable");
            })
            .await;
            log.say("unreachable");
        })
        .await
        .unwrap_err();
    });
    log.expect_batches(&[&["inner body", "inner child"]]);
}

#[test]
fn children_that_are_cut_off_from_outside_take_the_parent_with_them() {
    // The body had its value, but the nursery is not done: as in trio, the unwinding goes on.
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let value = open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _cleanup = log.at_drop("child cut off");
                        sleep_forever().await;
                    });
                    ok("value")
                })
                .await;
                log.say(value.unwrap());
                checkpoint().await;
                log.say("unreachable");
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&["child cut off"]);
}

#[test]
fn a_limit_around_a_nursery_counts_after_its_body_has_ended_too() {
    run_virtual(async {
        let second = Duration::from_secs(1);
        let slow = open_nursery(async |nursery| nursery.start_soon(sleep(60 * second)));
        assert!(fail_after(second, slow).await.is_err());
        let slow = open_nursery(async |nursery| nursery.start_soon(sleep(60 * second)));
        assert!(move_on_after(second, slow).await.is_none());
        // In time.
        let fast = open_nursery(async |nursery| nursery.start_soon(sleep(second)));
        fail_after(2 * second, fast).await.unwrap().unwrap();
    });
}

#[test]
fn the_wait_at_the_end_is_no_checkpoint_of_the_parent() {
    // An outer cancel reaches the children. They come to an end of their own, so nothing was cut off, and
    // the parent goes on behind the nursery.
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let value = open_nursery(async |inner| {
                    inner.start_soon(async {
                        catch_cancel(sleep_forever()).await.unwrap_err();
                        log.say("child caught it");
                    });
                    inner.task().daemon().start_soon(sleep_forever());
                    ok("value")
                })
                .await;
                log.say(value.unwrap());
                checkpoint().await;
                log.say("unreachable");
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&["child caught it", "value"]);
}

#[test]
fn an_empty_nursery_is_a_point_where_others_get_a_turn() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                log.say("other");
            });
            open_nursery(async |_| {}).await.unwrap();
            log.say("after the empty nursery");
        })
        .await
        .unwrap();
    });
    log.expect(&["other", "after the empty nursery"]);
}

#[test]
fn an_empty_nursery_is_no_checkpoint_for_cancellation() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.cancel();
            open_nursery(async |_| {}).await.unwrap();
            log.say("not cut off");
            open_nursery(async |inner| inner.start_soon(async {}))
                .await
                .unwrap();
            log.say("nor with a child that does nothing");
            checkpoint().await;
            log.say("unreachable");
        })
        .await
        .unwrap_err();
    });
    log.expect(&["not cut off", "nor with a child that does nothing"]);
}

#[test]
fn a_failing_body_in_a_cancelled_scope_is_a_failure() {
    let seen = RefCell::new(None);
    run(async {
        open_nursery(async |outer| {
            outer.cancel();
            let inner = open_nursery(async |_| boom::<()>("inner")).await;
            *seen.borrow_mut() = Some(leaves_of(&inner.unwrap_err()));
        })
        .await
        .unwrap();
    });
    assert_eq!(seen.take().unwrap(), ["inner"]);
}

#[test]
fn a_loop_that_opens_empty_nurseries_does_not_starve_its_siblings() {
    let enough = Cell::new(false);
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                // If it starved the others, this would count to the end.
                let mut rounds = 0;
                while !enough.get() {
                    open_nursery(async |_| {}).await.unwrap();
                    rounds += 1;
                    assert!(rounds < 100_000, "nobody else gets a turn");
                }
            });
            nursery.start_soon(async {
                yield_n(20).await;
                enough.set(true);
            });
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_children_return_is_dropped_when_they_return_it() {
    struct Value<'a>(&'a Counts);
    impl Drop for Value<'_> {
        fn drop(&mut self) {
            self.0.drops.set(self.0.drops.get() + 1);
        }
    }
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async { ok(Value(&counts)) });
            settle().await;
            assert_eq!(counts.drops(), 1);
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn cancelling_the_top_reaches_all_leaves() {
    let log = Log::new();
    run(async {
        open_nursery(async |top| {
            for branch in ["a", "b"] {
                let log = &log;
                top.start_soon(async move {
                    let _unreachable = open_nursery(async |nursery| {
                        for leaf in ["1", "2"] {
                            nursery.start_soon(async move {
                                let _cleanup = log.at_drop(format!("{branch}{leaf}"));
                                sleep_forever().await;
                            });
                        }
                    })
                    .await;
                    // The body had its value, so this is reached; the next checkpoint is not passed.
                    checkpoint().await;
                    log.say("unreachable");
                });
            }
            settle().await;
            top.cancel();
        })
        .await
        .unwrap();
    });
    log.expect_batches(&[&["a1", "a2", "b1", "b2"]]);
}

#[test]
fn len_counts_the_children_that_have_not_ended() {
    run(async {
        open_nursery(async |nursery| {
            assert!(nursery.is_empty());
            nursery.start_soon(async {});
            nursery.start_soon(yield_n(2));
            nursery.task().daemon().start_soon(sleep_forever());
            assert_eq!(nursery.len(), 3);
            checkpoint().await;
            assert_eq!(nursery.len(), 2);
            settle().await;
            assert_eq!(nursery.len(), 1);
            nursery.cancel();
            assert_eq!(nursery.len(), 1, "cancelling ends nobody before it returns");
        })
        .await
        .unwrap();
    });
}

#[test]
fn cancel_is_idempotent_and_the_first_reason_stays() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.cancel_scope().cancel_because("the first");
            nursery.cancel_scope().cancel_because("the second");
            nursery.cancel();
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    let NurseryError::Cancelled(cancelled) = error else {
        panic!("{error:?}")
    };
    assert_eq!(cancelled.kind(), CancelKind::Explicit);
    assert_eq!(cancelled.reason(), Some("the first"));
}

#[test]
fn the_report_of_a_cancellation_says_where_it_was_asked_for() {
    let line = Cell::new(0);
    let error = run(async {
        open_nursery(async |nursery| {
            line.set(line!() + 1);
            nursery.cancel();
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    let NurseryError::Cancelled(cancelled) = error else {
        panic!("{error:?}")
    };
    assert_eq!(cancelled.location().file(), file!());
    assert_eq!(cancelled.location().line(), line.get());
    assert!(
        cancelled
            .to_string()
            .contains(&format!("{}:{}", file!(), line.get())),
        "{cancelled}"
    );
}

#[test]
fn cancelling_reaches_who_is_running_only_at_the_next_checkpoint() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert!(!is_cancelled());
                nursery.cancel();
                assert!(is_cancelled());
                log.say("still running");
                checkpoint().await;
                log.say("unreachable");
            });
            sleep_forever().await;
        })
        .await
        .unwrap_err();
    });
    log.expect(&["still running"]);
}

#[test]
fn a_cancelled_operation_has_no_effect() {
    run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            nursery.start_soon(async {
                let _look = on_drop(|| assert_eq!(statistics().timers, 0));
                sleep(Duration::from_secs(3600)).await;
            });
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_foreign_future_that_never_wakes_is_cut_off_as_well() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(pending::<()>()));
            settle().await;
            assert_eq!(counts.polls(), 1);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(
        counts.polls(),
        2,
        "it is asked once more before it is cut off"
    );
    assert_eq!(counts.drops(), 1);
}

#[test]
fn locals_of_a_cancelled_child_are_gone_before_the_nursery_returns() {
    let shared = Rc::new(());
    let weak: Weak<()> = Rc::downgrade(&shared);
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                let local = shared;
                sleep_forever().await;
                drop(local);
            });
            checkpoint().await;
            nursery.cancel();
            sleep_forever().await;
        })
        .await
        .unwrap_err();
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn a_child_is_dropped_where_it_ends_and_not_when_its_nursery_does() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(yield_n(1)));
            settle().await;
            assert_eq!((counts.polls(), counts.drops()), (2, 1));
        })
        .await
        .unwrap();
    });
    assert_eq!((counts.polls(), counts.drops()), (2, 1));
}

#[test]
fn a_child_is_polled_when_it_is_woken_and_not_otherwise() {
    let (counts, waker) = (Counts::new(), RefCell::new(None));
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(park(|own| *waker.borrow_mut() = Some(own))));
            nursery.start_soon(yield_n(10));
            settle().await;
            assert_eq!(counts.polls(), 1);
            waker.take().unwrap().wake();
            settle().await;
            assert_eq!(counts.polls(), 2);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_s_wake_does_not_poll_the_body_nor_the_other_way_round() {
    let (body, child, waker) = (Counts::new(), Counts::new(), RefCell::new(None));
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(child.of(yield_n(50)));
            body.of(yield_n(3)).await;
            assert_eq!(body.polls(), 4);
            let waker = &waker;
            nursery.start_soon(async move {
                settle().await;
                let waker: Option<Waker> = waker.take();
                waker.expect("the body is parked").wake();
            });
            body.of(park(|own| *waker.borrow_mut() = Some(own))).await;
            assert_eq!(body.polls(), 6);
        })
        .await
        .unwrap();
    });
    assert_eq!(child.polls(), 51);
}

#[test]
fn many_wakes_between_two_turns_are_one_poll() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(async {
                for _ in 0..3 {
                    park(|waker| {
                        for _ in 0..times(100_000, 100) {
                            waker.wake_by_ref();
                        }
                    })
                    .await;
                }
            }));
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.polls(), 4);
}

#[test]
fn many_children_end_and_fail_with_exact_counts() {
    let count = times(10_000, 100);
    let counts = Counts::new();
    let error = run(async {
        open_nursery(async |nursery| {
            for number in 0..count {
                let counts = &counts;
                nursery.start_soon(counts.of(async move {
                    yield_n(number % 3).await;
                    if number % 100 == 50 {
                        boom::<()>("one of many")
                    } else {
                        Ok(())
                    }
                }));
            }
        })
        .await
    })
    .unwrap_err();
    // All those of the first turns fail; the rest ended before they were reached by the cancel.
    assert!(!leaves_of(&error).is_empty());
    assert_eq!(counts.drops(), count);
}

#[test]
fn a_body_may_be_a_plain_closure_that_returns_a_future() {
    fn body<'a>(
        nursery: &'a Nursery<'a, '_>,
    ) -> Pin<Box<dyn Future<Output = Result<i32, BoxError>> + 'a>> {
        nursery.start_soon(async {});
        Box::pin(async {
            checkpoint().await;
            ok(3)
        })
    }
    assert_eq!(run(async { open_nursery(body).await }).unwrap(), 3);
}

#[test]
fn endless_children_may_have_the_type_never() {
    async fn endless() -> Result<std::convert::Infallible, BoxError> {
        loop {
            checkpoint().await;
        }
    }
    async fn forever(counts: &Counts) -> ! {
        let _guard = counts.guard();
        loop {
            checkpoint().await;
        }
    }
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(endless());
            nursery.start_soon(forever(&counts));
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_nursery_that_is_never_polled_does_nothing() {
    let counts = Counts::new();
    run(async {
        let guard = counts.guard();
        drop(open_nursery(async move |nursery| {
            let _guard = guard;
            nursery.start_soon(async { unreachable!("it is never polled") });
        }));
        assert_eq!(counts.drops(), 1);
    });
}

#[test]
fn debug_of_a_nursery_and_its_scope_show_state() {
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(sleep_forever());
            let text = format!("{nursery:?}");
            assert!(text.contains("children: 1"), "{text}");
            nursery.cancel_scope().cancel_because("to see it");
            let text = format!("{nursery:?}");
            assert!(text.contains("to see it"), "{text}");
            assert!(nursery.cancel_scope().is_cancelled());
        })
        .await
        .unwrap();
    });
}
