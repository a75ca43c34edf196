//! Checkpoints: rules K1 to K5, K8 and K9 as DESIGN §3 decides them, and trio's cases 18, 59 in part
//! and 138.
//!
//! What is different or makes no sense here:
//! * K1, K9: an operation that can complete at once does so without a turn for the others, up to 128
//!   times in one poll.
//! * K3: the shape of a checkpoint is `poll_proceed`.
//! * K6 (`aclose`): dropping closes.
//! * K7 (which half of a context manager is a checkpoint): there are none; `scope.run` and its
//!   relatives are what their future is.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::support::{Counts, Log, poll_once, run, run_virtual, run_with, settle, times, yield_n};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelScope, Ready, StartError, catch_cancel, checkpoint, current_time, interval,
    is_cancelled, move_on_after, ok, on_cancel, open_nursery, poll_proceed, shield,
    shutdown_requested, sleep, sleep_forever, sleep_until, statistics,
};

/// The budget of one poll of one task.
const BUDGET: usize = 128;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether `operation` is cut off in a cancelled scope, leaving nothing in the run.
async fn is_cut_off<F: Future>(operation: F) -> bool {
    let before = statistics();
    let scope = CancelScope::new();
    scope.cancel();
    let cut = scope.run(operation).await.is_err();
    drop(scope);
    let after = statistics();
    assert_eq!((after.frames, after.timers), (before.frames, before.timers));
    cut
}

#[test]
fn checkpoint_in_a_cancelled_context_cuts_off() {
    run(async {
        assert!(is_cut_off(checkpoint()).await);
        checkpoint().await;
    });
}

#[test]
fn every_sleep_in_a_cancelled_context_cuts_off_also_one_that_is_over() {
    run(async {
        let past = current_time() - secs(1);
        assert!(is_cut_off(sleep(Duration::ZERO)).await);
        assert!(is_cut_off(sleep(secs(1))).await);
        assert!(is_cut_off(sleep_until(past)).await);
        assert!(is_cut_off(sleep_until(current_time() + secs(1))).await);
        assert!(is_cut_off(sleep_forever()).await);
    });
}

#[test]
fn a_sleep_that_was_over_before_the_cancel_is_cut_off_when_it_is_polled_after_it() {
    run_virtual(async {
        let mut over = Box::pin(sleep(secs(1)));
        assert!(poll_once(&mut over).await.is_pending());
        sleep(secs(2)).await;
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(&mut over).await.is_err());
        over.await;
    });
}

#[test]
fn a_tick_in_a_cancelled_context_is_cut_off_and_the_grid_has_not_begun() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let start = current_time();
        let mut ticks = interval(secs(10));
        assert!(is_cut_off(ticks.tick()).await);
        clock.jump(secs(3));
        assert_eq!(
            ticks.tick().await,
            start + secs(3),
            "the first tick is at once"
        );
        assert_eq!(ticks.tick().await, start + secs(13));
        assert_eq!(current_time(), start + secs(13));
    });
}

#[test]
fn a_tick_that_is_cut_off_is_not_lost() {
    run_virtual(async {
        let start = current_time();
        let mut ticks = interval(secs(10));
        assert_eq!(ticks.tick().await, start);
        assert_eq!(move_on_after(secs(4), ticks.tick()).await, None);
        assert!(is_cut_off(ticks.tick()).await);
        assert_eq!(ticks.tick().await, start + secs(10));
        sleep(secs(10)).await;
        assert!(is_cut_off(ticks.tick()).await, "though it is due");
        assert_eq!(ticks.tick().await, start + secs(20));
    });
}

#[test]
fn a_handle_in_a_cancelled_context_keeps_its_value() {
    run(open_nursery(async |nursery| {
        let mut handle = nursery.spawn(async { ok("value") });
        settle().await;
        assert!(handle.is_finished());
        assert!(
            is_cut_off(&mut handle).await,
            "though it could be done at once"
        );
        assert_eq!(handle.await, Ok("value"));
    }))
    .unwrap();
}

#[test]
fn start_in_a_cancelled_context_starts_nothing() {
    run(open_nursery(async |nursery| {
        let started = nursery.start(async |_: Ready<()>| -> Result<(), StartError> {
            unreachable!("it is not to start")
        });
        assert!(is_cut_off(started).await);
        assert_eq!(nursery.len(), 0);
    }))
    .unwrap();
}

#[test]
fn a_shutdown_s_report_in_a_cancelled_context_is_cut_off_though_it_is_there() {
    run(async {
        let service = CancelScope::new();
        service.run(async {}).await.unwrap();
        let mut report = service.shutdown(secs(1));
        assert!(is_cut_off(&mut report).await);
        assert!(report.await.is_clean());
    });
}

