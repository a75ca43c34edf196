//! Soft shutdown: a request to come to an end, a grace period, and the cut.
//!
//! Trio has nothing like it; the rules are those of DESIGN §3 and of the docs.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::time::Duration;

use crate::support::{
    self, Either, Log, Unordered, join_all, message_of, poll_once, run, run_virtual, run_with,
    select, settle, yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelKind, CancelScope, ShutdownReport, catch_cancel, checkpoint, is_cancelled,
    move_on_after, ok, on_cancel, open_nursery, shield, shutdown_requested, sleep, sleep_forever,
    statistics,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs `main` with the clock that it takes its time from.
fn run_clocked<T>(main: impl AsyncFnOnce(&MockClock) -> T) -> T {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), main(&clock))
}

fn names(report: &ShutdownReport) -> Vec<&str> {
    let mut names: Vec<_> = report.laggards().iter().map(|task| task.task()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_request_is_heard_inside_at_once_and_outside_not_at_all() {
    let log = Log::new();
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let (inside, beside) = (CancelScope::new(), CancelScope::new());
            let log = &log;
            for (name, scope) in [("inside", &inside), ("beside", &beside)] {
                let scope = scope.clone();
                nursery.start_soon(async move {
                    let _cut = scope
                        .run(async {
                            shutdown_requested().await;
                            log.say(name);
                        })
                        .await;
                });
            }
            nursery.start_soon(async {
                shutdown_requested().await;
                log.say("outside");
            });
            settle().await;
            let report = inside.shutdown(secs(10)).await;
            assert!(report.is_clean());
            log.expect(&["inside"]);
            assert_eq!(clock.elapsed(), Duration::ZERO);
            nursery.cancel();
            beside.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&["inside"]);
}

#[test]
fn a_request_is_ready_for_who_asks_later_too() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            drop(scope.shutdown(secs(10)));
            shutdown_requested().await;
            checkpoint().await;
            shutdown_requested().await;
            open_nursery(async |nursery| {
                nursery.start_soon(shutdown_requested());
                CancelScope::new().run(shutdown_requested()).await.unwrap();
            })
            .await
            .unwrap();
        });
        assert_eq!(result.await, Ok(()));
        assert!(!scope.cancel_called());
    });
}

#[test]
fn a_request_reaches_nested_scopes_and_tasks_but_not_the_other_way_round() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let (outer, inner) = (CancelScope::new(), CancelScope::new());
        let (outer_too, inner_too) = (outer.clone(), inner.clone());
        let log = &log;
        nursery.start_soon(async move {
            settle().await;
            drop(inner_too.shutdown(secs(10)));
            settle().await;
            log.expect(&["inner"]);
            drop(outer_too.shutdown(secs(10)));
        });
        let result = outer.run(open_nursery(async |workers| {
            workers.start_soon(async {
                shutdown_requested().await;
                log.say("outer's task");
            });
            inner
                .run(async {
                    shutdown_requested().await;
                    log.say("inner");
                })
                .await
                .unwrap();
            shutdown_requested().await;
            log.say("outer's body");
        }));
        result.await.unwrap().unwrap();
    }))
    .unwrap();
    log.expect_batches(&[&["inner"], &["outer's body", "outer's task"]]);
}

#[test]
fn a_shield_does_not_hide_a_request() {
    let log = Log::new();
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let scope = CancelScope::new();
            let asker = scope.clone();
            nursery.start_soon(async move {
                settle().await;
                drop(asker.shutdown(secs(5)));
            });
            let result = scope.run(async {
                shield(async {
                    CancelScope::new()
                        .shielded()
                        .run(shutdown_requested())
                        .await
                        .unwrap();
                    log.say("heard");
                    sleep(secs(20)).await;
                })
                .await;
                checkpoint().await;
            });
            assert_eq!(result.await.unwrap_err().kind(), CancelKind::Shutdown);
        })
        .await
        .unwrap();
        assert_eq!(clock.elapsed(), secs(20));
    });
    log.expect(&["heard"]);
}

