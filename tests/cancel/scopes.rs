//! Cancel scopes: rules C1 to C3, C9 to C13, C16, C17 and C19, and trio's cases 16, 18 to 20, 26,
//! 28, 38, 72, 74 and 78 to 83.
//!
//! What makes no sense in Rust:
//! * Cases 17 and 145 (NaN, negative durations, both kinds of deadline): a `Duration` has no such
//!   values, and of `timeout` and `deadline` the last one counts.
//! * Cases 22, 24, 26 and 27 in part (a shield that is put up and taken down): a scope is shielded
//!   from its making on.
//! * Cases 29 to 31 and rule C17 (misnesting): a scope ends where its future does.
//! * Cases 73 and 75 (strict groups): there is no other kind.
//! * Case 78 in part (`Cancelled` cannot be made by users): it can, since it is no exception that
//!   anybody would take for a cancellation.
//! * Case 84 (a delayed interrupt from the keyboard): there is no such error.
//! * Case 147 (reading an unentered scope's deadline): it is `None`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use crate::support::{
    Boom, Counts, Either, Flag, LeakCheck, Log, PanicOnWake, Unordered, boom, join_all, leaves_of,
    message_of, on_drop, park, poll_once, run, run_virtual, select, settle, times, waker_of,
    with_waker, yield_n,
};
use nestling::{
    CancelKind, CancelScope, Cancelled, Nursery, NurseryError, catch_cancel, checkpoint,
    current_cancellation, fail_after, is_cancelled, move_on_after, ok, on_cancel, open_nursery,
    shield, sleep, sleep_forever, statistics,
};

/// Cancels `scope` from a sibling when everything in it is parked.
fn cancel_soon<'scope>(nursery: &'scope Nursery<'scope, '_>, scope: &CancelScope) {
    let scope = scope.clone();
    nursery.start_soon(async move {
        settle().await;
        scope.cancel();
    });
}

#[test]
fn a_scope_that_nobody_cancels_returns_the_value() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            checkpoint().await;
            5
        });
        assert_eq!(result.await, Ok(5));
        assert!(!scope.is_cancelled() && !scope.cancel_called() && !scope.cancelled_caught());
    });
}

#[test]
fn a_sibling_cancels_what_is_parked() {
    let dropped = Cell::new(false);
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let _local = on_drop(|| dropped.set(true));
            sleep_forever().await;
        });
        let report = result.await.unwrap_err();
        assert!(dropped.get(), "locals go before the report comes");
        assert_eq!(report.kind(), CancelKind::Explicit);
        assert!(scope.cancelled_caught() && scope.cancel_called() && scope.is_cancelled());
        checkpoint().await;
        assert!(!is_cancelled(), "the scope is behind us");
    }))
    .unwrap();
}

#[test]
fn a_foreign_future_that_never_wakes_is_cut_off() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        assert!(scope.run(pending::<()>()).await.is_err());
    }))
    .unwrap();
}

#[test]
fn every_checkpoint_of_a_cancelled_scope_cuts_off() {
    let caught = Cell::new(0);
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            for _ in 0..3 {
                assert!(catch_cancel(checkpoint()).await.is_err());
                caught.set(caught.get() + 1);
            }
            checkpoint().await;
            unreachable!("the level stays");
        });
        assert!(result.await.is_err());
    });
    assert_eq!(caught.get(), 3);
}

#[test]
fn cancel_is_idempotent_and_the_first_reason_wins() {
    run(async {
        let scope = CancelScope::new();
        scope.cancel_because("first");
        scope.cancel_because("second");
        scope.clone().cancel();
        let report = scope.run(sleep_forever()).await.unwrap_err();
        assert_eq!(report.reason(), Some("first"));
        scope.cancel_because("third");
        assert!(scope.cancelled_caught());
    });
}

#[test]
fn cancelled_before_its_entry_a_scope_runs_to_the_first_checkpoint() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.cancel_called());
        let result = scope.run(async {
            log.say("began");
            checkpoint().await;
            log.say("never");
        });
        assert!(result.await.is_err());

        let scope = CancelScope::new();
        scope.cancel();
        assert_eq!(scope.run(async { 7 }).await, Ok(7));
        assert!(scope.cancel_called() && !scope.cancelled_caught());
    });
    log.expect(&["began"]);
}

#[test]
fn cancelled_after_its_end_a_scope_stays_as_it_was() {
    run(async {
        let scope = CancelScope::new();
        assert_eq!(scope.run(async { 7 }).await, Ok(7));
        scope.cancel();
        assert!(!scope.cancel_called() && !scope.is_cancelled() && !scope.cancelled_caught());
        checkpoint().await;
    });
}

