//! Clean-up that awaits: `on_cancel`. Rule C20, DESIGN's "nothing is lost", and trio's docs on
//! shielded clean-up.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::time::Duration;

use crate::support::{
    self, Boom, Counts, Log, Unordered, boom, join_all, leaves_of, message_of, poll_once, run,
    run_virtual, run_with, select, settle, yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelScope, TooSlow, catch_cancel, checkpoint, current_effective_deadline,
    current_time, fail_after, is_cancelled, move_on_after, ok, on_cancel, open_nursery, shield,
    sleep, sleep_forever, statistics,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn success_runs_no_clean_up() {
    run(async {
        let value = on_cancel(async { 4 }, async || unreachable!("not cut off"));
        let value: u8 = value.await;
        assert_eq!(value, 4);
        let value = on_cancel(yield_n(5), async || unreachable!("not cut off"));
        let () = value.await;
    });
}

#[test]
fn success_wins_over_a_cancel_and_runs_no_clean_up() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(on_cancel(
            async {
                scope.cancel();
                5
            },
            async || unreachable!("it has its value"),
        ));
        let result: Result<u8, _> = result.await;
        assert_eq!(result, Ok(5));
    });
}

#[test]
fn an_error_of_the_future_is_its_value_and_runs_no_clean_up() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(on_cancel(
            async {
                scope.cancel();
                boom::<()>("value")
            },
            async || unreachable!(),
        ));
        let result: Result<Result<(), Boom>, _> = result.await;
        assert_eq!(result, Ok(Err(Boom("value"))));
    });
}

#[test]
fn the_clean_up_runs_after_the_future_was_dropped_and_may_await() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let _task = log.at_drop("task");
            on_cancel(
                async {
                    let _future = log.at_drop("future");
                    sleep_forever().await;
                },
                async || {
                    log.say("begins");
                    assert!(!is_cancelled());
                    yield_n(30).await;
                    sleep(Duration::from_micros(1)).await;
                    log.say("ends");
                },
            )
            .await;
            log.say("never");
        });
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["future", "begins", "ends", "task"]);
}

#[test]
fn cancelled_before_the_first_checkpoint_it_cleans_up_as_well() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(on_cancel(
            async {
                log.say("began");
                checkpoint().await;
                log.say("never");
            },
            async || {
                checkpoint().await;
                log.say("cleaned up");
            },
        ));
        assert!(result.await.is_err());
    });
    log.expect(&["began", "cleaned up"]);
}

#[test]
fn what_was_never_polled_is_not_cleaned_up() {
    run(async {
        drop(on_cancel(async {}, async || unreachable!("it never began")));
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(async {
            checkpoint().await;
            on_cancel(async {}, async || unreachable!("it never began")).await;
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn clean_ups_run_from_the_inside_out() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(
            on_cancel(
                on_cancel(sleep_forever(), async || {
                    yield_n(3).await;
                    log.say("innermost");
                }),
                async || {
                    yield_n(2).await;
                    log.say("middle");
                },
            ),
            async || log.say("outermost"),
        ));
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["innermost", "middle", "outermost"]);
}

#[test]
fn clean_ups_of_children_run_before_their_owner_s() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let (log, scope) = (&log, nursery.cancel_scope().clone());
        nursery.start_soon(async move {
            let owner = open_nursery(async |inner| {
                for _ in 0..3 {
                    inner.start_soon(on_cancel(sleep_forever(), async || {
                        settle().await;
                        log.say("child");
                    }));
                }
                on_cancel(sleep_forever(), async || log.say("body")).await;
            });
            let result = on_cancel(owner, async || log.say("owner")).await;
            log.say("never");
            result
        });
        settle().await;
        scope.cancel();
    }))
    .unwrap();
    let entries = log.entries();
    assert_eq!(log.count("child"), 3);
    assert_eq!(log.count("body"), 1);
    assert_eq!(
        entries.last().map(String::as_str),
        Some("owner"),
        "{entries:?}"
    );
    assert_eq!(entries.len(), 5, "{entries:?}");
}

#[test]
fn clean_ups_of_siblings_run_side_by_side() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let result = open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery.start_soon(on_cancel(sleep_forever(), async || sleep(secs(5)).await));
            }
            settle().await;
            nursery.cancel();
        });
        result.await.unwrap();
    });
    assert_eq!(clock.elapsed(), secs(5));
}

