//! What somebody else drops half-way: destructors at once, nothing left, no clean-up. And programs
//! that are dropped, or cancelled, after every single one of their polls.

use std::cell::Cell;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use crate::steps::{Living, cancel_after_every_poll, drop_after_every_poll};
use crate::support::{
    self, Counts, Either, Flag, Unordered, join_all, poll_once, run, run_virtual, select, settle,
    waker_of, with_waker, yield_n,
};
use nestling::{
    CancelScope, Ready, StartError, catch_cancel, checkpoint, current_time, fail_after, interval,
    move_on_after, move_on_at, ok, on_cancel, open_nursery, shield, shutdown_requested, sleep,
    sleep_forever, sleep_until, statistics,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Races `loser` against a few turns; afterwards, nothing of it may be left.
async fn loses<F: Future>(counts: &Counts, loser: F) {
    let before = statistics();
    let drops = counts.drops();
    let race = select(yield_n(5), loser).await;
    assert!(matches!(race, Either::First(())));
    assert!(counts.drops() > drops, "its destructors have run");
    let after = statistics();
    assert_eq!((after.frames, after.timers), (before.frames, before.timers));
}

#[test]
fn a_scope_that_loses_a_race_leaves_nothing() {
    run(async {
        let counts = Counts::new();
        loses(&counts, async {
            let scope = CancelScope::new().timeout(secs(60)).shielded();
            scope.run(counts.of(pending::<()>())).await
        })
        .await;
        let scope = CancelScope::new();
        let before = statistics().frames;
        let raced = select(yield_n(5), scope.run(counts.of(pending::<()>())));
        assert!(matches!(raced.await, Either::First(())));
        assert_eq!(statistics().frames, before);
        scope.cancel();
        assert!(!scope.cancel_called(), "it was over");
    });
}

#[test]
fn limits_in_time_that_lose_a_race_leave_nothing() {
    run(async {
        let counts = Counts::new();
        loses(&counts, move_on_after(secs(60), counts.of(pending::<()>()))).await;
        loses(&counts, fail_after(secs(60), counts.of(pending::<()>()))).await;
        let at = current_time() + secs(60);
        loses(&counts, move_on_at(at, counts.of(sleep(secs(60))))).await;
    });
}

#[test]
fn shields_and_catches_that_lose_a_race_leave_nothing() {
    run(async {
        let counts = Counts::new();
        loses(&counts, shield(counts.of(pending::<()>()))).await;
        loses(&counts, catch_cancel(counts.of(pending::<()>()))).await;
        loses(
            &counts,
            shield(shield(catch_cancel(counts.of(sleep(secs(60)))))),
        )
        .await;
    });
}

#[test]
fn a_clean_up_that_loses_a_race_does_not_run() {
    run(async {
        let counts = Counts::new();
        let cleaned = on_cancel(counts.of(pending::<()>()), async || {
            unreachable!("nobody cancelled")
        });
        loses(&counts, cleaned).await;
        let cleaned = on_cancel(counts.of(pending::<()>()), async || {
            unreachable!("nobody cancelled")
        });
        loses(&counts, cleaned.within(secs(1))).await;
    });
}

#[test]
fn a_nursery_that_loses_a_race_drops_all_its_children_at_once() {
    run(async {
        let counts = Counts::new();
        let nursery = open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery.start_soon(counts.of(async {
                    let inner = open_nursery(async |inner| {
                        inner.start_soon(counts.of(sleep(secs(60))));
                        inner.start_soon(counts.of(shield(pending::<()>())));
                        sleep_forever().await;
                    });
                    inner.await
                }));
            }
        });
        loses(&counts, nursery).await;
        assert_eq!(counts.drops(), 30);
    });
}