#[test]
fn code_between_two_awaits_is_never_interrupted() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            assert!(is_cancelled());
            log.say("goes on");
            std::future::ready(()).await;
            log.say("also after a foreign future that is ready");
            pending::<()>().await;
            unreachable!("where it waits, it ends");
        });
        assert!(result.await.is_err());
    });
    log.expect(&["goes on", "also after a foreign future that is ready"]);
}

#[test]
fn a_scope_that_is_left_without_a_checkpoint_is_not_cut_off() {
    run(async {
        let outer = CancelScope::new();
        let result = outer.run(async {
            let inner = CancelScope::new();
            let value = inner.run(async {
                inner.cancel();
                3
            });
            assert_eq!(value.await, Ok(3));
            assert!(!is_cancelled(), "the cancel is gone with its scope");
            checkpoint().await;
            4
        });
        assert_eq!(result.await, Ok(4));
        assert!(!outer.cancel_called());
    });
}

#[test]
fn a_future_that_is_ready_in_the_turn_of_the_cancel_keeps_its_value() {
    let waker: RefCell<Option<Waker>> = RefCell::default();
    let waker = &waker;
    run(open_nursery(async |nursery| {
        for cancel_first in [false, true] {
            let scope = CancelScope::new();
            let canceller = scope.clone();
            nursery.start_soon(async move {
                settle().await;
                let waker = waker.borrow_mut().take().unwrap();
                if cancel_first {
                    canceller.cancel();
                }
                waker.wake();
                canceller.cancel();
            });
            let result = scope.run(async {
                park(|parked| *waker.borrow_mut() = Some(parked)).await;
                "value"
            });
            assert_eq!(
                result.await,
                Ok("value"),
                "a foreign operation that took effect delivers its value"
            );
            assert!(scope.cancel_called() && !scope.cancelled_caught());
        }
    }))
    .unwrap();
}

#[test]
fn the_outer_one_of_two_cancelled_scopes_reports() {
    for inner_first in [true, false] {
        let returned = Cell::new(false);
        run(open_nursery(async |nursery| {
            let (outer, inner) = (CancelScope::new(), CancelScope::new());
            let (outer_too, inner_too) = (outer.clone(), inner.clone());
            nursery.start_soon(async move {
                settle().await;
                if inner_first {
                    inner_too.cancel_because("inner");
                    outer_too.cancel_because("outer");
                } else {
                    outer_too.cancel_because("outer");
                    inner_too.cancel_because("inner");
                }
            });
            let result = outer.run(async {
                let _report = inner.run(sleep_forever()).await;
                returned.set(true);
            });
            assert_eq!(result.await.unwrap_err().reason(), Some("outer"));
            assert!(inner.cancel_called() && !inner.cancelled_caught());
            assert!(outer.cancelled_caught());
        }))
        .unwrap();
        assert!(!returned.get(), "the inner `run` never returns then");
    }
}

#[test]
fn the_inner_one_alone_reports_if_only_it_is_cancelled() {
    run(open_nursery(async |nursery| {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        cancel_soon(nursery, &inner);
        let result = outer.run(async {
            assert!(inner.run(sleep_forever()).await.is_err());
            checkpoint().await;
            "goes on"
        });
        assert_eq!(result.await, Ok("goes on"));
        assert!(!outer.cancel_called() && !outer.is_cancelled());
    }))
    .unwrap();
}

#[test]
fn an_outer_scope_cancelled_while_the_inner_one_is_unwinding_reports() {
    let returned = Cell::new(false);
    run(open_nursery(async |nursery| {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        cancel_soon(nursery, &inner);
        let late = outer.clone();
        let result = outer.run(async {
            let unwinding = on_cancel(sleep_forever(), async || {
                settle().await;
                late.cancel_because("later, but outside");
                settle().await;
            });
            let _report = inner.run(unwinding).await;
            returned.set(true);
        });
        let report = result.await.unwrap_err();
        assert_eq!(report.reason(), Some("later, but outside"));
        assert!(!inner.cancelled_caught());
    }))
    .unwrap();
    assert!(!returned.get());
}

#[test]
fn an_outer_scope_cancelled_after_the_inner_one_reported_cuts_off_at_the_next_checkpoint() {
    let log = Log::new();
    run(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let result = outer.run(async {
            inner.cancel();
            assert!(inner.run(checkpoint()).await.is_err());
            outer.cancel();
            log.say("still here");
            checkpoint().await;
            log.say("never");
        });
        assert!(result.await.is_err());
        assert!(inner.cancelled_caught() && outer.cancelled_caught());
    });
    log.expect(&["still here"]);
}

