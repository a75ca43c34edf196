//! How cancelled computations are cut off: rules N5 to N12 and C1 to C4, C9, C11, C12 and C19 in
//! the part that nurseries show, cases 10, 19, 23, 24, 59, 70 and 72.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use crate::support::{
    Boom, Counts, Log, boom, join_all, leaves_of, on_drop, park, run, run_virtual, select, settle,
    times, yield_n,
};
use nestling::{
    CancelKind, NurseryError, checkpoint, is_cancelled, ok, open_nursery, sleep, sleep_forever,
    sleep_until,
};

#[test]
fn an_outer_cancel_goes_through_nested_nurseries_from_the_inside_out() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let _one = log.at_drop("1");
                let _unreachable = open_nursery(async |middle| {
                    middle.start_soon(async {
                        let _two = log.at_drop("1.1");
                        let _unreachable = open_nursery(async |inner| {
                            inner.start_soon(async {
                                let _three = log.at_drop("1.1.1");
                                sleep_forever().await;
                            });
                            let _body = log.at_drop("1.1 body");
                            sleep_forever().await;
                        })
                        .await;
                        log.say("unreachable");
                    });
                    let _body = log.at_drop("1 body");
                    sleep_forever().await;
                })
                .await;
                log.say("unreachable");
            });
            settle().await;
            log.say("cancel");
            outer.cancel();
        })
        .await
        .unwrap();
    });
    let entries = log.entries();
    let at = |what: &str| entries.iter().position(|entry| entry == what).unwrap();
    assert_eq!(entries.len(), 6, "{entries:?}");
    assert!(
        at("1.1.1") < at("1.1") && at("1.1 body") < at("1.1"),
        "{entries:?}"
    );
    assert!(at("1.1") < at("1") && at("1 body") < at("1"), "{entries:?}");
}

#[test]
fn the_code_behind_a_nursery_that_an_outer_cancel_cut_off_is_not_reached() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let result = open_nursery(async |inner| {
                    inner.start_soon(sleep_forever());
                    sleep_forever().await;
                })
                .await;
                log.say(format!("{result:?}"));
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&[]);
}

#[test]
fn with_outer_and_inner_cancelled_the_outer_one_is_reported() {
    let log = Log::new();
    let error = run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                settle().await;
                outer.cancel_scope().cancel_because("outer");
            });
            let inner = open_nursery(async |inner| {
                inner.start_soon(async {
                    // Cancels its own nursery while the outer one is being cancelled.
                    let _both = on_drop(|| inner.cancel_scope().cancel_because("inner"));
                    sleep_forever().await;
                });
                sleep_forever().await;
            })
            .await;
            log.say(format!("unreachable: {inner:?}"));
        })
        .await
    })
    .unwrap_err();
    let NurseryError::Cancelled(why) = error else {
        panic!("{error:?}")
    };
    assert_eq!(why.reason(), Some("outer"));
    log.expect(&[]);
}

#[test]
fn an_outer_cancel_that_comes_while_the_inner_one_unwinds_wins() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let inner = open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _later = on_drop(|| outer.cancel());
                        sleep_forever().await;
                    });
                    settle().await;
                    inner.cancel();
                    sleep_forever().await;
                })
                .await;
                log.say(format!("unreachable: {inner:?}"));
            });
        })
        .await
        .unwrap();
    });
    log.expect(&[]);
}

#[test]
fn errors_while_an_outer_cancel_unwinds_are_kept() {
    let error = run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                open_nursery(async |inner| {
                    inner.start_soon(async {
                        poll_fn(|_| {
                            if is_cancelled() {
                                Poll::Ready(())
                            } else {
                                Poll::Pending
                            }
                        })
                        .await;
                        boom::<()>("on the way out")
                    });
                    sleep_forever().await;
                })
                .await
            });
            settle().await;
            outer.cancel();
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["on the way out"]);
}

#[test]
fn errors_while_a_failure_unwinds_are_all_kept_from_every_level() {
    let error = run(async {
        open_nursery(async |outer| {
            for name in ["a", "b"] {
                outer.start_soon(async move {
                    open_nursery(async |inner| {
                        inner.start_soon(async move {
                            poll_fn(|_| {
                                if is_cancelled() {
                                    Poll::Ready(())
                                } else {
                                    Poll::Pending
                                }
                            })
                            .await;
                            boom::<()>(name)
                        });
                        sleep_forever().await;
                    })
                    .await
                });
            }
            settle().await;
            boom::<()>("first")
        })
        .await
    })
    .unwrap_err();
    let mut leaves = leaves_of(&error);
    assert_eq!(leaves[0], "first");
    leaves.sort();
    assert_eq!(leaves, ["a", "b", "first"]);
}