#[test]
fn listening_for_a_shutdown_in_a_cancelled_context_is_cut_off_though_it_was_requested() {
    let log = Log::new();
    run(async {
        let service = CancelScope::new();
        let result = service.run(async {
            drop(service.shutdown(secs(1)));
            shutdown_requested().await;
            log.say("heard");
            let before = statistics().frames;
            service.cancel();
            assert!(catch_cancel(shutdown_requested()).await.is_err());
            assert_eq!(statistics().frames, before);
            shutdown_requested().await;
            log.say("never");
        });
        assert!(result.await.is_err());
    });
    log.expect(&["heard"]);
}

#[test]
fn what_is_around_a_future_is_no_checkpoint_of_its_own() {
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(async {
            assert_eq!(shield(async { 1 }).await, 1);
            assert_eq!(catch_cancel(async { 2 }).await, Ok(2));
            assert_eq!(move_on_after(secs(1), async { 3 }).await, Some(3));
            assert_eq!(CancelScope::new().run(async { 4 }).await, Ok(4));
            let value = on_cancel(async { 5 }, async || unreachable!());
            let value: u8 = value.await;
            assert_eq!(value, 5);
            "through"
        });
        assert_eq!(result.await, Ok("through"));
    });
}

#[test]
fn functions_that_are_not_async_are_no_checkpoints() {
    let count = times(2 * BUDGET, BUDGET + 2);
    run(open_nursery(async |nursery| {
        nursery.cancel();
        for _ in 0..count {
            nursery.start_soon(async {});
            let scope = CancelScope::new().timeout(secs(1));
            scope.set_deadline(current_time());
            scope.cancel();
            drop(scope.shutdown(secs(1)));
            drop(scope.canceller());
            assert!(is_cancelled() && statistics().frames > 0);
        }
        assert_eq!(nursery.len(), count, "nobody else has had a turn");
    }))
    .unwrap();
}

#[test]
fn a_checkpoint_gives_every_ready_task_one_turn() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for name in ["a", "b", "c"] {
            let log = &log;
            nursery.start_soon(async move {
                for _ in 0..3 {
                    log.say(name);
                    checkpoint().await;
                }
            });
        }
    }))
    .unwrap();
    log.expect_batches(&[&["a", "b", "c"], &["a", "b", "c"], &["a", "b", "c"]]);
}

#[test]
fn a_cancel_during_the_turn_of_the_others_cuts_off_at_that_very_checkpoint() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let canceller = scope.clone();
        nursery.start_soon(async move { canceller.cancel() });
        let result = scope.run(async {
            log.say("before");
            checkpoint().await;
            log.say("never");
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    log.expect(&["before"]);
}

type Operation<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[test]
fn operations_that_are_over_at_once_still_give_a_turn() {
    run(open_nursery(async |nursery| {
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        nursery.task().daemon().start_soon(async move {
            loop {
                counted.set(counted.get() + 1);
                checkpoint().await;
            }
        });
        settle().await;
        let past = current_time() - secs(1);
        let operations: [Operation<'_>; 6] = [
            Box::pin(checkpoint()),
            Box::pin(sleep(Duration::ZERO)),
            Box::pin(sleep_until(past)),
            Box::pin(async { assert!(interval(secs(1)).tick().await > past) }),
            Box::pin(async { drop(open_nursery(async |_| {}).await) }),
            Box::pin(async {
                let ready = async |ready: Ready<()>| ready.started(());
                nursery.start(ready).await.unwrap();
            }),
        ];
        for (number, operation) in operations.into_iter().enumerate() {
            let before = turns.get();
            operation.await;
            assert!(turns.get() > before, "operation {number}");
        }
    }))
    .unwrap();
}

/// How many operations that are ready at once each poll does.
fn operations_a_poll(operation: impl AsyncFn()) -> Vec<usize> {
    let polls = RefCell::new(Vec::new());
    let (polls_of, operation) = (&polls, &operation);
    run(open_nursery(async |nursery| {
        let mut future = Box::pin(async move {
            for _ in 0..3 * BUDGET {
                operation().await;
                *polls_of.borrow_mut().last_mut().unwrap() += 1;
            }
        });
        nursery.start_soon(poll_fn(move |cx| {
            polls_of.borrow_mut().push(0);
            future.as_mut().poll(cx)
        }));
    }))
    .unwrap();
    polls.take()
}

#[test]
fn a_poll_passes_128_checkpoints_and_then_gives_a_turn() {
    let through = operations_a_poll(async || poll_fn(poll_proceed).await);
    assert_eq!(through, [BUDGET, BUDGET, BUDGET]);
}

#[cfg_attr(miri, ignore = "hundreds of operations, one like another")]
#[test]
fn an_operation_of_the_library_that_is_always_ready_counts_as_one() {
    let through = operations_a_poll(async || {
        let scope = CancelScope::new();
        drop(scope.shutdown(secs(1000)));
        scope.run(shutdown_requested()).await.unwrap();
    });
    assert_eq!(through, [BUDGET, BUDGET, BUDGET]);
}

#[test]
fn handles_of_children_that_have_ended_count_too() {
    let turns = Cell::new(0);
    run(open_nursery(async |nursery| {
        let budgets = times(10, 3);
        let handles: Vec<_> = (0..budgets * BUDGET)
            .map(|_| nursery.spawn(async {}))
            .collect();
        settle().await;
        nursery.task().daemon().start_soon(async {
            loop {
                checkpoint().await;
                turns.set(turns.get() + 1);
            }
        });
        for handle in handles {
            handle.await?;
        }
        assert!(turns.get() >= budgets - 2, "{}", turns.get());
        ok(())
    }))
    .unwrap();
}

#[test]
fn the_budget_is_each_task_s_own() {
    let polls: Vec<Counts> = (0..50).map(|_| Counts::new()).collect();
    run(open_nursery(async |nursery| {
        for counts in &polls {
            nursery.start_soon(counts.of(async {
                for _ in 0..BUDGET {
                    poll_fn(poll_proceed).await;
                }
            }));
        }
        for _ in 0..BUDGET {
            poll_fn(poll_proceed).await;
        }
    }))
    .unwrap();
    for counts in polls {
        assert_eq!(counts.polls(), 1, "nobody had used up another one's");
    }
}

#[test]
fn a_nested_nursery_s_children_do_not_use_up_their_parent_s_budget() {
    let counts = Counts::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(counts.of(async {
            open_nursery(async |inner| {
                for _ in 0..10 {
                    inner.start_soon(async {
                        for _ in 0..BUDGET {
                            poll_fn(poll_proceed).await;
                        }
                    });
                }
            })
            .await
            .unwrap();
            for _ in 0..BUDGET {
                poll_fn(poll_proceed).await;
            }
        }));
    }))
    .unwrap();
    assert!(counts.polls() <= 4, "{}", counts.polls());
}