#[test]
fn handles_and_starts_that_lose_a_race_leave_nothing() {
    run(open_nursery(async |nursery| {
        let counts = Counts::new();
        let mut handle = nursery.spawn(async {
            settle().await;
            ok(4)
        });
        loses(&counts, counts.of(&mut handle)).await;
        assert_eq!(handle.await, Ok(4));
    }))
    .unwrap();
    run(async {
        let counts = Counts::new();
        open_nursery(async |nursery| {
            let before = statistics().frames;
            let start = nursery.start(async |_ready: Ready<()>| {
                let _local = counts.guard();
                sleep_forever().await;
                Ok::<_, StartError>(())
            });
            let raced = select(yield_n(5), start).await;
            assert!(matches!(raced, Either::First(())));
            settle().await;
            assert_eq!(counts.drops(), 1, "its child has been cancelled");
            assert_eq!(statistics().frames, before);
        })
        .await
        .unwrap();
    });
}

#[test]
fn sleeps_and_listeners_that_lose_a_race_leave_nothing() {
    run(async {
        let counts = Counts::new();
        loses(&counts, counts.of(sleep(secs(60)))).await;
        loses(&counts, counts.of(sleep_until(current_time() + secs(60)))).await;
        loses(&counts, counts.of(sleep_forever())).await;
        loses(&counts, counts.of(shutdown_requested())).await;
        let mut ticks = interval(secs(60));
        ticks.tick().await;
        loses(&counts, counts.of(ticks.tick())).await;
        let service = CancelScope::new();
        loses(&counts, counts.of(service.shutdown(secs(60)))).await;
    });
}

#[test]
fn what_was_never_polled_leaves_nothing() {
    run(open_nursery(async |nursery| {
        let before = statistics();
        let scope = CancelScope::new().timeout(secs(1));
        drop(scope.run(async {}));
        drop(scope);
        drop(move_on_after(secs(1), async {}));
        drop(fail_after(secs(1), async {}));
        drop(shield(async {}));
        drop(catch_cancel(async {}));
        drop(on_cancel(async {}, async || {}));
        drop(open_nursery(async |_| {}));
        drop(nursery.start(async |_: Ready<()>| {}));
        drop(sleep(secs(1)));
        drop(shutdown_requested());
        let after = statistics();
        assert_eq!((after.frames, after.timers), (before.frames, before.timers));
        assert_eq!(nursery.len(), 0);
    }))
    .unwrap();
}

#[test]
fn a_set_that_is_dropped_with_a_hundred_parked_things_leaves_nothing() {
    run(async {
        let before = statistics();
        let counts = Counts::new();
        {
            let mut set = Unordered::new();
            for number in 0..100 {
                let counted = counts.of(sleep(secs(60)));
                match number % 5 {
                    0 => set.push(shield(counted)),
                    1 => set.push(async { drop(catch_cancel(counted).await) }),
                    2 => set
                        .push(async { assert!(move_on_after(secs(50), counted).await.is_none()) }),
                    3 => set.push(on_cancel(counted, async || unreachable!())),
                    _ => set.push(async {
                        let nursery = open_nursery(async |nursery| nursery.start_soon(counted));
                        drop(nursery.await);
                    }),
                }
            }
            let raced = select(yield_n(5), set.next()).await;
            assert!(matches!(raced, Either::First(())));
        }
        assert_eq!(counts.drops(), 100);
        let after = statistics();
        assert_eq!((after.frames, after.timers), (before.frames, before.timers));
    });
}

#[test]
fn a_scope_dropped_while_it_is_being_unwound_leaves_nothing() {
    run_virtual(async {
        let counts = Counts::new();
        let scope = CancelScope::new();
        let mut future = Box::pin(scope.run(open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(async {
                    let _local = counts.guard();
                    shield(sleep(secs(60))).await;
                });
                nursery.start_soon(on_cancel(counts.of(sleep_forever()), async || {
                    let _local = counts.guard();
                    sleep(secs(60)).await;
                }));
            }
        })));
        for _ in 0..3 {
            assert!(poll_once(&mut future).await.is_pending());
            checkpoint().await;
        }
        scope.cancel();
        for _ in 0..3 {
            assert!(poll_once(&mut future).await.is_pending());
            checkpoint().await;
        }
        assert_eq!(counts.drops(), 5, "these are cleaning up");
        drop(future);
        assert_eq!(counts.drops(), 15);
    });
}