#[test]
fn code_that_goes_on_in_a_cancelled_context_is_cut_off_at_its_next_checkpoint() {
    // An error makes the inner nursery return while the outer one is cancelled; the code behind it
    // runs, but no further than to the first checkpoint. Level-triggered, as trio says.
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let _cleanup = log.at_drop("cut off");
                let inner = open_nursery(async |inner| {
                    inner.start_soon(async {
                        poll_fn(|_| {
                            if is_cancelled() {
                                Poll::Ready(())
                            } else {
                                Poll::Pending
                            }
                        })
                        .await;
                        boom::<()>("inner")
                    });
                    sleep_forever().await;
                })
                .await;
                log.say(leaves_of(&inner.unwrap_err()).join(","));
                assert!(is_cancelled());
                // Each of these would be a place to be cut off at; it is the first that counts.
                checkpoint().await;
                log.say("unreachable");
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&["inner", "cut off"]);
}

#[test]
fn every_operation_is_a_checkpoint_in_a_cancelled_context() {
    // Even those that could complete at once.
    let log = &Log::new();
    run(async {
        open_nursery(async |nursery| {
            let mut done = nursery.spawn(async { ok(1) });
            settle().await;
            nursery.cancel();
            let now = nestling::current_time();
            nursery.start_soon(async move {
                checkpoint().await;
                log.say("checkpoint");
            });
            nursery.start_soon(async move {
                sleep(Duration::ZERO).await;
                log.say("sleep");
            });
            nursery.start_soon(async move {
                sleep_until(now).await;
                log.say("sleep_until");
            });
            nursery.start_soon(async move {
                nestling::interval(Duration::from_secs(1)).tick().await;
                log.say("interval");
            });
            let _out = (&mut done).await;
            log.say("join");
        })
        .await
        .unwrap_err();
    });
    log.expect(&[]);
}

#[test]
fn success_wins_over_a_cancel_in_the_same_turn() {
    // Case C19: the value was there before the cancel, and nothing is lost.
    let value = run(async {
        open_nursery(async |nursery| {
            let mut ready = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut ready, true) {
                    nursery.cancel();
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            ok("in time")
        })
        .await
    });
    assert_eq!(value.unwrap(), "in time");
}

#[test]
fn a_cancel_that_meets_no_checkpoint_cuts_nothing_off() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                nursery.cancel();
                log.say("ended by itself");
            });
        })
        .await
        .unwrap();
        checkpoint().await;
        log.say("outside nothing is cancelled");
    });
    log.expect(&["ended by itself", "outside nothing is cancelled"]);
}

#[test]
fn a_child_that_takes_no_notice_is_waited_for() {
    // It is not in a checkpoint but in a foreign future, which makes progress by itself: each of its
    // polls ends with `Pending`, and there it is cut off all the same.
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(async {
                let _guard = counts.guard();
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                })
                .await;
            }));
            settle().await;
            let polls = counts.polls();
            assert!(polls >= 10);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 2);
}

#[test]
fn a_cut_future_is_not_polled_again() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(pending::<()>()));
            settle().await;
            nursery.cancel();
            nursery.cancel();
            yield_n(0).await;
        })
        .await
        .unwrap();
        settle().await;
    });
    assert_eq!((counts.polls(), counts.drops()), (2, 1));
}

#[test]
fn destructors_run_in_the_cancelled_context() {
    let seen = Cell::new(None);
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _look = on_drop(|| seen.set(Some(is_cancelled())));
                sleep_forever().await;
            });
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
        assert!(!is_cancelled());
    });
    assert_eq!(seen.get(), Some(true));
}

#[test]
fn the_inner_nursery_s_cancel_stops_at_its_boundary() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                sleep(Duration::from_secs(1)).await;
                log.say("sibling");
            });
            let inner = open_nursery(async |inner| {
                inner.start_soon(sleep_forever());
                inner.cancel();
                sleep_forever().await;
            })
            .await;
            assert!(inner.unwrap_err().is_cancelled());
            sleep(Duration::from_secs(2)).await;
            log.say("body");
        })
        .await
        .unwrap();
    });
    log.expect(&["sibling", "body"]);
}