#[test]
fn a_clean_up_that_fails_fails_the_nursery_though_nothing_else_did() {
    let error = run(open_nursery(async |nursery| {
        nursery
            .task()
            .name("client")
            .start_soon(on_cancel(sleep_forever(), async || {
                checkpoint().await;
                boom::<()>("no goodbye")
            }));
        settle().await;
        nursery.cancel();
        ok("a value that is lost to an error")
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["no goodbye"]);
    let multi = error.multi().unwrap();
    let leaf = multi.leaves().next().unwrap();
    assert!(leaf.task().contains("client"), "{}", leaf.task());
    assert!(leaf.site().file().ends_with("cleanup.rs"));
    assert!(error.find::<Boom>().is_some());
}

#[test]
fn every_failing_clean_up_is_kept_beside_the_first_failure() {
    let error = run(open_nursery(async |nursery| {
        for _ in 0..3 {
            nursery.start_soon(on_cancel(sleep_forever(), async || {
                yield_n(3).await;
                boom::<()>("clean-up")
            }));
        }
        settle().await;
        boom::<()>("cause")
    }))
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    leaves.sort();
    assert_eq!(leaves, ["cause", "clean-up", "clean-up", "clean-up"]);
}

#[test]
fn a_failing_clean_up_in_an_outer_cancellation_reaches_its_nursery_and_on() {
    let error = run(open_nursery(async |outer| {
        outer.start_soon(async {
            open_nursery(async |inner| {
                inner.start_soon(on_cancel(sleep_forever(), async || boom::<()>("clean-up")));
                sleep_forever().await;
            })
            .await
        });
        settle().await;
        outer.cancel();
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["clean-up"]);
}

#[test]
fn the_failing_clean_up_of_a_body_is_the_nursery_s() {
    let error = run(open_nursery(async |nursery| {
        nursery.cancel();
        on_cancel(sleep_forever(), async || boom::<()>("body")).await;
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["body"]);
}

#[test]
fn a_failing_clean_up_of_an_inner_scope_fails_the_nursery_around_it() {
    let error = run(open_nursery(async |nursery| {
        nursery.start_soon(sleep_forever());
        let scope = CancelScope::new();
        scope.cancel();
        let cut = scope.run(on_cancel(sleep_forever(), async || {
            boom::<()>("inner scope")
        }));
        assert!(cut.await.is_err());
        sleep_forever().await;
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["inner scope"]);
}

#[test]
fn both_of_two_nested_clean_ups_that_fail_are_kept() {
    let error = run(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(
            on_cancel(sleep_forever(), async || boom::<()>("inner")),
            async || boom::<()>("outer"),
        ));
        settle().await;
        nursery.cancel();
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["inner", "outer"]);
}

#[test]
fn a_clean_up_that_panics_panics_the_nursery_after_the_others_are_done() {
    let others = Cell::new(0);
    let text = message_of(|| {
        run(open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(on_cancel(sleep_forever(), async || {
                    settle().await;
                    others.set(others.get() + 1);
                }));
            }
            nursery.start_soon(on_cancel(sleep_forever(), async || {
                checkpoint().await;
                panic!("in the clean-up")
            }));
            settle().await;
            nursery.cancel();
        }))
    });
    assert_eq!(text, "in the clean-up");
    assert_eq!(others.get(), 3);
}

#[test]
fn a_clean_up_closure_that_panics_before_its_first_await_panics_the_nursery() {
    let text = message_of(|| {
        run(open_nursery(async |nursery| {
            nursery.start_soon(on_cancel(sleep_forever(), || {
                if is_cancelled() {
                    panic!("no future at all");
                }
                std::future::ready(())
            }));
            settle().await;
            nursery.cancel();
        }))
    });
    assert_eq!(text, "no future at all");
}

#[test]
fn a_destructor_that_panics_on_the_way_out_leaves_the_outer_clean_up_alone() {
    let text = message_of(|| {
        run(open_nursery(async |nursery| {
            nursery.start_soon(on_cancel(
                async {
                    let _local = support::on_drop(|| panic!("destructor"));
                    sleep_forever().await;
                },
                async || unreachable!("a panic is no cancellation"),
            ));
            settle().await;
            nursery.cancel();
        }))
    });
    assert_eq!(text, "destructor");
}

#[test]
fn a_clean_up_with_a_time_that_is_kept_is_as_any() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let limited = move_on_after(
            secs(1),
            on_cancel(sleep_forever(), async || {
                assert_eq!(
                    current_effective_deadline(),
                    Some(current_time() + secs(5)),
                    "its own limit counts from its beginning, and no outer one"
                );
                sleep(secs(4)).await;
            })
            .within(secs(5)),
        );
        assert_eq!(limited.await, None);
        assert_eq!(statistics().timers, 0);
    });
    assert_eq!(clock.elapsed(), secs(5));
}

#[test]
fn a_clean_up_that_takes_too_long_is_cut_off_and_reported() {
    let clock = MockClock::new();
    let log = Log::new();
    let error = run_with(
        Builder::new().clock(clock.clone()),
        open_nursery(async |nursery| {
            nursery.task().name("slow").start_soon(
                on_cancel(sleep_forever(), async || {
                    let _local = log.at_drop("cut");
                    sleep_forever().await;
                })
                .within(secs(3)),
            );
            settle().await;
            nursery.cancel();
        }),
    )
    .unwrap_err();
    assert_eq!(clock.elapsed(), secs(3));
    log.expect(&["cut"]);
    let too_slow = error.find::<TooSlow>().unwrap();
    assert_eq!(too_slow.allowed(), Some(secs(3)));
    assert!(too_slow.location().file().ends_with("cleanup.rs"));
    assert_eq!(error.multi().unwrap().len(), 1);
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert!(leaf.task().contains("slow"), "{}", leaf.task());
}

#[test]
fn a_clean_up_without_any_time_runs_to_its_first_checkpoint() {
    let log = Log::new();
    let error = run(open_nursery(async |nursery| {
        nursery.start_soon(
            on_cancel(sleep_forever(), async || {
                log.say("began");
                checkpoint().await;
                log.say("never");
            })
            .within(Duration::ZERO),
        );
        nursery.start_soon(
            on_cancel(sleep_forever(), async || log.say("at once")).within(Duration::ZERO),
        );
        settle().await;
        nursery.cancel();
    }))
    .unwrap_err();
    assert_eq!(error.multi().unwrap().len(), 1);
    assert!(error.find::<TooSlow>().is_some());
    log.expect_batches(&[&["at once", "began"]]);
}

#[test]
fn a_clean_up_s_own_children_are_waited_for_when_it_overruns() {
    let clock = MockClock::new();
    let log = Log::new();
    let error = run_with(
        Builder::new().clock(clock.clone()),
        open_nursery(async |nursery| {
            nursery.start_soon(
                on_cancel(sleep_forever(), async || {
                    let _never = open_nursery(async |inner| {
                        inner.start_soon(on_cancel(sleep_forever(), async || {
                            sleep(secs(2)).await;
                            log.say("the clean-up's child has cleaned up");
                        }));
                        sleep_forever().await;
                    })
                    .await;
                    log.say("never");
                })
                .within(secs(3)),
            );
            settle().await;
            nursery.cancel();
        }),
    )
    .unwrap_err();
    assert_eq!(clock.elapsed(), secs(5));
    assert!(error.find::<TooSlow>().is_some());
    log.expect(&["the clean-up's child has cleaned up"]);
}

#[test]
fn a_clean_up_within_a_clean_up_runs_when_the_outer_one_overruns() {
    let log = Log::new();
    let error = run_virtual(open_nursery(async |nursery| {
        nursery.start_soon(
            on_cancel(sleep_forever(), async || {
                log.say("clean-up");
                on_cancel(sleep_forever(), async || {
                    sleep(secs(10)).await;
                    log.say("clean-up of the clean-up");
                    boom::<()>("fails too")
                })
                .await;
            })
            .within(secs(1)),
        );
        settle().await;
        nursery.cancel();
    }))
    .unwrap_err();
    log.expect(&["clean-up", "clean-up of the clean-up"]);
    assert_eq!(error.multi().unwrap().len(), 2);
    assert!(error.find::<TooSlow>().is_some() && error.find::<Boom>().is_some());
}

#[test]
fn a_scope_in_a_clean_up_works_as_anywhere() {
    let log = Log::new();
    run_virtual(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(sleep_forever(), async || {
            let limited = fail_after(secs(1), sleep_forever());
            log.say(
                limited
                    .await
                    .unwrap_err()
                    .to_string()
                    .split(' ')
                    .next()
                    .unwrap(),
            );
            let scope = CancelScope::new();
            scope.cancel();
            assert!(scope.run(sleep_forever()).await.is_err());
            assert!(!is_cancelled());
        }));
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["took"]);
}