#[test]
fn when_the_grace_is_over_the_scope_is_cancelled_by_a_shutdown() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let scope = CancelScope::new().name("service");
            let asker = scope.clone();
            const LINE: u32 = line!() + 3;
            nursery.start_soon(async move {
                settle().await;
                drop(asker.shutdown(secs(7)));
            });
            let report = scope.run(sleep_forever()).await.unwrap_err();
            assert_eq!(clock.elapsed(), secs(7));
            assert_eq!(report.kind(), CancelKind::Shutdown);
            assert_eq!(report.scope(), Some("service"));
            assert!(report.reason().unwrap().contains("grace"), "{report}");
            assert!(report.location().file().ends_with("shutdown.rs"));
            assert_eq!(report.location().line(), LINE);
        })
        .await
        .unwrap();
    });
}

#[test]
fn laggards_are_reported_with_their_names_and_how_long_they_ran() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(open_nursery(async |workers| {
                workers.task().name("early").start_soon(sleep_forever());
                workers
                    .task()
                    .name("polite")
                    .start_soon(shutdown_requested());
                sleep(secs(10)).await;
                workers.task().name("late").start_soon(sleep_forever());
                workers.task().name("done").start_soon(async {});
                workers.task().name("in time").start_soon(sleep(secs(4)));
                workers.task().name("nested").start_soon(async {
                    open_nursery(async |inner| {
                        inner.task().name("grandchild").start_soon(sleep_forever());
                    })
                    .await
                });
            }));
            nursery.start_soon(async {
                drop(all.await);
            });
            sleep(secs(12)).await;
            let report = service.shutdown(secs(5)).await;
            assert_eq!(clock.elapsed(), secs(17));
            assert_eq!(names(&report), ["early", "grandchild", "late", "nested"]);
            assert!(!report.is_clean());
            for laggard in report.laggards() {
                let started = if laggard.task() == "early" { 0 } else { 10 };
                assert_eq!(laggard.running(), secs(17 - started), "{laggard}");
                assert!(laggard.site().file().ends_with("shutdown.rs"));
                assert!(laggard.to_string().contains(laggard.task()));
                assert!(laggard.to_string().contains("shutdown.rs"));
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn all_that_end_in_time_make_a_clean_report_and_nothing_is_cancelled() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(open_nursery(async |workers| {
                for seconds in 1..=4 {
                    workers.start_soon(async move {
                        shutdown_requested().await;
                        sleep(secs(seconds)).await;
                    });
                }
                shutdown_requested().await;
                ok("value")
            }));
            let all = nursery.spawn(async { ok(all.await??) });
            settle().await;
            let report = service.shutdown(secs(5)).await;
            assert!(report.is_clean() && report.laggards().is_empty());
            assert_eq!(clock.elapsed(), secs(4), "it does not wait for the grace");
            assert_eq!(statistics().timers, 0);
            assert!(!service.cancel_called() && !service.cancelled_caught());
            assert_eq!(all.await.unwrap(), "value");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_scope_that_had_to_be_cancelled_is_not_clean_even_if_no_task_was_left() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let deaf = service.run(sleep_forever());
            nursery.start_soon(async { drop(deaf.await.unwrap_err()) });
            settle().await;
            let report = service.shutdown(secs(1)).await;
            assert!(report.laggards().is_empty(), "no task below the scope");
            assert!(!report.is_clean(), "but it did not end by itself");
            assert_eq!(clock.elapsed(), secs(1));
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_report_comes_when_the_clean_ups_are_done() {
    let log = Log::new();
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(on_cancel(sleep_forever(), async || {
                sleep(secs(3)).await;
                log.say("cleaned up");
            }));
            nursery.start_soon(async { drop(all.await.unwrap_err()) });
            settle().await;
            let _report = service.shutdown(secs(1)).await;
            log.say("reported");
            assert_eq!(clock.elapsed(), secs(4));
        })
        .await
        .unwrap();
    });
    log.expect(&["cleaned up", "reported"]);
}

#[test]
fn of_two_shutdowns_the_earlier_end_counts() {
    for (first, second, end) in [(5, 10, 5), (10, 5, 5), (5, 5, 5), (10, 0, 0)] {
        run_clocked(async |clock| {
            open_nursery(async |nursery| {
                let service = CancelScope::new();
                let all = service.run(sleep_forever());
                nursery.start_soon(async { drop(all.await.unwrap_err()) });
                settle().await;
                let (first, second) = (
                    service.shutdown(secs(first)),
                    service.shutdown(secs(second)),
                );
                assert_eq!(statistics().timers, 1);
                let reports = join_all([first, second]).await;
                assert_eq!(reports.len(), 2, "both hear of it");
                assert_eq!(clock.elapsed(), secs(end));
            })
            .await
            .unwrap();
        });
    }
}