#[test]
fn cancelling_through_a_clone_of_the_scope_from_outside_the_nursery() {
    let error = run(async {
        let scope = RefCell::new(None);
        let nursery = open_nursery(async |nursery| {
            *scope.borrow_mut() = Some(nursery.cancel_scope().clone());
            sleep_forever().await;
        });
        let outside = async {
            settle().await;
            let scope: nestling::CancelScope = scope.take().unwrap();
            scope.cancel_because("from outside");
            // Once more, when it is over.
            settle().await;
            scope.cancel();
        };
        let mut results = join_all([
            Box::pin(async { nursery.await.err() }) as std::pin::Pin<Box<dyn Future<Output = _>>>,
            Box::pin(async {
                outside.await;
                None
            }),
        ])
        .await;
        results.swap_remove(0).unwrap()
    });
    let NurseryError::Cancelled(why) = error else {
        panic!("{error:?}")
    };
    assert_eq!(why.reason(), Some("from outside"));
    assert_eq!(why.kind(), CancelKind::Explicit);
}

#[test]
fn cancelling_wakes_who_waits_in_a_foreign_combinator() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                select(
                    counts.of(pending::<()>()),
                    join_all([counts.of(pending::<()>()), counts.of(pending::<()>())]),
                )
                .await;
            });
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 3);
}

#[test]
fn a_nursery_in_a_foreign_combinator_is_cut_off_too() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let _task = log.at_drop("task");
                let inner = open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _child = log.at_drop("child");
                        sleep_forever().await;
                    });
                    sleep_forever().await;
                });
                let _either = select(inner, pending::<()>()).await;
                log.say("unreachable");
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "task"]);
}

#[test]
fn wide_trees_are_cut_off_whole() {
    let counts = Counts::new();
    let (width, depth) = (times(20, 3), 3);
    fn tree(
        width: usize,
        depth: usize,
        counts: &Counts,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async move {
            let _guard = counts.guard();
            if depth == 0 {
                return sleep_forever().await;
            }
            let _out = open_nursery(async |nursery| {
                for _ in 0..width {
                    nursery.start_soon(tree(width, depth - 1, counts));
                }
                sleep_forever().await;
            })
            .await;
        })
    }
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(tree(width, depth, &counts));
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1 + width + width.pow(2) + width.pow(3));
}

#[test]
fn unwinding_that_takes_many_turns_is_waited_for_at_every_level() {
    let log = Log::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let _task = log.at_drop("task");
                let _out = open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _child = log.at_drop("child");
                        // Each nursery that it opens now still runs its child to a checkpoint.
                        poll_fn(|_| {
                            if is_cancelled() {
                                Poll::Ready(())
                            } else {
                                Poll::Pending
                            }
                        })
                        .await;
                        for round in 0..5 {
                            let log = &log;
                            open_nursery(async |cleanup| {
                                cleanup.start_soon(async move { log.say(format!("{round}")) })
                            })
                            .await
                            .unwrap();
                        }
                    });
                    let _body = log.at_drop("body");
                    sleep_forever().await;
                })
                .await;
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    let entries: Vec<_> = log
        .entries()
        .into_iter()
        .filter(|entry| entry != "body")
        .collect();
    assert_eq!(entries, ["0", "1", "2", "3", "4", "child", "task"]);
}

#[test]
fn a_body_that_is_cut_off_while_a_child_fails_reports_the_failure_alone() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                park(|waker| waker.wake()).await;
                boom::<()>("only this")
            });
            let _cut = on_drop(|| nursery.cancel());
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(error.find::<Boom>(), Some(&Boom("only this")));
    assert_eq!(error.multi().unwrap().len(), 1);
}

#[test]
fn the_outer_nursery_still_works_after_an_inner_one_was_cut_off() {
    let value = run(async {
        open_nursery(async |outer| {
            for _ in 0..10 {
                let inner = open_nursery(async |inner| {
                    inner.start_soon(async { boom::<()>("again") });
                    sleep_forever().await;
                })
                .await;
                assert_eq!(leaves_of(&inner.unwrap_err()), ["again"]);
            }
            ok(outer.spawn(async { ok(3) }).await?)
        })
        .await
    });
    assert_eq!(value.unwrap(), 3);
}