#[test]
fn a_cancel_from_further_out_does_not_touch_a_clean_up() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let (outer_too, inner_too) = (outer.clone(), inner.clone());
        nursery.start_soon(async move {
            settle().await;
            inner_too.cancel();
            settle().await;
            outer_too.cancel();
        });
        let result = outer.run(inner.run(on_cancel(sleep_forever(), async || {
            for _ in 0..10 {
                settle().await;
                assert!(!is_cancelled());
            }
            log.say("whole");
        })));
        assert!(result.await.is_err());
    }))
    .unwrap();
    log.expect(&["whole"]);
}

#[test]
fn a_clean_up_in_main_needs_no_nursery() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let cut = scope.run(on_cancel(sleep_forever(), async || {
            settle().await;
            log.say("cleaned up");
        }));
        assert!(cut.await.is_err());
        let failing = CancelScope::new();
        failing.cancel();
        let cut = failing.run(on_cancel(sleep_forever(), async || {
            log.say("fails");
            boom::<()>("told through `tracing`")
        }));
        assert!(cut.await.is_err());
    });
    log.expect(&["cleaned up", "fails"]);
}

#[test]
fn a_clean_up_starts_children_in_its_nursery_which_run_to_their_first_checkpoint() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let log = &log;
        nursery.start_soon(async move {
            on_cancel(sleep_forever(), async || {
                nursery.start_soon(async {
                    log.say("child of the clean-up");
                    shield(yield_n(5)).await;
                    log.say("shielded");
                    checkpoint().await;
                    log.say("never");
                });
                settle().await;
                log.say("cleaned up");
            })
            .await;
        });
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["child of the clean-up", "shielded", "cleaned up"]);
}