#[test]
fn a_later_shutdown_with_an_earlier_end_shortens_the_grace() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(sleep_forever());
            nursery.start_soon(async { drop(all.await.unwrap_err()) });
            settle().await;
            drop(service.shutdown(secs(100)));
            sleep(secs(2)).await;
            let _report = service.shutdown(secs(3)).await;
            assert_eq!(clock.elapsed(), secs(5));
            drop(service.shutdown(secs(1)));
            assert_eq!(statistics().timers, 0, "it is over");
        })
        .await
        .unwrap();
    });
}

#[test]
fn no_grace_at_all_still_asks_before_it_cancels() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let service = CancelScope::new();
        let all = service.run(open_nursery(async |workers| {
            workers.start_soon(async {
                let heard = catch_cancel(shutdown_requested()).await;
                log.say(if heard.is_ok() { "asked" } else { "cut" });
            });
            sleep_forever().await;
        }));
        nursery.start_soon(async { drop(all.await.unwrap_err()) });
        settle().await;
        let report = service.shutdown(Duration::ZERO).await;
        assert!(!report.is_clean());
    }))
    .unwrap();
    assert_eq!(log.len(), 1);
}

#[test]
fn a_grace_without_end_never_cancels() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(async {
                shutdown_requested().await;
                sleep(secs(1_000_000)).await;
            });
            let all = nursery.spawn(async { ok(all.await?) });
            settle().await;
            assert!(service.shutdown(Duration::MAX).await.is_clean());
            assert_eq!(clock.elapsed(), secs(1_000_000));
            all.await.unwrap();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_shutdown_before_the_run_is_heard_in_it_and_its_grace_counts_from_the_call() {
    run_clocked(async |clock| {
        let service = CancelScope::new();
        let report = service.shutdown(secs(5));
        sleep(secs(2)).await;
        let result = service.run(async {
            shutdown_requested().await;
            assert_eq!(clock.elapsed(), secs(2));
            sleep_forever().await;
        });
        assert_eq!(result.await.unwrap_err().kind(), CancelKind::Shutdown);
        assert_eq!(clock.elapsed(), secs(5));
        assert!(!report.await.is_clean());
    });
}

#[test]
fn a_grace_that_was_over_before_the_run_cuts_off_at_the_first_checkpoint() {
    let log = Log::new();
    run_virtual(async {
        let service = CancelScope::new();
        drop(service.shutdown(secs(5)));
        sleep(secs(10)).await;
        let result = service.run(async {
            log.say("began");
            checkpoint().await;
            log.say("never");
        });
        assert_eq!(result.await.unwrap_err().kind(), CancelKind::Shutdown);
    });
    log.expect(&["began"]);
}

#[test]
fn a_report_of_a_scope_that_is_never_run_comes_when_the_scope_is_gone() {
    run_virtual(async {
        let service = CancelScope::new();
        let report = service.shutdown(secs(5));
        drop(service);
        let report = move_on_after(secs(100), report).await;
        assert!(report.is_some_and(|report| report.is_clean()));
    });
}

#[test]
fn a_shutdown_after_the_end_is_reported_clean_at_once() {
    run_clocked(async |clock| {
        let service = CancelScope::new();
        service.run(async {}).await.unwrap();
        assert!(service.shutdown(secs(5)).await.is_clean());
        assert!(service.shutdown(secs(5)).await.is_clean());
        assert_eq!(clock.elapsed(), Duration::ZERO);
        assert_eq!(statistics().timers, 0);
        assert!(!service.cancel_called());
    });
}

#[test]
fn a_dropped_report_changes_nothing() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(sleep_forever());
            let ended = nursery.spawn(async { ok(all.await.is_err()) });
            settle().await;
            drop(service.shutdown(secs(3)));
            let mut polled = Box::pin(service.shutdown(secs(3)));
            assert!(poll_once(&mut polled).await.is_pending());
            drop(polled);
            assert!(ended.await.unwrap());
            assert_eq!(clock.elapsed(), secs(3));
        })
        .await
        .unwrap();
    });
}