#[test]
fn an_inner_shielded_scope_reports_beside_a_cancelled_outer_one() {
    run(async {
        let outer = CancelScope::new();
        let inner = CancelScope::new().shielded();
        let result = outer.run(async {
            outer.cancel();
            inner.cancel_because("inner");
            let report = inner.run(sleep_forever()).await.unwrap_err();
            assert_eq!(report.reason(), Some("inner"));
            "value"
        });
        assert_eq!(result.await, Ok("value"));
        assert!(inner.cancelled_caught() && !outer.cancelled_caught());
    });
}

#[test]
fn of_five_levels_the_outermost_cancelled_one_reports() {
    async fn nest<'a>(scopes: &'a [CancelScope], reports: &'a RefCell<Vec<Cancelled>>) {
        let Some((scope, rest)) = scopes.split_first() else {
            return sleep_forever().await;
        };
        let inside: Pin<Box<dyn Future<Output = ()> + 'a>> = Box::pin(nest(rest, reports));
        if let Err(report) = scope.run(inside).await {
            reports.borrow_mut().push(report);
        }
    }
    for cancelled in (1_u32..1 << 5).step_by(times(1, 7)) {
        let reports = RefCell::new(Vec::new());
        run(open_nursery(async |nursery| {
            let scopes: Vec<_> = (0..5)
                .map(|level| CancelScope::new().name(format!("level {level}")))
                .collect();
            let those = scopes.clone();
            nursery.start_soon(async move {
                settle().await;
                // From the inside out, the worst order.
                for level in (0..5).rev().filter(|level| cancelled & (1 << level) != 0) {
                    those[level].cancel();
                }
            });
            nest(&scopes, &reports).await;
        }))
        .unwrap();
        let outermost = format!("level {}", cancelled.trailing_zeros());
        let reports = reports.take();
        let names: Vec<_> = reports.iter().map(|report| report.scope()).collect();
        assert_eq!(names, [Some(&*outermost)]);
    }
}

#[test]
fn a_scope_that_is_run_twice_panics() {
    run(async {
        let scope = CancelScope::new();
        scope.run(async {}).await.unwrap();
        let mut again = Box::pin(scope.run(async {}));
        let text = message_of(|| {
            let mut context = std::task::Context::from_waker(Waker::noop());
            again.as_mut().poll(&mut context)
        });
        assert!(text.contains("second time"), "{text}");
    });
}

#[test]
fn a_scope_that_is_run_inside_itself_panics() {
    let text = message_of(|| {
        run(async {
            let scope = CancelScope::new();
            scope.run(scope.run(async {})).await
        })
    });
    assert!(text.contains("second time"), "{text}");
}

#[test]
fn two_tasks_in_one_scope_panic() {
    let text = message_of(|| {
        run(open_nursery(async |nursery| {
            let scope = CancelScope::new();
            nursery.start_soon(scope.run(checkpoint()));
            nursery.start_soon(scope.run(checkpoint()));
        }))
    });
    assert!(text.contains("second time"), "{text}");
}

#[test]
fn a_run_that_was_never_polled_is_no_use() {
    run(async {
        let scope = CancelScope::new();
        drop(scope.run(async {}));
        assert_eq!(scope.run(async { 1 }).await, Ok(1));
    });
}

#[test]
fn a_second_run_that_panics_leaves_the_first_alone() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            let again = scope.run(async {});
            let mut again = Box::pin(again);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let mut context = std::task::Context::from_waker(Waker::noop());
                again.as_mut().poll(&mut context).is_ready()
            }));
            assert!(polled.is_err());
            drop(again);
            scope.cancel();
            checkpoint().await;
        });
        assert!(result.await.is_err(), "the first one is still a scope");
    });
}

#[test]
fn debug_tells_the_states_of_a_scope() {
    run(async {
        let scope = CancelScope::new().name("download");
        let unused = format!("{scope:?}");
        assert!(
            unused.contains("Unused") && unused.contains("`download`"),
            "{unused}"
        );
        assert!(unused.contains("cancel/scopes.rs"), "{unused}");
        let running = scope.run(async {
            let running = format!("{scope:?}");
            scope.cancel_because("lunch");
            (running, format!("{scope:?}"))
        });
        let (running, cancelled) = running.await.unwrap();
        assert!(
            running.contains("Running") && !running.contains("lunch"),
            "{running}"
        );
        assert!(
            cancelled.contains("Running") && cancelled.contains("lunch"),
            "{cancelled}"
        );
        let over = format!("{scope:?}");
        assert!(
            over.contains("Over") && over.contains("caught: false"),
            "{over}"
        );

        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(checkpoint()).await.is_err());
        let caught = format!("{scope:?}");
        assert!(caught.contains("caught: true"), "{caught}");
    });
}

