//! Deadlines and timeouts: rules C4 to C7, C14, C15 and C21, and trio's cases 25, 28, 33, 38, 56, 71,
//! 80, 138 to 144 and 146.
//!
//! All in virtual time, which passes only when nobody has anything to do, save for a few that hold
//! the system's clock to "never early".
//!
//! What makes no sense in Rust:
//! * Case 140 (waking a `sleep_forever` by hand is an error): a spurious wake-up is none.
//! * Case 145 (values that are no durations): there are no such values.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::support::{
    LeakCheck, Log, Unordered, join_all, poll_once, run, run_virtual, run_with, settle, times,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelKind, CancelScope, NurseryError, catch_cancel, checkpoint,
    current_effective_deadline, current_time, fail_after, fail_at, is_cancelled, move_on_after,
    move_on_at, on_cancel, open_nursery, shield, sleep, sleep_forever, sleep_until, statistics,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs `main` with a clock that it may put forward while it is busy.
fn run_clocked<T>(main: impl AsyncFnOnce(&MockClock) -> T) -> T {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), main(&clock))
}

#[test]
fn move_on_after_cuts_off_at_its_moment() {
    run_clocked(async |clock| {
        assert_eq!(move_on_after(secs(3), sleep_forever()).await, None);
        assert_eq!(clock.elapsed(), secs(3));
        assert_eq!(move_on_after(secs(3), sleep(secs(2))).await, Some(()));
        assert_eq!(clock.elapsed(), secs(5));
        assert!(!is_cancelled());
    });
}

#[test]
fn move_on_at_and_fail_at_take_moments_of_the_run_s_clock() {
    run_clocked(async |clock| {
        let start = current_time();
        assert_eq!(move_on_at(start + secs(3), sleep_forever()).await, None);
        assert_eq!(clock.elapsed(), secs(3));
        let error = fail_at(start + secs(4), sleep_forever()).await.unwrap_err();
        assert_eq!(clock.elapsed(), secs(4));
        assert_eq!(error.allowed(), None);
        assert!(error.to_string().contains("deadline"), "{error}");
        assert_eq!(fail_at(start + secs(9), async { 1 }).await, Ok(1));
    });
}

#[test]
fn fail_after_fails_only_if_it_cut_something_off() {
    run_virtual(async {
        assert_eq!(fail_after(secs(1), async { 4 }).await, Ok(4));
        let line = line!() + 1;
        let error = fail_after(secs(1), sleep_forever()).await.unwrap_err();
        assert_eq!(error.allowed(), Some(secs(1)));
        assert_eq!(error.location().line(), line);
        assert!(error.location().file().ends_with("deadlines.rs"));
        assert!(error.cancelled().is_deadline());
        let text = error.to_string();
        assert!(
            text.contains("1s") && text.contains("deadlines.rs"),
            "{text}"
        );
    });
}

#[test]
fn no_time_at_all_lets_a_future_run_to_its_first_checkpoint() {
    let log = Log::new();
    run_clocked(async |clock| {
        let zero = move_on_after(Duration::ZERO, async {
            assert!(is_cancelled());
            log.say("began");
            checkpoint().await;
            log.say("never");
        });
        assert_eq!(zero.await, None);
        assert_eq!(
            move_on_after(Duration::ZERO, async { "ready" }).await,
            Some("ready")
        );
        assert_eq!(fail_after(Duration::ZERO, async { 2 }).await, Ok(2));
        assert!(fail_after(Duration::ZERO, checkpoint()).await.is_err());
        let past = current_time() - Duration::from_nanos(1);
        assert_eq!(move_on_at(past, async { 3 }).await, Some(3));
        assert_eq!(move_on_at(past, checkpoint()).await, None);
        assert_eq!(move_on_at(current_time(), checkpoint()).await, None);
        let scope = CancelScope::new().timeout(Duration::ZERO);
        assert!(scope.run(checkpoint()).await.unwrap_err().is_deadline());
        assert_eq!(clock.elapsed(), Duration::ZERO);
    });
    log.expect(&["began"]);
}