#[test]
fn a_clean_up_opens_a_nursery_of_its_own() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(sleep_forever(), async || {
            let value = open_nursery(async |own| {
                let handle = own.spawn(async {
                    settle().await;
                    ok(5)
                });
                ok(handle.await?)
            });
            assert_eq!(value.await.unwrap(), 5);
            log.say("done");
        }));
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["done"]);
}

#[test]
fn a_foreign_drop_runs_no_clean_up() {
    let counts = Counts::new();
    run(async {
        let raced = select(
            yield_n(3),
            on_cancel(counts.of(pending::<()>()), async || {
                unreachable!("nobody cancelled")
            }),
        );
        let _first = raced.await;
        assert_eq!(counts.drops(), 1);
    });
}

#[test]
fn a_foreign_drop_of_a_running_clean_up_drops_it() {
    let log = Log::new();
    run(async {
        let before = statistics();
        let scope = CancelScope::new();
        scope.cancel();
        let mut cut = Box::pin(
            scope.run(
                on_cancel(sleep_forever(), async || {
                    let _local = log.at_drop("dropped");
                    sleep_forever().await;
                })
                .within(secs(100)),
            ),
        );
        assert!(poll_once(&mut cut).await.is_pending());
        drop(cut);
        drop(scope);
        let after = statistics();
        assert_eq!((after.frames, after.timers), (before.frames, before.timers));
    });
    log.expect(&["dropped"]);
}

#[test]
fn clean_ups_in_a_join_are_all_run_and_waited_for() {
    let count = support::times(100, 18);
    let done = Cell::new(0);
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let branches = (0..count).map(|number| {
            let done = &done;
            on_cancel(sleep_forever(), async move || {
                yield_n(number % 17).await;
                done.set(done.get() + 1);
            })
        });
        assert!(scope.run(join_all(branches)).await.is_err());
    });
    assert_eq!(done.get(), count);
}