#[test]
fn a_report_tells_kind_reason_scope_and_line() {
    run(async {
        let scope = CancelScope::new().name("upload");
        let line = line!() + 1;
        scope.cancel_because("the disk is full");
        let report = scope.run(checkpoint()).await.unwrap_err();
        assert_eq!(report.kind(), CancelKind::Explicit);
        assert_eq!(report.scope(), Some("upload"));
        assert_eq!(report.location().line(), line);
        assert!(report.location().file().ends_with("cancel/scopes.rs"));
        let text = report.to_string();
        for part in [
            "cancelled",
            "upload",
            "the disk is full",
            "cancel/scopes.rs",
        ] {
            assert!(text.contains(part), "{text}");
        }
    });
}

#[test]
fn what_is_inside_sees_the_outermost_cause() {
    run(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let result = outer.run(async {
            let result = inner.run(async {
                inner.cancel_because("inner");
                let caught = catch_cancel(sleep_forever()).await.unwrap_err();
                assert_eq!(caught.reason(), Some("inner"));
                outer.cancel_because("outer");
                let caught = catch_cancel(sleep_forever()).await.unwrap_err();
                assert_eq!(caught.reason(), Some("outer"));
                let seen = current_cancellation().unwrap();
                assert_eq!(seen.reason(), Some("outer"));
                sleep_forever().await;
            });
            let _report = result.await;
            unreachable!("the outer one reports");
        });
        assert_eq!(result.await.unwrap_err().reason(), Some("outer"));
    });
}

#[test]
fn a_scope_in_a_scope_in_a_nursery_unwinds_from_the_inside_out() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scopes = (CancelScope::new(), CancelScope::new());
        let (outer, inner) = scopes;
        let log = &log;
        nursery.start_soon(async move {
            let _task = log.at_drop("task");
            let result = outer.run(async {
                let _outer = log.at_drop("outer");
                let result = inner.run(async {
                    let _inner = log.at_drop("inner");
                    open_nursery(async |nursery| {
                        let _body = log.at_drop("body");
                        nursery.start_soon(async {
                            let _child = log.at_drop("child");
                            sleep_forever().await;
                        });
                        sleep_forever().await;
                    })
                    .await
                });
                result.await
            });
            let _never = result.await;
            log.say("never");
        });
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    log.expect(&["child", "body", "inner", "outer", "task"]);
}

#[test]
fn a_nursery_in_a_cancelled_scope_does_not_report_the_scope_does() {
    let returned = Cell::new(false);
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let _report = open_nursery(async |inner| {
                inner.start_soon(sleep_forever());
                sleep_forever().await;
            })
            .await;
            returned.set(true);
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    assert!(!returned.get());
}

#[test]
fn of_cancelled_tasks_and_a_real_error_only_the_error_comes_out() {
    let error = run(open_nursery(async |outer| {
        open_nursery(async |inner| {
            let deepest = open_nursery(async |deepest| {
                deepest.start_soon(sleep_forever());
                deepest.start_soon(async {
                    catch_cancel(sleep_forever()).await.unwrap_err();
                    boom::<()>("real")
                });
                settle().await;
                deepest.cancel();
                outer.cancel();
                sleep_forever().await;
            });
            inner.start_soon(sleep_forever());
            ok(deepest.await?)
        })
        .await
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error).len(), 1);
    assert!(error.find::<Boom>().is_some(), "{error:?}");
}

#[test]
fn an_error_passes_through_a_cancelled_scope_untouched() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            boom::<()>("real")
        });
        assert_eq!(result.await, Ok(Err(Boom("real"))));
        assert!(scope.cancel_called() && !scope.cancelled_caught());
    });
}

#[test]
fn the_reason_of_a_failing_child_names_the_task() {
    let report = RefCell::new(None);
    let error = run(open_nursery(async |nursery| {
        let inner = open_nursery(async |inner| {
            inner
                .task()
                .name("culprit")
                .start_soon(async { boom::<()>("x") });
            *report.borrow_mut() = catch_cancel(sleep_forever()).await.err();
            sleep_forever().await;
        });
        nursery.start_soon(sleep_forever());
        inner.await
    }))
    .unwrap_err();
    let report = report.take().unwrap();
    assert_eq!(report.kind(), CancelKind::SiblingFailed);
    assert!(report.reason().unwrap().contains("culprit"), "{report}");
    assert_eq!(leaves_of(&error), ["x"]);
}