#[test]
fn a_deadline_for_ever_never_comes_and_does_no_harm() {
    run_virtual(async {
        for huge in [
            Duration::MAX,
            Duration::from_secs(u64::MAX),
            Duration::from_secs(1 << 40),
            Duration::MAX - Duration::from_nanos(1),
        ] {
            assert_eq!(move_on_after(huge, sleep(secs(1))).await, Some(()));
            assert_eq!(fail_after(huge, sleep(secs(1))).await, Ok(()));
            let scope = CancelScope::new().timeout(huge);
            assert_eq!(scope.run(sleep(secs(1))).await, Ok(()));
            assert!(!scope.cancel_called());
            let nested = move_on_after(huge, move_on_after(secs(1), sleep(huge)));
            assert_eq!(nested.await, Some(None));
        }
    });
}

#[test]
fn a_relative_deadline_counts_from_the_entry() {
    run_clocked(async |clock| {
        let start = current_time();
        let scope = CancelScope::new().timeout(secs(3));
        let limited = move_on_after(secs(3), sleep_forever());
        assert_eq!(scope.current_deadline(), None, "it is not known yet");
        sleep(secs(10)).await;
        let result = scope.run(async {
            assert_eq!(scope.current_deadline(), Some(start + secs(13)));
            assert_eq!(current_effective_deadline(), Some(start + secs(13)));
            sleep_forever().await;
        });
        assert!(result.await.is_err());
        assert_eq!(clock.elapsed(), secs(13));
        assert_eq!(limited.await, None);
        assert_eq!(clock.elapsed(), secs(16));
    });
}

#[test]
fn an_absolute_deadline_that_passed_before_the_entry_cancels_at_the_entry() {
    run_virtual(async {
        let scope = CancelScope::new().deadline(current_time() + secs(1));
        sleep(secs(2)).await;
        assert!(!scope.cancel_called(), "nothing runs in it");
        assert!(scope.run(checkpoint()).await.unwrap_err().is_deadline());
        assert!(scope.cancelled_caught());
    });
}

#[test]
fn of_timeout_and_deadline_the_last_one_counts() {
    run_clocked(async |clock| {
        let start = current_time();
        let scope = CancelScope::new()
            .timeout(secs(1))
            .deadline(start + secs(5));
        assert!(scope.run(sleep_forever()).await.is_err());
        assert_eq!(clock.elapsed(), secs(5));
        let scope = CancelScope::new()
            .deadline(start + secs(6))
            .timeout(secs(5));
        assert!(scope.run(sleep_forever()).await.is_err());
        assert_eq!(clock.elapsed(), secs(10));
    });
}

#[test]
fn a_limit_that_is_set_on_a_running_scope_holds_from_then_on() {
    run_clocked(async |clock| {
        let scope = CancelScope::new().timeout(secs(1));
        let handle = scope.clone();
        let result = scope.run(async {
            checkpoint().await;
            drop(handle.timeout(secs(5)));
            assert_eq!(current_effective_deadline(), Some(current_time() + secs(5)));
            sleep_forever().await;
        });
        assert!(result.await.is_err());
        assert_eq!(clock.elapsed(), secs(5));

        let scope = CancelScope::new().timeout(secs(1));
        let handle = scope.clone();
        let result = scope.run(async {
            checkpoint().await;
            drop(handle.deadline(current_time() + secs(7)));
            sleep_forever().await;
        });
        assert!(result.await.is_err());
        assert_eq!(clock.elapsed(), secs(12));

        let error = open_nursery(async |nursery| {
            drop(nursery.cancel_scope().clone().timeout(secs(3)));
            sleep_forever().await;
        })
        .await
        .unwrap_err();
        assert!(matches!(error, NurseryError::Cancelled(report) if report.is_deadline()));
        assert_eq!(clock.elapsed(), secs(15));
    });
}