#[test]
fn clean_ups_in_a_set_that_polls_only_who_was_woken_are_all_run_and_waited_for() {
    let count = support::times(50, 18);
    let done = Cell::new(0);
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let canceller = scope.clone();
        nursery.start_soon(async move {
            settle().await;
            canceller.cancel();
        });
        let result = scope.run(async {
            let mut set = Unordered::new();
            for number in 0..count {
                let done = &done;
                set.push(on_cancel(pending::<()>(), async move || {
                    yield_n(number % 17).await;
                    done.set(done.get() + 1);
                }));
            }
            set.next().await
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    assert_eq!(done.get(), count);
}

#[test]
fn inside_catch_cancel_the_clean_up_runs_before_the_catch() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            let caught = catch_cancel(on_cancel(sleep_forever(), async || {
                settle().await;
                log.say("cleaned up");
            }));
            assert!(caught.await.is_err());
            log.say("caught");
            checkpoint().await;
        });
        assert!(result.await.is_err());
    });
    log.expect(&["cleaned up", "caught"]);
}

#[test]
fn around_a_shield_the_clean_up_runs_when_the_shield_is_done() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(
            async {
                shield(yield_n(40)).await;
                log.say("shield");
                sleep_forever().await;
            },
            async || log.say("clean-up"),
        ));
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["shield", "clean-up"]);
}

#[test]
fn a_deadline_inside_runs_the_clean_ups_inside_it_only() {
    let log = Log::new();
    run_virtual(async {
        let value = on_cancel(
            async {
                let limited = move_on_after(
                    secs(1),
                    on_cancel(sleep_forever(), async || log.say("inside")),
                );
                assert_eq!(limited.await, None);
                5
            },
            async || log.say("outside"),
        );
        let value: u8 = value.await;
        assert_eq!(value, 5);
    });
    log.expect(&["inside"]);
}

#[test]
fn a_hundred_clean_ups_within_each_other_run_in_order() {
    let order = RefCell::new(Vec::new());
    let depth = support::times(100, 8);
    run(open_nursery(async |nursery| {
        let mut nested: std::pin::Pin<Box<dyn Future<Output = ()> + '_>> =
            Box::pin(sleep_forever());
        for level in 0..depth {
            let order = &order;
            nested = Box::pin(on_cancel(nested, async move || {
                checkpoint().await;
                order.borrow_mut().push(level);
            }));
        }
        nursery.start_soon(nested);
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    assert_eq!(order.take(), (0..depth).collect::<Vec<_>>());
}

#[test]
fn debug_tells_what_it_is_doing() {
    run(async {
        let scope = CancelScope::new();
        let mut future = Box::pin(on_cancel(sleep_forever(), async || sleep_forever().await));
        assert_eq!(format!("{future:?}"), "OnCancel(running)");
        let _cut = scope
            .run(async {
                scope.cancel();
                assert!(poll_once(&mut future).await.is_pending());
            })
            .await;
        assert_eq!(format!("{future:?}"), "OnCancel(cleaning up)");
    });
}

/// A set of futures does not poll again what was not woken. What was polled inside a timeout that ended
/// was a root of its own afterwards, and a cancel of the task passed it by.
#[test]
fn a_set_that_was_polled_inside_a_timeout_is_cleaned_up_by_the_task_around_it() {
    let cleaned = Cell::new(false);
    let result = run_virtual(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let mut set = Unordered::new();
            set.push(on_cancel(sleep_forever(), async || {
                checkpoint().await;
                cleaned.set(true);
            }));
            set.push(checkpoint());
            assert!(move_on_after(secs(3600), set.next()).await.is_some());
            while set.next().await.is_some() {}
        });
        yield_n(5).await;
        nursery.cancel();
    }));
    assert!(result.is_ok());
    assert!(cleaned.get());
}

/// It is not the echo of the cancellation that it runs in, as that does not reach it.
#[test]
fn a_clean_up_that_fails_with_a_cancellation_of_its_own_is_reported() {
    let result = run_virtual(open_nursery(async |nursery| {
        nursery.start_soon(on_cancel(sleep_forever(), async || {
            let flush = CancelScope::new().name("flush").timeout(secs(1));
            flush.run(sleep_forever()).await
        }));
        yield_n(3).await;
        nursery.cancel();
    }));
    let error = result.unwrap_err();
    let cancelled = error.find::<nestling::Cancelled>().unwrap();
    assert_eq!(cancelled.scope(), Some("flush"));
}