#[test]
fn the_reason_of_a_failing_body_names_it_and_reaches_all_levels() {
    let report = RefCell::new(None);
    run(open_nursery(async |nursery| {
        let report = &report;
        nursery.start_soon(async move {
            open_nursery(async |inner| {
                inner.start_soon(async {
                    *report.borrow_mut() = catch_cancel(sleep_forever()).await.err();
                });
            })
            .await
        });
        settle().await;
        boom::<()>("the body")
    }))
    .unwrap_err();
    let report = report.take().unwrap();
    assert_eq!(report.kind(), CancelKind::SiblingFailed);
    assert!(report.location().file().ends_with("cancel/scopes.rs"));
}

#[test]
fn an_explicit_reason_is_not_overwritten_by_a_failure_that_follows() {
    let error = run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let caught = catch_cancel(sleep_forever()).await.unwrap_err();
            assert_eq!(caught.reason(), Some("explicit"));
            boom::<()>("late")
        });
        settle().await;
        nursery.cancel_scope().cancel_because("explicit");
        let caught = catch_cancel(sleep_forever()).await.unwrap_err();
        assert_eq!(caught.reason(), Some("explicit"));
        settle().await;
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["late"]);
}

#[test]
fn scopes_in_a_join_are_cancelled_one_by_one() {
    run(open_nursery(async |nursery| {
        let scopes: Vec<_> = (0..times(100, 10)).map(|_| CancelScope::new()).collect();
        let those = scopes.clone();
        nursery.start_soon(async move {
            settle().await;
            for scope in those.iter().step_by(2) {
                scope.cancel();
            }
            settle().await;
            for scope in those.iter().skip(1).step_by(2) {
                scope.cancel_because("odd");
            }
        });
        let results = join_all(scopes.iter().map(|scope| scope.run(sleep_forever()))).await;
        for (at, result) in results.into_iter().enumerate() {
            let odd = (at % 2 == 1).then_some("odd");
            assert_eq!(result.unwrap_err().reason(), odd);
        }
    }))
    .unwrap();
}

#[test]
fn a_scope_in_a_set_that_polls_only_who_was_woken_is_cut_off_alone() {
    run(open_nursery(async |nursery| {
        let scopes: Vec<_> = (0..10).map(|_| CancelScope::new()).collect();
        let counts: Vec<_> = scopes.iter().map(|_| Counts::new()).collect();
        let mut set = Unordered::new();
        for (scope, counts) in scopes.iter().zip(&counts) {
            set.push(scope.run(counts.of(pending::<()>())));
        }
        cancel_soon(nursery, &scopes[6]);
        assert!(set.next().await.unwrap().is_err());
        for (at, counts) in counts.iter().enumerate() {
            assert_eq!(counts.drops(), usize::from(at == 6));
            assert!(counts.polls() <= if at == 6 { 2 } else { 1 }, "{at}");
        }
    }))
    .unwrap();
}

#[test]
fn a_scope_around_a_set_that_polls_only_who_was_woken_cuts_all_off() {
    let counts = Counts::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let mut set = Unordered::new();
            for _ in 0..100 {
                set.push(CancelScope::new().run(counts.of(sleep_forever())));
            }
            set.next().await.is_some()
        });
        assert!(result.await.is_err());
        assert_eq!(counts.drops(), 100);
    }))
    .unwrap();
}

#[test]
fn a_scope_that_loses_a_select_is_dropped_and_one_that_wins_reports() {
    run(open_nursery(async |nursery| {
        let (loser, winner) = (CancelScope::new(), CancelScope::new());
        cancel_soon(nursery, &winner);
        let first = select(loser.run(sleep_forever()), winner.run(sleep_forever())).await;
        assert!(matches!(first, Either::Second(Err(_))));
        assert!(!loser.cancelled_caught());
        loser.cancel();
        assert!(!loser.cancel_called(), "it is over");
    }))
    .unwrap();
}

#[test]
fn a_scope_moves_with_its_future_from_one_outer_scope_to_another() {
    run(async {
        let (old, new) = (CancelScope::new(), CancelScope::new());
        let moving = CancelScope::new();
        let mut future = Box::pin(moving.run(sleep_forever()));
        assert!(old.run(poll_once(&mut future)).await.unwrap().is_pending());
        old.cancel();
        let result = new.run(async {
            assert!(poll_once(&mut future).await.is_pending());
            assert!(!moving.is_cancelled(), "the old scope has no say any more");
            new.cancel_because("new");
            assert!(moving.is_cancelled(), "the new one has");
            future.await
        });
        assert_eq!(result.await.unwrap_err().reason(), Some("new"));
    });
}

#[test]
fn a_scope_that_is_moved_into_a_cancelled_one_is_cut_off_at_its_next_poll() {
    let counts = Counts::new();
    run(async {
        let moving = CancelScope::new();
        let mut future = Box::pin(moving.run(counts.of(pending::<()>())));
        assert!(poll_once(&mut future).await.is_pending());
        let outer = CancelScope::new();
        outer.cancel();
        let result = outer.run(async { poll_once(&mut future).await.is_pending() });
        assert_eq!(result.await, Ok(true), "cut off, but not by itself");
        assert_eq!(counts.drops(), 1);
    });
}