#[test]
fn the_effective_deadline_is_the_least_up_to_the_first_shield() {
    run_virtual(async {
        let start = current_time();
        let at = |seconds| Some(start + secs(seconds));
        assert_eq!(current_effective_deadline(), None);
        let outer = CancelScope::new();
        let result = outer.run(async {
            assert_eq!(current_effective_deadline(), None);
            outer.set_deadline(start + secs(5));
            assert_eq!(current_effective_deadline(), at(5));
            let inner = CancelScope::new().deadline(start + secs(10));
            let result = inner.run(async {
                assert_eq!(current_effective_deadline(), at(5));
                inner.set_deadline(start + secs(3));
                assert_eq!(current_effective_deadline(), at(3));
                inner.set_deadline(start + secs(10));
                assert_eq!(current_effective_deadline(), at(5));
                shield(async {
                    assert_eq!(current_effective_deadline(), None);
                })
                .await;
            });
            result.await.unwrap();
            let shielded = CancelScope::new().shielded().deadline(start + secs(3));
            let result = shielded.run(async {
                outer.cancel();
                assert_eq!(current_effective_deadline(), at(3));
                shielded.set_deadline(start + secs(10));
                assert_eq!(current_effective_deadline(), at(10));
                shielded.set_deadline(None);
                assert_eq!(current_effective_deadline(), None);
                "value"
            });
            assert_eq!(result.await, Ok("value"));
            let passed = current_effective_deadline().unwrap();
            assert!(passed <= current_time(), "the outer one is cancelled");
        });
        assert_eq!(result.await, Ok(()));
        assert_eq!(current_effective_deadline(), None);
    });
}

#[test]
fn the_effective_deadline_reaches_through_nurseries_and_tasks() {
    run_virtual(async {
        let start = current_time();
        let result = move_on_after(secs(9), async {
            open_nursery(async |nursery| {
                assert_eq!(current_effective_deadline(), Some(start + secs(9)));
                nursery.start_soon(async {
                    assert_eq!(current_effective_deadline(), Some(start + secs(4)));
                    move_on_after(secs(2), async {
                        assert_eq!(current_effective_deadline(), Some(start + secs(2)));
                    })
                    .await;
                });
                nursery.cancel_scope().set_deadline(start + secs(4));
                assert_eq!(current_effective_deadline(), Some(start + secs(4)));
            })
            .await
        });
        result.await.unwrap().unwrap();
    });
}

#[test]
fn a_deadline_moves_both_ways_while_the_scope_runs() {
    run_clocked(async |clock| {
        let start = current_time();
        let scope = CancelScope::new().deadline(start + secs(10));
        let result = open_nursery(async |nursery| {
            nursery.start_soon(async {
                sleep(secs(1)).await;
                scope.set_deadline(start + secs(20));
                sleep(secs(14)).await;
                assert!(!scope.cancel_called());
                scope.set_deadline(start + secs(16));
                assert_eq!(scope.current_deadline(), Some(start + secs(16)));
            });
            assert!(scope.run(sleep_forever()).await.is_err());
            assert_eq!(clock.elapsed(), secs(16));
        });
        result.await.unwrap();
    });
}

#[test]
fn a_deadline_that_is_taken_away_never_comes() {
    run_clocked(async |clock| {
        let scope = CancelScope::new().timeout(secs(2));
        let result = scope.run(async {
            sleep(secs(1)).await;
            assert_eq!(statistics().timers, 1);
            scope.set_deadline(None);
            assert_eq!(statistics().timers, 0);
            assert_eq!(scope.current_deadline(), None);
            sleep(secs(10)).await;
        });
        assert_eq!(result.await, Ok(()));
        assert_eq!(clock.elapsed(), secs(11));
        assert!(!scope.cancel_called());
    });
}

#[test]
fn a_deadline_set_into_the_past_cancels_at_once_and_cannot_be_taken_back() {
    run_virtual(async {
        let start = current_time();
        let scope = CancelScope::new();
        let result = scope.run(async {
            sleep(secs(5)).await;
            scope.set_deadline(start + secs(1));
            assert!(is_cancelled() && scope.cancel_called());
            scope.set_deadline(start + secs(100));
            scope.set_deadline(None);
            assert!(is_cancelled(), "what has passed has passed");
            checkpoint().await;
        });
        assert!(result.await.unwrap_err().is_deadline());
    });
}