#[test]
fn a_destructor_that_opens_things_while_all_is_dropped_does_no_harm() {
    run(async {
        let ran = Cell::new(0);
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _local = support::on_drop(|| {
                    nursery.start_soon(async { unreachable!("too late") });
                    nursery.cancel();
                    let scope = CancelScope::new();
                    scope.cancel();
                    drop(scope.shutdown(secs(1)));
                    ran.set(ran.get() + 1);
                });
                sleep_forever().await;
            });
        });
        let raced = select(yield_n(5), nursery).await;
        assert!(matches!(raced, Either::First(())));
        assert_eq!(ran.get(), 1);
    });
}

/// One of everything, in each other.
async fn everything(living: &Living) -> u32 {
    let _all = living.one();
    let service = CancelScope::new().name("service").timeout(secs(100));
    let asker = service.clone();
    let served = service.run(async {
        let _inside = living.one();
        open_nursery(async |nursery| {
            let _body = living.one();
            nursery.start_soon(async {
                let _child = living.one();
                shield(async {
                    let _shielded = living.one();
                    yield_n(2).await;
                })
                .await;
                shutdown_requested().await;
            });
            nursery.task().daemon().start_soon(on_cancel(
                async {
                    let _daemon = living.one();
                    let mut ticks = interval(secs(1));
                    loop {
                        ticks.tick().await;
                    }
                },
                async || {
                    let _cleaning = living.one();
                    yield_n(2).await;
                },
            ));
            let port = nursery.start(async |ready: Ready<u32>| {
                let _starting = living.one();
                sleep(secs(1)).await;
                ready.started(8);
                shutdown_requested().await;
            });
            let port = port.await?;
            let handle = nursery.spawn(async {
                let _spawned = living.one();
                let limited = move_on_after(secs(2), sleep_forever());
                ok(limited.await.is_none())
            });
            let timely = fail_after(secs(5), handle).await??;
            assert!(timely);
            let raced = select(sleep(secs(3)), sleep_forever()).await;
            assert!(matches!(raced, Either::First(())));
            drop(join_all((0..3).map(|_| catch_cancel(yield_n(2)))).await);
            drop(asker.shutdown(secs(10)));
            ok(port)
        })
        .await
    });
    served.await.unwrap().unwrap()
}

#[test]
fn everything_can_be_dropped_after_every_poll() {
    assert!(drop_after_every_poll(everything) > 10);
}

#[test]
fn everything_can_be_cancelled_after_every_poll() {
    let polls = cancel_after_every_poll(everything, |_, output| {
        assert!(output.is_none_or(|port| port == 8));
    });
    assert!(polls > 10);
}

#[test]
fn a_sleep_can_be_dropped_and_cancelled_after_every_poll() {
    let program = async |living: &Living| {
        let _one = living.one();
        sleep(secs(1)).await;
        sleep(Duration::ZERO).await;
        sleep_until(current_time()).await;
        checkpoint().await;
    };
    let all = drop_after_every_poll(program);
    assert_eq!(all, 5);
    let cancelled = cancel_after_every_poll(program, |polls, output| {
        assert_eq!(output.is_none(), polls < all, "{polls}");
    });
    assert_eq!(cancelled, all);
}

#[test]
fn a_shield_can_be_dropped_after_every_poll_and_is_not_cut_off_after_any() {
    let done = Cell::new(0);
    let program = async |living: &Living| {
        let _one = living.one();
        shield(async {
            let _inside = living.one();
            yield_n(3).await;
            sleep(secs(1)).await;
            done.set(done.get() + 1);
        })
        .await;
    };
    drop_after_every_poll(program);
    done.set(0);
    let polls = cancel_after_every_poll(program, |_, output| {
        assert!(output.is_some(), "a shield's value comes");
    });
    assert_eq!(done.get(), polls + 1);
}