#[test]
fn a_parked_scope_that_is_moved_out_of_a_cancelled_one_in_time_lives_on() {
    run(async {
        let moving = CancelScope::new();
        let waker: RefCell<Option<Waker>> = RefCell::default();
        let mut future = Box::pin(moving.run(async {
            park(|parked| *waker.borrow_mut() = Some(parked)).await;
            checkpoint().await;
            8
        }));
        let outer = CancelScope::new();
        let result = outer.run(async {
            assert!(poll_once(&mut future).await.is_pending());
            outer.cancel();
            assert!(moving.is_cancelled());
        });
        assert_eq!(result.await, Ok(()));
        waker.take().unwrap().wake();
        assert_eq!(future.await, Ok(8));
        assert!(!moving.cancel_called());
    });
}

#[test]
fn a_scope_that_was_cut_off_from_outside_and_then_polled_elsewhere_says_so() {
    run(async {
        let moving = CancelScope::new();
        let mut future = Box::pin(moving.run(sleep_forever()));
        let outer = CancelScope::new();
        outer.cancel();
        outer
            .run(async { assert!(poll_once(&mut future).await.is_pending()) })
            .await
            .unwrap();
        let report = future.await.unwrap_err();
        assert!(report.reason().unwrap().contains("outside"), "{report}");
    });
}

#[test]
fn moving_a_scope_takes_all_that_is_in_it_along() {
    let log = Log::new();
    run(async {
        let moving = CancelScope::new();
        let mut future = Box::pin(moving.run(open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(async {
                    let _child = log.at_drop("child");
                    shield(yield_n(3)).await;
                    sleep_forever().await;
                });
            }
            sleep_forever().await;
        })));
        for _ in 0..10 {
            let scope = CancelScope::new();
            assert!(scope.run(poll_once(&mut future)).await.is_ok());
            checkpoint().await;
        }
        let last = CancelScope::new();
        last.cancel();
        assert!(last.run(&mut future).await.is_err());
        log.expect(&["child", "child", "child"]);
    });
}

#[test]
fn is_cancelled_is_of_the_context_and_cancel_called_of_the_scope() {
    run(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let result = outer.run(async {
            let result = inner.run(async {
                assert!(!is_cancelled());
                outer.cancel();
                assert!(is_cancelled());
                assert!(inner.is_cancelled() && !inner.cancel_called());
                assert!(shield(async { !is_cancelled() }).await);
                assert!(is_cancelled());
            });
            assert_eq!(result.await, Ok(()));
        });
        assert_eq!(result.await, Ok(()));
        assert!(!is_cancelled());
    });
    assert!(!is_cancelled(), "outside a run nothing is");
}

#[test]
fn a_destructor_runs_in_the_cancelled_context_and_may_cancel_too() {
    let seen = Cell::new(None);
    run(async {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let other = CancelScope::new();
        let result = outer.run(async {
            let _result = inner
                .run(async {
                    let _local = on_drop(|| {
                        seen.set(Some(is_cancelled()));
                        inner.cancel_because("again");
                        outer.cancel_because("from a destructor");
                        other.cancel();
                    });
                    inner.cancel();
                    checkpoint().await;
                })
                .await;
        });
        let report = result.await.unwrap_err();
        assert_eq!(report.reason(), Some("from a destructor"));
        assert_eq!(seen.get(), Some(true));
        assert!(!inner.cancelled_caught());
        assert!(other.run(checkpoint()).await.is_err());
    });
}

#[test]
fn a_destructor_that_drops_the_last_handle_of_its_own_scope_does_no_harm() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let handle = scope.clone();
        let future = scope.run(async move {
            let _local = on_drop(move || drop(handle));
            sleep_forever().await;
        });
        drop(scope);
        assert!(future.await.is_err());
    }))
    .unwrap();
}

#[test]
fn cancelling_polls_what_is_parked_at_most_once_more_and_nobody_else() {
    let (inside, beside) = (Counts::new(), Counts::new());
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let future = scope.run(inside.of(pending::<()>()));
        nursery.start_soon(async { drop(future.await.unwrap_err()) });
        nursery
            .task()
            .daemon()
            .start_soon(beside.of(pending::<()>()));
        settle().await;
        for _ in 0..1000 {
            scope.cancel();
        }
        settle().await;
        assert_eq!(inside.drops(), 1);
        assert!(inside.polls() <= 2, "{}", inside.polls());
        assert_eq!((beside.polls(), beside.drops()), (1, 0));
    }))
    .unwrap();
}