#[test]
fn a_loop_of_ready_operations_starves_nobody_and_can_be_cancelled() {
    let passed = Cell::new(0_usize);
    run_virtual(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let busy = scope.run(async {
            loop {
                poll_fn(poll_proceed).await;
                passed.set(passed.get() + 1);
            }
        });
        nursery.start_soon(async {
            let Err(_cut) = busy.await;
        });
        yield_n(10).await;
        scope.cancel();
    }))
    .unwrap();
    assert!(passed.get() <= 12 * BUDGET, "{}", passed.get());
}

#[test]
fn one_deadline_reaches_a_loop_that_never_waits() {
    let clock = MockClock::new();
    let passed = Cell::new(0_usize);
    run_with(Builder::new().clock(clock.clone()), async {
        let result = move_on_after(secs(1), async {
            loop {
                poll_fn(poll_proceed).await;
                passed.set(passed.get() + 1);
                if passed.get() % BUDGET == 0 {
                    clock.jump(Duration::from_millis(100));
                }
            }
        });
        let ended: Option<()> = result.await;
        assert_eq!(ended, None);
    });
    // The loop looks at timers after 61 polls.
    assert!(passed.get() <= 80 * BUDGET, "{}", passed.get());
}

#[test]
fn an_operation_that_took_effect_delivers_its_value_though_the_cancel_is_next() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let handle = nursery.spawn(async { ok(3) });
        settle().await;
        let result = scope.run(async {
            let value = handle.await.unwrap();
            scope.cancel();
            value
        });
        assert_eq!(result.await, Ok(3));
    }))
    .unwrap();
}

#[test]
fn poll_proceed_says_no_in_a_cancelled_context_and_yes_behind_a_shield() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            let seen = poll_fn(|cx| Poll::Ready(poll_proceed(cx).is_pending())).await;
            assert!(seen);
            let seen = shield(poll_fn(|cx| Poll::Ready(poll_proceed(cx).is_ready()))).await;
            assert!(seen);
        });
        assert_eq!(result.await, Ok(()));
    });
}

#[test]
fn a_cancelled_sleeper_leaves_no_timer() {
    let count = times(100, 5);
    run_virtual(open_nursery(async |nursery| {
        for _ in 0..count {
            nursery.start_soon(sleep(secs(1000)));
        }
        settle().await;
        assert_eq!(statistics().timers, count);
        nursery.cancel();
        shield(settle()).await;
        assert_eq!(statistics().timers, 0);
    }))
    .unwrap();
}