#[test]
fn a_clean_up_runs_after_every_poll_it_is_cancelled_at_unless_there_is_a_value() {
    let cleaned = Cell::new(0);
    let program = async |living: &Living| {
        on_cancel(
            async {
                let _inside = living.one();
                yield_n(2).await;
                sleep(secs(1)).await;
            },
            async || {
                let _inside = living.one();
                yield_n(2).await;
                sleep(secs(1)).await;
                cleaned.set(cleaned.get() + 1);
            },
        )
        .await;
    };
    drop_after_every_poll(program);
    assert_eq!(cleaned.get(), 0, "a drop is no cancellation");
    let cut = Cell::new(0);
    cancel_after_every_poll(program, |_, output| {
        cut.set(cut.get() + usize::from(output.is_none()));
    });
    assert!(cut.get() > 2);
    assert_eq!(cleaned.get(), cut.get());
}

#[test]
fn a_running_clean_up_can_be_dropped_after_every_poll() {
    drop_after_every_poll(async |living: &Living| {
        let scope = CancelScope::new();
        scope.cancel();
        let cut = scope.run(
            on_cancel(
                async {
                    let _inside = living.one();
                    sleep_forever().await;
                },
                async || {
                    let _cleaning = living.one();
                    let nursery = open_nursery(async |nursery| {
                        nursery.start_soon(async {
                            let _child = living.one();
                            sleep(secs(2)).await;
                        });
                        yield_n(2).await;
                    });
                    nursery.await
                },
            )
            .within(secs(3)),
        );
        assert!(cut.await.is_err());
    });
}

#[test]
fn a_failing_nursery_can_be_dropped_and_cancelled_after_every_poll() {
    let program = async |living: &Living| {
        let failing = open_nursery(async |nursery| {
            for number in 0..3 {
                nursery.start_soon(async move {
                    let _child = living.one();
                    sleep(secs(number + 1)).await;
                    support::boom::<()>("fails")
                });
            }
            nursery.start_soon(async {
                let _child = living.one();
                shield(sleep(secs(2))).await;
            });
            sleep_forever().await;
        });
        failing.await.unwrap_err().multi().map(|multi| multi.len())
    };
    drop_after_every_poll(program);
    cancel_after_every_poll(program, |_, output| {
        assert!(matches!(output, None | Some(Some(1..=3))), "{output:?}");
    });
}

#[test]
fn what_was_dropped_keeps_no_waker() {
    async fn leaves_no_waker<F: Future>(name: &str, future: F) {
        let flag = Flag::new();
        let mut future = Box::pin(with_waker(waker_of(&flag), future));
        for _ in 0..3 {
            assert!(poll_once(&mut future).await.is_pending(), "{name}");
        }
        drop(future);
        assert_eq!(Arc::strong_count(&flag), 1, "{name}");
    }
    run(open_nursery(async |nursery| {
        let service = CancelScope::new();
        let scope = CancelScope::new().timeout(secs(60));
        leaves_no_waker("scope", scope.run(pending::<()>())).await;
        leaves_no_waker("limit", move_on_after(secs(60), pending::<()>())).await;
        leaves_no_waker("shield", shield(pending::<()>())).await;
        leaves_no_waker("catch", catch_cancel(pending::<()>())).await;
        leaves_no_waker("clean-up", on_cancel(pending::<()>(), async || {})).await;
        leaves_no_waker("sleep", sleep(secs(60))).await;
        leaves_no_waker("listener", shutdown_requested()).await;
        leaves_no_waker("report", service.shutdown(secs(60))).await;
        let nested = open_nursery(async |_| sleep_forever().await);
        leaves_no_waker("nursery", nested).await;
        let handle = nursery.spawn(sleep_forever());
        leaves_no_waker("handle", handle).await;
        let start = nursery.start(async |_ready: Ready<()>| sleep_forever().await);
        leaves_no_waker("start", start).await;
        nursery.cancel();
    }))
    .unwrap();
}