#[test]
fn what_is_woken_in_a_cancelled_scope_takes_no_effect() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let canceller = scope.clone();
        let mut handle = nursery.spawn(async move {
            settle().await;
            canceller.cancel();
            ok("value")
        });
        // The child cancels and ends in one turn: the cancel is first.
        assert!(scope.run(&mut handle).await.is_err());
        assert_eq!(handle.await, Ok("value"), "it has not been taken");
    }))
    .unwrap();
}

#[test]
fn a_panic_inside_a_scope_leaves_the_tree_as_it_was() {
    run(async {
        let before = statistics().frames;
        for cancelled in [false, true] {
            let scope = CancelScope::new()
                .timeout(Duration::from_secs(1))
                .shielded();
            if cancelled {
                scope.cancel();
            }
            let mut future = Box::pin(scope.run(async {
                let _timed = move_on_after(Duration::from_secs(1), async {
                    shield(async { panic!("on purpose") }).await
                })
                .await;
            }));
            let polled = poll_fn(|cx| {
                Poll::Ready(catch_unwind(AssertUnwindSafe(|| {
                    future.as_mut().poll(cx).is_ready()
                })))
            });
            assert!(polled.await.is_err());
            assert!(!is_cancelled(), "this is outside of it again");
            checkpoint().await;
            drop(future);
            drop(scope);
            assert_eq!((statistics().frames, statistics().timers), (before, 0));
        }
    });
}

#[test]
fn clones_are_one_scope_and_default_is_new() {
    run(async {
        let scope = CancelScope::default();
        let clone = scope.clone();
        clone.cancel();
        assert!(scope.cancel_called());
        assert!(scope.run(checkpoint()).await.is_err());
        assert!(clone.cancelled_caught());
    });
}

#[test]
fn a_scope_made_outside_of_any_run_works_in_one() {
    let scope = CancelScope::new().name("made before");
    scope.cancel_because("early");
    let report = run(scope.run(sleep_forever())).unwrap_err();
    assert_eq!(report.scope(), Some("made before"));
    assert_eq!(report.reason(), Some("early"));
}

#[test]
fn a_scope_s_future_that_outlives_its_run_can_be_asked_cancelled_and_dropped() {
    let _leaks = LeakCheck::begin();
    let scope = CancelScope::new().timeout(Duration::from_secs(3600));
    let mut future = Box::pin(scope.run(sleep_forever()));
    nestling::run(async { assert!(poll_once(&mut future).await.is_pending()) });
    assert!(!scope.is_cancelled() && !scope.cancel_called());
    assert!(format!("{scope:?}").contains("Running"));
    scope.cancel();
    assert!(scope.is_cancelled() && scope.cancel_called());
    drop(future);
    assert!(format!("{scope:?}").contains("Over"));
}

#[test]
fn a_busy_task_notices_a_cancel_at_its_next_bare_checkpoint() {
    let passed = Cell::new(0);
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let busy = scope.run(async {
            loop {
                checkpoint().await;
                passed.set(passed.get() + 1);
            }
        });
        nursery.start_soon(async {
            let Err(_cut) = busy.await;
        });
        settle().await;
        scope.cancel();
        let before = passed.get();
        settle().await;
        assert_eq!(passed.get(), before);
    }))
    .unwrap();
}

#[test]
fn many_scopes_come_and_go_without_leaving_anything() {
    run_virtual(async {
        let before = statistics();
        for round in 0..times(10_000, 12) {
            let scope = CancelScope::new().timeout(Duration::from_secs(1));
            if round % 3 == 0 {
                scope.cancel();
            }
            let seconds = Duration::from_secs(round as u64 % 3);
            let result = scope.run(sleep(seconds)).await;
            assert_eq!(result.is_err(), round % 3 != 1 || scope.cancelled_caught());
        }
        let after = statistics();
        assert_eq!((after.frames, after.timers), (before.frames, before.timers));
    });
}

#[test]
fn a_nursery_s_scope_reports_as_any_other() {
    let error = run(open_nursery(async |nursery| {
        nursery.cancel_scope().cancel_because("closing time");
        sleep_forever().await;
    }))
    .unwrap_err();
    let NurseryError::Cancelled(report) = error else {
        panic!("nothing failed: {error}");
    };
    assert_eq!(report.reason(), Some("closing time"));
    assert!(report.location().file().ends_with("cancel/scopes.rs"));
}