#[test]
fn a_deadline_set_before_the_entry_or_by_nobody_inside_counts() {
    run_clocked(async |clock| {
        let scope = CancelScope::new().timeout(secs(1));
        scope.set_deadline(current_time() + secs(4));
        assert!(scope.run(sleep_forever()).await.is_err());
        assert_eq!(clock.elapsed(), secs(4));
        let scope = CancelScope::new().timeout(secs(1));
        scope.set_deadline(None);
        assert_eq!(scope.run(sleep(secs(2))).await, Ok(()));
    });
}

#[test]
fn a_deadline_that_passes_after_the_end_cancels_nothing() {
    run_virtual(async {
        let scope = CancelScope::new().timeout(secs(1));
        let limited = async {
            assert_eq!(scope.run(async { 1 }).await, Ok(1));
            assert_eq!(statistics().timers, 0);
            sleep(secs(2)).await;
            assert!(!scope.cancel_called() && !scope.is_cancelled());
        };
        limited.await;
        scope.set_deadline(current_time());
        assert!(!scope.cancel_called());
        checkpoint().await;
    });
}

#[test]
fn asking_whether_it_was_cancelled_notices_a_deadline_that_has_passed() {
    run_clocked(async |clock| {
        let scope = CancelScope::new().timeout(secs(1));
        let result = scope.run(async {
            clock.jump(secs(2));
            assert!(scope.cancel_called() && scope.is_cancelled());
            checkpoint().await;
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn bare_checkpoints_notice_a_deadline_that_has_passed() {
    let passed = Cell::new(0);
    run_clocked(async |clock| {
        let result = move_on_after(secs(1), async {
            checkpoint().await;
            clock.jump(secs(2));
            loop {
                checkpoint().await;
                passed.set(passed.get() + 1);
            }
        });
        let _: Option<()> = result.await;
    });
    assert!(passed.get() <= 128, "{} checkpoints", passed.get());
}

#[test]
fn work_that_is_done_when_its_deadline_has_passed_keeps_its_value() {
    run_clocked(async |clock| {
        let result = move_on_after(secs(1), async {
            sleep(Duration::from_millis(500)).await;
            clock.jump(secs(5));
            "late, but done"
        });
        assert_eq!(result.await, Some("late, but done"));
        let result = move_on_after(secs(1), sleep(secs(1)));
        let seen = result.await;
        assert!(seen.is_none(), "the deadline is looked at first");
    });
}

#[test]
fn of_nested_deadlines_only_the_one_that_passed_reports() {
    for passing in 0..3 {
        run_virtual(async {
            let limit = |level: usize| secs(if level == passing { 1 } else { 100 });
            let scopes: Vec<_> = (0..3)
                .map(|level| {
                    CancelScope::new()
                        .name(format!("level {level}"))
                        .timeout(limit(level))
                })
                .collect();
            let reports = RefCell::new(Vec::new());
            let tell = |report| reports.borrow_mut().extend(report);
            let outer = scopes[0].run(async {
                let middle = scopes[1].run(async {
                    tell(scopes[2].run(sleep_forever()).await.err());
                });
                tell(middle.await.err());
            });
            tell(outer.await.err());
            let reports = reports.take();
            assert_eq!(reports.len(), 1, "{reports:?}");
            let name = format!("level {passing}");
            assert_eq!(reports[0].scope(), Some(&*name));
            assert_eq!(reports[0].kind(), CancelKind::Deadline);
            assert!(reports[0].to_string().contains(&name), "{}", reports[0]);
        });
    }
}

#[test]
fn a_nameless_deadline_is_reported_with_the_line_that_set_it() {
    run_virtual(async {
        let line = line!() + 1;
        let scope = CancelScope::new().timeout(secs(1));
        let report = scope.run(sleep_forever()).await.unwrap_err();
        assert_eq!((report.location().line(), report.scope()), (line, None));
        assert!(report.location().file().ends_with("deadlines.rs"));

        let inner_line = line!() + 1;
        let inner = fail_after(secs(1), sleep_forever());
        let error = fail_after(secs(2), inner).await.unwrap().unwrap_err();
        assert_eq!(error.location().line(), inner_line);

        let line = line!() + 1;
        let outer = fail_after(secs(1), fail_after(secs(2), sleep_forever()));
        let error = outer.await.unwrap_err();
        assert_eq!(error.location().line(), line);
        assert_eq!(error.allowed(), Some(secs(1)));
    });
}

#[test]
fn of_equal_deadlines_the_outer_one_reports() {
    run_clocked(async |clock| {
        let at = current_time() + secs(1);
        assert_eq!(move_on_at(at, move_on_at(at, sleep_forever())).await, None);
        let outer = fail_after(secs(1), async {
            let _report = fail_after(secs(1), sleep_forever()).await;
            unreachable!("the inner one does not report")
        });
        let _: nestling::TooSlow = outer.await.unwrap_err();
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let at = current_time() + secs(1);
        let result = outer.run(inner.run(async {
            // The inner one is armed first, and then once more.
            inner.set_deadline(at);
            outer.set_deadline(at);
            inner.set_deadline(at);
            sleep_forever().await;
        }));
        assert!(result.await.is_err());
        assert!(inner.cancel_called() && !inner.cancelled_caught());
        assert_eq!(clock.elapsed(), secs(3));
    });
}

#[test]
fn of_equal_deadlines_on_three_levels_with_tasks_between_the_outer_one_reports() {
    run_virtual(async {
        let at = current_time() + secs(1);
        let outer = CancelScope::new().name("outer").deadline(at);
        let result = outer.run(async {
            open_nursery(async |nursery| {
                for _ in 0..3 {
                    nursery.start_soon(async move {
                        let _none = move_on_at(at, sleep_forever()).await;
                        unreachable!("an outer one reports");
                    });
                }
                nursery.cancel_scope().set_deadline(at);
                sleep_forever().await;
            })
            .await
        });
        assert_eq!(result.await.unwrap_err().scope(), Some("outer"));
    });
}

#[test]
fn a_shield_hides_outer_deadlines_but_not_its_own() {
    run_clocked(async |clock| {
        let log = Log::new();
        let outer = move_on_after(secs(5), async {
            let own = CancelScope::new().shielded().timeout(secs(15));
            assert!(own.run(sleep_forever()).await.unwrap_err().is_deadline());
            log.say("own");
            checkpoint().await;
            log.say("never");
        });
        assert_eq!(outer.await, None);
        assert_eq!(clock.elapsed(), secs(15));
        log.expect(&["own"]);

        let outer = CancelScope::new();
        let result = outer.run(async {
            outer.cancel();
            let own = CancelScope::new().shielded().timeout(secs(2));
            own.run(sleep_forever())
                .await
                .map_err(|report| report.kind())
        });
        assert_eq!(result.await, Ok(Err(CancelKind::Deadline)));
        assert_eq!(clock.elapsed(), secs(17));
    });
}

#[test]
fn a_shielded_clean_up_delays_the_report_by_what_it_takes() {
    run_clocked(async |clock| {
        let limited = move_on_after(
            secs(1),
            on_cancel(sleep_forever(), async || sleep(secs(4)).await),
        );
        assert_eq!(limited.await, None);
        assert_eq!(clock.elapsed(), secs(5));
    });
}

#[test]
fn a_million_changes_of_a_deadline_leave_one_timer() {
    run_virtual(async {
        let start = current_time();
        let scope = CancelScope::new().timeout(secs(1));
        let result = scope.run(async {
            checkpoint().await;
            assert_eq!(statistics().timers, 1);
            let changes = if cfg!(debug_assertions) {
                20_000
            } else {
                1_000_000
            };
            for change in 0..times(changes, 500) as u64 {
                scope.set_deadline(start + secs(10 + change % 7));
                if change % 65_536 == 0 {
                    assert_eq!(statistics().timers, 1);
                }
            }
            assert_eq!(statistics().timers, 1);
            scope.set_deadline(start + secs(20));
            sleep_forever().await;
        });
        assert!(result.await.is_err());
        assert_eq!(current_time(), start + secs(20));
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn taking_a_deadline_away_and_putting_it_back_leaves_one_timer() {
    run_virtual(async {
        let at = current_time() + secs(10);
        let scope = CancelScope::new();
        let result = scope.run(async {
            for _ in 0..times(2_000, 100) {
                scope.set_deadline(at);
                assert_eq!(statistics().timers, 1);
                scope.set_deadline(None);
                assert_eq!(statistics().timers, 0);
            }
        });
        assert_eq!(result.await, Ok(()));
    });
}

#[test]
fn a_timer_is_armed_only_by_who_waits_and_gone_with_the_scope() {
    run_virtual(async {
        assert_eq!(
            move_on_after(secs(1), async { statistics().timers }).await,
            Some(0)
        );
        let inside = move_on_after(secs(1), async {
            checkpoint().await;
            statistics().timers
        });
        assert_eq!(inside.await, Some(1));
        assert_eq!(statistics().timers, 0);
        let mut future = Box::pin(move_on_after(secs(1), sleep_forever()));
        assert!(poll_once(&mut future).await.is_pending());
        assert_eq!(statistics().timers, 1);
        drop(future);
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn thousands_of_deadlines_pass_in_their_order() {
    let count = times(1_000, 50) as u64;
    run_clocked(async |clock| {
        let mut set = Unordered::new();
        for number in 0..count {
            // 7919 is a prime, so every second is some scope's.
            let at = number * 7919 % count + 1;
            set.push(async move {
                assert_eq!(move_on_after(secs(at), sleep_forever()).await, None);
                at
            });
        }
        for at in 1..=count {
            assert_eq!(set.next().await, Some(at));
            assert_eq!(clock.elapsed(), secs(at));
        }
    });
}

#[test]
fn deadlines_in_a_join_pass_each_at_its_own_moment() {
    run_clocked(async |clock| {
        let limited = (1..=10).map(|at| async move {
            assert_eq!(move_on_after(secs(at), sleep_forever()).await, None);
            clock.elapsed()
        });
        let ends = join_all(limited).await;
        assert_eq!(ends, (1..=10).map(secs).collect::<Vec<_>>());
    });
}

#[test]
fn a_scope_s_deadline_goes_along_when_its_future_is_polled_elsewhere() {
    run_clocked(async |clock| {
        let mut future = Box::pin(move_on_after(secs(3), sleep_forever()));
        let first = CancelScope::new();
        assert!(
            first
                .run(poll_once(&mut future))
                .await
                .unwrap()
                .is_pending()
        );
        sleep(secs(2)).await;
        let second = CancelScope::new();
        assert_eq!(second.run(&mut future).await, Ok(None));
        assert_eq!(clock.elapsed(), secs(3));
    });
}

#[test]
fn a_limited_future_that_goes_on_in_another_run_keeps_its_limit() {
    let _leaks = LeakCheck::begin();
    let mut limited = Box::pin(move_on_after(secs(3), sleep_forever()));
    let scope = CancelScope::new().timeout(secs(3));
    let mut scoped = Box::pin(scope.run(sleep_forever()));
    nestling::run(async {
        assert!(poll_once(&mut limited).await.is_pending());
        assert!(poll_once(&mut scoped).await.is_pending());
    });
    Builder::new().clock(MockClock::new()).run(async {
        // So that a limit that is gone does not make this test hang.
        let ended = async {
            assert_eq!(limited.await, None);
            assert!(scoped.await.is_err());
        };
        assert_eq!(move_on_after(secs(1 << 20), ended).await, Some(()));
    });
    drop(scope);
}

#[test]
fn limits_and_sleeps_of_one_moment_pass_in_the_order_of_arming() {
    // More than are noted before they are looked through.
    let count = times(1_000, 300);
    let log = RefCell::new(Vec::new());
    run_virtual(async {
        open_nursery(async |nursery| {
            for number in 0..count {
                let log = &log;
                nursery.start_soon(async move {
                    match number % 3 {
                        0 => sleep(secs(1)).await,
                        1 => assert_eq!(move_on_after(secs(1), sleep_forever()).await, None),
                        _ => {
                            let scope = CancelScope::new().timeout(secs(1));
                            assert!(scope.run(sleep_forever()).await.is_err());
                        }
                    }
                    log.borrow_mut().push(number);
                });
            }
        })
        .await
        .unwrap();
    });
    assert_eq!(log.into_inner(), Vec::from_iter(0..count));
}

#[test]
fn of_limits_that_come_and_go_in_one_poll_only_those_are_armed_that_stay() {
    run_clocked(async |clock| {
        let mut kept = Vec::new();
        for number in 0..times(10_000, 1_000) {
            let mut limited = Box::pin(move_on_after(secs(1), sleep_forever()));
            assert!(poll_once(&mut limited).await.is_pending());
            if number % 100 == 0 {
                kept.push(limited);
            }
        }
        assert_eq!(statistics().timers, kept.len());
        for limited in kept {
            assert_eq!(limited.await, None);
        }
        assert_eq!(clock.elapsed(), secs(1));
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn a_limited_future_that_outlives_its_run_leaves_the_timers_of_the_next_alone() {
    let _leaks = LeakCheck::begin();
    for has_passed in [false, true] {
        let mut limited = Box::pin(move_on_after(secs(3), sleep_forever()));
        Builder::new().clock(MockClock::new()).run(async {
            assert!(poll_once(&mut limited).await.is_pending());
            // The loop looks, so the limit has a timer, which fires or does not.
            sleep(if has_passed { secs(5) } else { secs(1) }).await;
        });
        Builder::new().clock(MockClock::new()).run(async {
            let start = current_time();
            let mut sleeper = Box::pin(sleep(secs(1)));
            assert!(poll_once(&mut sleeper).await.is_pending());
            drop(limited);
            assert_eq!(statistics().timers, 1);
            sleeper.await;
            assert_eq!(current_time() - start, secs(1));
        });
    }
}

#[test]
fn catch_cancel_tells_of_the_deadline_that_cut_it_off() {
    run_virtual(async {
        let limited = CancelScope::new().name("limited").timeout(secs(1));
        let result = limited.run(async {
            let caught = catch_cancel(sleep_forever()).await.unwrap_err();
            assert!(caught.is_deadline());
            assert_eq!(caught.scope(), Some("limited"));
        });
        assert_eq!(result.await, Ok(()));
        assert!(limited.cancel_called() && !limited.cancelled_caught());
    });
}

#[test]
fn a_nursery_s_scope_has_deadlines_too() {
    run_clocked(async |clock| {
        let at = current_time() + secs(4);
        let error = open_nursery(async |nursery| {
            nursery.start_soon(sleep_forever());
            nursery.cancel_scope().set_deadline(at);
            sleep_forever().await;
        })
        .await
        .unwrap_err();
        let NurseryError::Cancelled(report) = error else {
            panic!("nothing failed: {error}");
        };
        assert_eq!(report.kind(), CancelKind::Deadline);
        assert_eq!(clock.elapsed(), secs(4));
    });
}

#[test]
fn by_the_system_s_clock_a_deadline_is_never_early() {
    run(async {
        for micros in [1, 10, 100, 500, 999, 1000, 1001, 1500, 3000] {
            let limit = Duration::from_micros(micros);
            let start = Instant::now();
            assert_eq!(move_on_after(limit, sleep_forever()).await, None);
            assert!(start.elapsed() >= limit, "{limit:?}");
            let start = Instant::now();
            assert!(fail_after(limit, sleep_forever()).await.is_err());
            assert!(start.elapsed() >= limit, "{limit:?}");
            let start = Instant::now();
            sleep(limit).await;
            assert!(start.elapsed() >= limit, "{limit:?}");
            let at = Instant::now() + limit;
            sleep_until(at).await;
            assert!(Instant::now() >= at, "{limit:?}");
            let scope = CancelScope::new();
            scope.set_deadline(at + limit);
            assert!(scope.run(sleep_forever()).await.is_err());
            assert!(Instant::now() >= at + limit, "{limit:?}");
        }
    });
}

#[test]
fn by_the_system_s_clock_many_deadlines_at_once_are_never_early() {
    run(open_nursery(async |nursery| {
        for number in 0..times(2_000, 20) as u64 {
            nursery.start_soon(async move {
                let limit = Duration::from_micros(number * 7 % 5_000);
                let start = Instant::now();
                assert_eq!(move_on_after(limit, sleep_forever()).await, None);
                assert!(start.elapsed() >= limit, "{limit:?}");
            });
        }
        settle().await;
    }))
    .unwrap();
}