#[test]
fn several_may_await_one_shutdown() {
    let reports = RefCell::new(Vec::new());
    run_virtual(open_nursery(async |nursery| {
        let service = CancelScope::new();
        let all = service.run(open_nursery(async |workers| {
            workers.task().name("deaf").start_soon(sleep_forever());
        }));
        nursery.start_soon(async { drop(all.await) });
        settle().await;
        for _ in 0..5 {
            let report = service.shutdown(secs(2));
            let reports = &reports;
            nursery.start_soon(async move {
                let report = report.await;
                reports.borrow_mut().push(report);
            });
        }
    }))
    .unwrap();
    let reports = reports.take();
    assert_eq!(reports.len(), 5);
    assert!(reports.iter().all(|report| names(report) == ["deaf"]));
}

#[test]
fn awaited_inside_the_scope_itself_it_is_cut_off_when_the_grace_is_over() {
    run_clocked(async |clock| {
        let service = CancelScope::new();
        let result = service.run(async {
            let _never = service.shutdown(secs(2)).await;
            unreachable!("the scope ends when this does");
        });
        assert_eq!(result.await.unwrap_err().kind(), CancelKind::Shutdown);
        assert_eq!(clock.elapsed(), secs(2));
    });
}

#[test]
fn awaited_by_a_task_inside_the_scope_it_is_a_laggard_itself() {
    run_virtual(async {
        let service = CancelScope::new();
        let inner = service.clone();
        let result = service.run(open_nursery(async |workers| {
            workers.task().name("asker").start_soon(async move {
                let _never = inner.shutdown(secs(2)).await;
                unreachable!();
            });
            sleep_forever().await;
        }));
        let report = service.shutdown(secs(2));
        assert_eq!(result.await.unwrap_err().kind(), CancelKind::Shutdown);
        assert_eq!(names(&report.await), ["asker"]);
    });
}

#[test]
fn a_nursery_s_scope_shuts_down_as_any_other() {
    run_clocked(async |clock| {
        let error = open_nursery(async |nursery| {
            nursery.start_soon(async {
                shutdown_requested().await;
                drop(nursery.cancel_scope().shutdown(secs(1)));
                sleep_forever().await;
            });
            drop(nursery.cancel_scope().shutdown(secs(9)));
            sleep_forever().await;
        })
        .await
        .unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(clock.elapsed(), secs(1));
    });
}

#[test]
fn a_cancel_during_the_grace_goes_first() {
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let all = service.run(sleep_forever());
            let ended = nursery.spawn(async { ok(all.await.unwrap_err()) });
            settle().await;
            let report = service.shutdown(secs(9));
            sleep(secs(1)).await;
            service.cancel_because("enough");
            let _report = report.await;
            assert_eq!(clock.elapsed(), secs(1));
            assert_eq!(statistics().timers, 0);
            assert_eq!(ended.await.unwrap().reason(), Some("enough"));
        })
        .await
        .unwrap();
    });
}