#[test]
fn a_cancelled_scope_waits_for_its_nursery_s_children_to_unwind() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(open_nursery(async |inner| {
            inner.start_soon(async {
                on_cancel(sleep_forever(), async || {
                    settle().await;
                    log.say("cleaned up");
                })
                .await;
            });
            let _body = log.at_drop("body");
            sleep_forever().await;
        }));
        assert!(result.await.is_err());
        log.say("reported");
    }))
    .unwrap();
    let entries = log.entries();
    assert_eq!(entries.last().map(String::as_str), Some("reported"));
    assert_eq!(entries.len(), 3, "{entries:?}");
}

#[test]
fn what_is_polled_again_after_its_end_panics_and_makes_nothing_up() {
    async fn polled_again<F: Future>(future: F) -> String {
        let mut future = Box::pin(future);
        assert!(poll_once(&mut future).await.is_ready());
        let mut context = std::task::Context::from_waker(Waker::noop());
        message_of(|| future.as_mut().poll(&mut context).is_ready())
    }
    run(open_nursery(async |_| {
        let scope = CancelScope::new();
        let limit = Duration::from_secs(1);
        for text in [
            polled_again(scope.run(async {})).await,
            polled_again(move_on_after(limit, async {})).await,
            polled_again(fail_after(limit, async {})).await,
            polled_again(shield(async {})).await,
            polled_again(catch_cancel(async {})).await,
            polled_again(on_cancel(async {}, async || {})).await,
        ] {
            assert!(text.contains("polled again after it had ended"), "{text}");
        }
        assert!(!scope.cancelled_caught());
    }))
    .unwrap();
}

thread_local! {
    static CANCELS_NEXT: RefCell<Option<CancelScope>> = const { RefCell::new(None) };
}

/// Cancels another scope when it is woken.
struct Cancels;

impl Wake for Cancels {
    fn wake(self: Arc<Self>) {
        let next = CANCELS_NEXT.take();
        if let Some(next) = next {
            next.cancel_because("from a waker");
        }
    }
}

#[test]
fn a_waker_may_cancel_while_others_are_being_woken() {
    run(async {
        let (outer, other) = (CancelScope::new(), CancelScope::new());
        let flag = Flag::new();
        let mut inside = Box::pin(with_waker(
            Waker::from(Arc::new(Cancels)),
            outer.run(with_waker(
                waker_of(&flag),
                CancelScope::new().run(pending::<()>()),
            )),
        ));
        let mut beside = Box::pin(with_waker(waker_of(&flag), other.run(pending::<()>())));
        assert!(poll_once(&mut inside).await.is_pending());
        assert!(poll_once(&mut beside).await.is_pending());
        CANCELS_NEXT.set(Some(other.clone()));
        outer.cancel();
        assert!(outer.cancel_called() && other.cancel_called());
        assert_eq!(flag.count(), 2);
        assert!(inside.await.is_err());
        assert_eq!(beside.await.unwrap_err().reason(), Some("from a waker"));
    });
}

#[test]
fn a_waker_that_panics_costs_nobody_else_the_wake_up() {
    run(async {
        let scope = CancelScope::new();
        let flag = Flag::new();
        let mut set: Vec<_> = (0..10)
            .map(|number| {
                let waker = match number {
                    3 | 7 => waker_of(&Arc::new(PanicOnWake)),
                    _ => waker_of(&flag),
                };
                Box::pin(with_waker(waker, CancelScope::new().run(pending::<()>())))
            })
            .collect();
        let mut all = Box::pin(scope.run(async {
            for future in &mut set {
                assert!(poll_once(future).await.is_pending());
            }
            pending::<()>().await;
        }));
        assert!(poll_once(&mut all).await.is_pending());
        let text = message_of(|| scope.cancel());
        assert!(text.contains("panics when it is woken"), "{text}");
        assert_eq!(flag.count(), 8);
        assert!(all.await.is_err());
    });
}

#[test]
fn catches_nest_and_each_stops_the_unwinding_for_itself() {
    let log = Log::new();
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            scope.cancel();
            let outer = catch_cancel(async {
                let inner = catch_cancel(async {
                    let _local = log.at_drop("innermost");
                    sleep_forever().await;
                });
                assert!(inner.await.is_err());
                log.say("inner");
                checkpoint().await;
                log.say("never");
            });
            assert!(outer.await.is_err());
            log.say("outer");
            "value"
        });
        assert_eq!(result.await, Ok("value"));
    });
    log.expect(&["innermost", "inner", "outer"]);
}

#[test]
fn a_catch_in_a_join_is_waited_for_and_the_others_are_cut_off() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let mut set = Unordered::new();
            for number in 0..20 {
                let log = &log;
                set.push(async move {
                    if number % 2 == 0 {
                        catch_cancel(pending::<()>()).await.unwrap_err();
                        log.say("caught");
                    }
                    pending::<()>().await;
                });
            }
            set.next().await
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    assert_eq!(log.count("caught"), 10);
}