#[test]
fn an_outer_cancellation_during_the_grace_ends_it() {
    run_clocked(async |clock| {
        let service = CancelScope::new();
        let ended = move_on_after(secs(2), service.run(sleep_forever()));
        let report = async {
            sleep(secs(1)).await;
            service.shutdown(secs(9)).await
        };
        let both = join_all([
            Box::pin(async { drop(ended.await) })
                as std::pin::Pin<Box<dyn Future<Output = ()> + '_>>,
            Box::pin(async { drop(report.await) }),
        ]);
        both.await;
        assert_eq!(clock.elapsed(), secs(2));
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn an_accept_loop_listens_for_the_request_beside_its_work() {
    let served = Cell::new(0);
    run_clocked(async |clock| {
        open_nursery(async |nursery| {
            let service = CancelScope::new();
            let served = &served;
            let looping = service.run(async move {
                loop {
                    match select(shutdown_requested(), sleep(secs(1))).await {
                        Either::First(()) => break,
                        Either::Second(()) => served.set(served.get() + 1),
                    }
                }
            });
            nursery.start_soon(async { looping.await.unwrap() });
            sleep(Duration::from_millis(3500)).await;
            assert!(service.shutdown(secs(60)).await.is_clean());
            assert_eq!(clock.elapsed(), Duration::from_millis(3500));
            assert_eq!(statistics().timers, 0);
        })
        .await
        .unwrap();
    });
    assert_eq!(served.get(), 3);
}

#[test]
fn who_listens_in_a_set_that_polls_only_who_was_woken_hears() {
    run(open_nursery(async |nursery| {
        let service = CancelScope::new();
        let asker = service.clone();
        nursery.start_soon(async move {
            settle().await;
            drop(asker.shutdown(secs(60)));
        });
        let heard = service.run(async {
            let mut set = Unordered::new();
            for _ in 0..20 {
                set.push(shutdown_requested());
            }
            let mut heard = 0;
            while set.next().await.is_some() {
                heard += 1;
            }
            heard
        });
        assert_eq!(heard.await, Ok(20));
    }))
    .unwrap();
}

#[test]
fn who_listens_hears_also_when_its_scope_moves_under_one_that_shuts_down() {
    run_virtual(async {
        let listening = CancelScope::new();
        let mut moving = Box::pin(listening.run(async {
            let mut set = Unordered::new();
            set.push(shutdown_requested());
            set.next().await
        }));
        assert!(poll_once(&mut moving).await.is_pending());
        let service = CancelScope::new();
        let result = service.run(async {
            drop(service.shutdown(secs(1)));
            moving.await
        });
        assert_eq!(result.await, Ok(Ok(Some(()))));
    });
}

#[test]
fn who_listened_in_a_scope_that_moved_away_is_left_alone() {
    run(async {
        let service = CancelScope::new();
        let mut moving = Box::pin(shutdown_requested());
        let result = service.run(async {
            assert!(poll_once(&mut moving).await.is_pending());
        });
        result.await.unwrap();
        assert!(poll_once(&mut moving).await.is_pending());
        drop(service.shutdown(secs(1)));
        checkpoint().await;
        assert!(poll_once(&mut moving).await.is_pending());
    });
}

#[test]
fn without_any_scope_a_request_never_comes_but_can_be_cut_off() {
    run_virtual(async {
        assert_eq!(move_on_after(secs(1), shutdown_requested()).await, None);
        let before = statistics().frames;
        let mut listening = Box::pin(shutdown_requested());
        assert!(poll_once(&mut listening).await.is_pending());
        drop(listening);
        assert_eq!(statistics().frames, before);
    });
}

#[test]
fn asking_does_not_cancel_by_itself() {
    run(async {
        let service = CancelScope::new();
        let result = service.run(async {
            drop(service.shutdown(secs(60)));
            yield_n(10).await;
            assert!(!is_cancelled() && !service.is_cancelled());
            select(pending::<()>(), yield_n(3)).await;
            "done"
        });
        assert_eq!(result.await, Ok("done"));
    });
}

#[test]
fn thousands_of_listeners_hear_at_once_and_each_is_polled_once_for_it() {
    let count = support::times(5_000, 20);
    let counts = support::Counts::new();
    run(open_nursery(async |nursery| {
        let service = CancelScope::new();
        let all = service.run(open_nursery(async |workers| {
            for _ in 0..count {
                workers.start_soon(counts.of(shutdown_requested()));
            }
        }));
        let all = nursery.spawn(async { ok(all.await??) });
        settle().await;
        assert!(service.shutdown(secs(60)).await.is_clean());
        all.await.unwrap();
    }))
    .unwrap();
    assert_eq!((counts.polls(), counts.drops()), (2 * count, count));
}

#[test]
fn outside_a_run_it_panics_with_an_explanation() {
    let scope = CancelScope::new();
    let text = message_of(|| drop(scope.shutdown(secs(1))));
    assert!(text.contains("inside a Nestling run"), "{text}");
}

#[test]
fn debug_tells_whether_it_is_over() {
    run(async {
        let scope = CancelScope::new();
        let report = scope.shutdown(secs(1));
        assert!(format!("{report:?}").contains("over: false"));
        scope.run(async {}).await.unwrap();
        assert!(format!("{report:?}").contains("over: true"));
    });
}
