//! `Nursery::start`: rules ST1 to ST8, cases 60, 62, 63 and 75.
//!
//! What makes no sense in Rust, or is decided otherwise:
//! * A second `started()` (case 60): `Ready::started` takes `self`.
//! * A closed target nursery (ST6, case 60): the borrow checker forbids it.
//! * ST4, ST7 and case 62 (the child moves between nurseries): it is the target's child from the
//!   beginning, so a cancelled target cancels it (trio #2258 asks for that).
//! * ST9 (`eventual_parent_nursery`) and ST10, case 76 (a private nursery inside `start`): there is
//!   none.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::support::{
    self, Boom, Counts, Either, LeakCheck, Log, boom, leaves_of, message_of, on_drop, run,
    run_virtual, select, settle, yield_n,
};
use nestling::{
    Ready, StartError, checkpoint, current_time, is_cancelled, ok, open_nursery, sleep,
    sleep_forever,
};

#[test]
fn start_returns_the_value_when_the_child_is_ready_and_the_child_goes_on() {
    let log = Log::new();
    run_virtual(async {
        let begin = current_time();
        open_nursery(async |nursery| {
            let value = nursery
                .start(async |ready: Ready<u32>| {
                    sleep(Duration::from_secs(1)).await;
                    ready.started(8080);
                    sleep(Duration::from_secs(2)).await;
                    log.say("child done");
                })
                .await
                .unwrap();
            assert_eq!(value, 8080);
            assert_eq!(current_time() - begin, Duration::from_secs(1));
            log.say("started");
        })
        .await
        .unwrap();
        assert_eq!(current_time() - begin, Duration::from_secs(3));
    });
    log.expect(&["started", "child done"]);
}

#[test]
fn nothing_starts_before_the_future_is_polled() {
    run(async {
        open_nursery(async |nursery| {
            let starting = nursery.start(async |_: Ready<()>| unreachable!("it was not awaited"));
            settle().await;
            drop(starting);
            assert!(nursery.is_empty());
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_is_ready_at_once_may_end_before_the_caller_goes_on() {
    run(async {
        open_nursery(async |nursery| {
            assert_eq!(
                nursery
                    .start(async |ready: Ready<_>| ready.started("x"))
                    .await
                    .unwrap(),
                "x"
            );
            assert!(nursery.is_empty());
        })
        .await
        .unwrap();
    });
}

#[test]
fn an_error_before_it_is_ready_comes_out_of_start_alone() {
    let value = run(async {
        open_nursery(async |nursery| {
            let sibling = nursery.spawn(async {
                yield_n(20).await;
                ok("unharmed")
            });
            let error = nursery
                .task()
                .name("server")
                .start(async |_: Ready<()>| {
                    checkpoint().await;
                    boom::<()>("no port")
                })
                .await
                .unwrap_err();
            assert!(error.is_failed());
            assert_eq!(error.task(), Some("server"));
            assert_eq!(error.find::<Boom>(), Some(&Boom("no port")));
            assert!(!is_cancelled());
            ok(sibling.await?)
        })
        .await
    });
    assert_eq!(value.unwrap(), "unharmed");
}

#[test]
fn ending_without_having_been_ready_is_an_error_that_tells_what_to_do() {
    let line = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            line.set(line!() + 1);
            let starting = nursery.start(async |_: Ready<()>| checkpoint().await);
            let error = starting.await.unwrap_err();
            assert!(error.is_not_ready());
            assert_eq!(error.site().map(|site| site.line()), Some(line.get()));
            assert!(error.to_string().contains("ready.started"), "{error}");
            assert!(!is_cancelled());
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_ready_that_is_dropped_leaves_the_caller_waiting_for_the_child_s_end() {
    run_virtual(async {
        let begin = current_time();
        open_nursery(async |nursery| {
            let error = nursery
                .start(async |ready: Ready<()>| {
                    drop(ready);
                    sleep(Duration::from_secs(1)).await;
                })
                .await
                .unwrap_err();
            assert!(error.is_not_ready());
            assert_eq!(current_time() - begin, Duration::from_secs(1));
        })
        .await
        .unwrap();
    });
}

#[test]
fn errors_after_it_was_ready_go_to_the_nursery() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery
                .start(async |ready: Ready<()>| {
                    ready.started(());
                    checkpoint().await;
                    boom::<()>("later")
                })
                .await
                .unwrap();
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["later"]);
}

#[test]
fn an_error_in_the_very_turn_in_which_it_was_ready_goes_to_the_nursery() {
    let got = Cell::new(0);
    let error = run(async {
        open_nursery(async |nursery| {
            got.set(
                nursery
                    .start(async |ready: Ready<i32>| {
                        ready.started(1);
                        boom::<()>("at once")
                    })
                    .await
                    .unwrap(),
            );
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["at once"]);
    assert_eq!(got.get(), 1, "what took effect delivers its value");
}

#[test]
fn cancelling_the_caller_cancels_a_child_that_is_not_ready_and_waits_for_it() {
    let log = Log::new();
    run(async {
        open_nursery(async |target| {
            let inner = open_nursery(async |inner| {
                inner.start_soon(async {
                    let _caller = log.at_drop("caller");
                    let _unreachable = target
                        .start(async |_: Ready<()>| {
                            let _child = log.at_drop("child");
                            sleep_forever().await;
                        })
                        .await;
                    log.say("unreachable");
                });
                settle().await;
                assert_eq!(target.len(), 1);
                inner.cancel();
                sleep_forever().await;
            })
            .await;
            assert!(inner.unwrap_err().is_cancelled());
            assert!(target.is_empty());
            assert!(!target.cancel_scope().is_cancelled());
            log.say("target goes on");
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "caller", "target goes on"]);
}

#[test]
fn cancelling_the_caller_leaves_a_child_alone_that_was_ready() {
    let done = Cell::new(false);
    run(async {
        open_nursery(async |target| {
            let _cancelled = open_nursery(async |inner| {
                target
                    .start(async |ready: Ready<()>| {
                        ready.started(());
                        yield_n(10).await;
                        done.set(true);
                    })
                    .await
                    .unwrap();
                inner.cancel();
                sleep_forever().await;
            })
            .await;
        })
        .await
        .unwrap();
    });
    assert!(done.get());
}

#[test]
fn ready_before_the_cancel_of_the_caller_still_delivers_the_value() {
    let got = Cell::new(0);
    run(async {
        open_nursery(async |target| {
            let _cancelled = open_nursery(async |inner| {
                let scope = inner.cancel_scope().clone();
                let value = target
                    .start(async move |ready: Ready<i32>| {
                        ready.started(5);
                        scope.cancel();
                        yield_n(10).await;
                    })
                    .await
                    .unwrap();
                got.set(value);
                checkpoint().await;
                unreachable!("it is cancelled");
            })
            .await;
        })
        .await
        .unwrap();
    });
    assert_eq!(got.get(), 5);
}

#[test]
fn ready_after_the_cancel_of_the_caller_comes_too_late() {
    // Also in the very turn of the cancel, before the caller has run: the child is cut off at its
    // next checkpoint, and what it says is not listened to.
    let log = &Log::new();
    run(async {
        open_nursery(async |target| {
            let inner = open_nursery(async |inner| {
                let scope = inner.cancel_scope().clone();
                let _unreachable = target
                    .start(async move |ready: Ready<()>| {
                        let _child = log.at_drop("child cut off");
                        scope.cancel();
                        ready.started(());
                        settle().await;
                        log.say("unreachable");
                    })
                    .await;
                log.say("unreachable, too");
            })
            .await;
            assert!(inner.unwrap_err().is_cancelled());
            log.say("target goes on");
        })
        .await
        .unwrap();
    });
    log.expect(&["child cut off", "target goes on"]);
}

#[test]
fn ready_some_turns_after_the_cancel_of_the_caller_comes_too_late() {
    let log = &Log::new();
    run(async {
        open_nursery(async |target| {
            let _cancelled = open_nursery(async |inner| {
                let scope = inner.cancel_scope().clone();
                let _unreachable = target
                    .start(async move |ready: Ready<()>| {
                        let _child = log.at_drop("child cut off");
                        scope.cancel();
                        // A foreign future that takes no notice of its cancellation is cut off too,
                        // and then says so from its destructor.
                        let _late = on_drop(move || ready.started(()));
                        pending::<()>().await;
                    })
                    .await;
                log.say("unreachable");
            })
            .await;
        })
        .await
        .unwrap();
    });
    log.expect(&["child cut off"]);
}

#[test]
fn an_error_of_a_child_whose_caller_was_cancelled_comes_out_of_start() {
    let seen = Cell::new(false);
    run(async {
        open_nursery(async |target| {
            let error = open_nursery(async |inner| {
                let scope = inner.cancel_scope().clone();
                let result = target
                    .start(async move |_: Ready<()>| {
                        scope.cancel();
                        boom::<()>("on the way down")
                    })
                    .await;
                let error = result.unwrap_err();
                seen.set(true);
                Err::<(), StartError>(error)
            })
            .await
            .unwrap_err();
            assert_eq!(error.find::<Boom>(), Some(&Boom("on the way down")));
            assert!(!target.cancel_scope().is_cancelled());
        })
        .await
        .unwrap();
    });
    assert!(seen.get());
}

#[test]
fn cancelling_the_nursery_cancels_child_and_caller() {
    let log = Log::new();
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                settle().await;
                nursery.cancel();
            });
            let _body = log.at_drop("body");
            let _unreachable = nursery
                .start(async |_: Ready<()>| {
                    let _child = log.at_drop("child");
                    sleep_forever().await;
                })
                .await;
            log.say("unreachable");
        })
        .await
    })
    .unwrap_err();
    assert!(error.is_cancelled());
    log.expect(&["child", "body"]);
}

#[test]
fn in_a_cancelled_context_nothing_is_started() {
    run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            let _look = on_drop(|| assert!(nursery.is_empty()));
            let _unreachable = nursery
                .start(async |_: Ready<()>| unreachable!("it is a checkpoint"))
                .await;
        })
        .await
        .unwrap_err();
    });
}

#[test]
fn a_pending_start_keeps_the_nursery_open() {
    run_virtual(async {
        let begin = current_time();
        open_nursery(async |target| {
            target.start_soon(async {
                target
                    .start(async |ready: Ready<()>| {
                        sleep(Duration::from_secs(3)).await;
                        ready.started(());
                        sleep(Duration::from_secs(3)).await;
                    })
                    .await
                    .unwrap();
            });
        })
        .await
        .unwrap();
        assert_eq!(current_time() - begin, Duration::from_secs(6));
    });
}

#[test]
fn ready_may_be_handed_to_another_task() {
    run(async {
        open_nursery(async |nursery| {
            let value = nursery
                .start(async |ready: Ready<u8>| {
                    nursery.start_soon(async move {
                        yield_n(3).await;
                        ready.started(9);
                    });
                    yield_n(10).await;
                })
                .await;
            assert_eq!(value.unwrap(), 9);
        })
        .await
        .unwrap();
    });
}

#[test]
fn ready_that_outlives_its_child_comes_too_late() {
    let kept = RefCell::new(None);
    run(async {
        open_nursery(async |nursery| {
            let error = nursery
                .start(async |ready: Ready<u8>| {
                    *kept.borrow_mut() = Some(ready);
                })
                .await
                .unwrap_err();
            assert!(error.is_not_ready());
            kept.take().unwrap().started(1);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_panic_before_it_is_ready_comes_out_of_start() {
    let log = Log::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                let _body = log.at_drop("body unwound");
                let _unreachable = nursery
                    .start(async |_: Ready<()>| panic!("not ready"))
                    .await;
                log.say("unreachable");
            })
            .await
            .unwrap();
        });
    });
    assert_eq!(message, "not ready");
    log.expect(&["body unwound"]);
}

#[test]
fn a_foreign_drop_of_the_caller_cancels_the_child_and_leaves_the_rest_to_the_nursery() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            let either = select(
                nursery.start(async |_: Ready<()>| {
                    let _child = log.at_drop("child cut off");
                    sleep_forever().await;
                }),
                yield_n(3),
            )
            .await;
            assert!(matches!(either, Either::Second(())));
            log.say("dropped");
            settle().await;
            assert!(nursery.is_empty());
            assert!(!is_cancelled());
        })
        .await
        .unwrap();
    });
    log.expect(&["dropped", "child cut off"]);
}

#[test]
fn an_error_after_the_caller_was_dropped_is_the_nursery_s() {
    let error = run(async {
        open_nursery(async |nursery| {
            let starting = nursery.start(async |_: Ready<()>| {
                poll_fn(|_| {
                    if is_cancelled() {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                boom::<()>("while it was being withdrawn")
            });
            assert!(matches!(
                select(starting, yield_n(3)).await,
                Either::Second(())
            ));
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["while it was being withdrawn"]);
}

/// Starts a child with `start`, and drops the caller in the turn in which the child has ended.
async fn drop_the_caller_too_late<R: nestling::Outcome>(
    child: impl Fn() -> R,
) -> Result<(), nestling::NurseryError> {
    open_nursery(async |nursery| {
        let ended = Cell::new(false);
        {
            let mut starting = pin!(nursery.start(async |_: Ready<()>| child()));
            poll_fn(|cx| {
                assert!(starting.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            while !nursery.is_empty() {
                checkpoint().await;
            }
            ended.set(true);
            // The child has ended, the caller has not been polled since, and goes away now.
        }
        assert!(ended.get());
        settle().await;
    })
    .await
}

#[test]
fn an_error_that_a_dropped_caller_did_not_take_is_the_nursery_s() {
    let error = run(drop_the_caller_too_late(|| boom::<()>("unseen"))).unwrap_err();
    assert_eq!(leaves_of(&error), ["unseen"]);
}

#[test]
fn a_panic_that_a_dropped_caller_did_not_take_is_the_nursery_s() {
    let message = message_of(|| run(drop_the_caller_too_late(|| -> () { panic!("unseen") })));
    assert_eq!(message, "unseen");
}

#[test]
fn a_child_that_ended_without_being_ready_is_no_failure_once_the_caller_is_gone() {
    run(drop_the_caller_too_late(|| ())).unwrap();
}

#[test]
fn a_value_that_a_dropped_caller_did_not_take_is_dropped_and_the_child_lives_on() {
    let counts = Counts::new();
    let done = Cell::new(false);
    run(async {
        open_nursery(async |nursery| {
            {
                let mut starting = pin!(nursery.start(async |ready: Ready<support::Guard<'_>>| {
                    ready.started(counts.guard());
                    yield_n(10).await;
                    done.set(true);
                }));
                poll_fn(|cx| {
                    assert!(starting.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                yield_n(3).await;
                assert_eq!(counts.drops(), 0);
            }
            assert_eq!(counts.drops(), 1);
        })
        .await
        .unwrap();
    });
    assert!(done.get());
}

#[test]
fn starts_nest() {
    let value = run(async {
        open_nursery(async |nursery| {
            let value = nursery
                .start(async |outer: Ready<i32>| {
                    let inner = nursery
                        .start(async |inner: Ready<i32>| {
                            checkpoint().await;
                            inner.started(20);
                            settle().await;
                        })
                        .await?;
                    outer.started(inner + 1);
                    Ok::<_, StartError>(())
                })
                .await?;
            Ok::<_, StartError>(value)
        })
        .await
    });
    assert_eq!(value.unwrap(), 21);
}

#[test]
fn many_starts_at_once_each_get_their_own_value() {
    let count = support::times(50, 10);
    run(async {
        open_nursery(async |nursery| {
            let values = support::join_all((0..count).map(|number| {
                nursery.start(async move |ready: Ready<usize>| {
                    yield_n(number % 7).await;
                    ready.started(number);
                    yield_n(number % 5).await;
                })
            }))
            .await;
            let values: Vec<_> = values.into_iter().map(Result::unwrap).collect();
            assert_eq!(values, (0..count).collect::<Vec<_>>());
        })
        .await
        .unwrap();
    });
}

#[test]
fn dropping_the_nursery_drops_a_child_that_is_being_started() {
    let log = Log::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            let _body = log.at_drop("body");
            let _unreachable = nursery
                .start(async |_: Ready<()>| {
                    let _child = log.at_drop("child");
                    sleep_forever().await;
                })
                .await;
        });
        assert!(matches!(
            select(nursery, yield_n(4)).await,
            Either::Second(())
        ));
        log.say("dropped");
    });
    log.expect(&["child", "body", "dropped"]);
}

#[test]
fn a_daemon_is_started_like_any_other_and_ends_with_the_rest() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            let value = nursery
                .task()
                .daemon()
                .start(async |ready: Ready<i32>| {
                    let _guard = counts.guard();
                    ready.started(4);
                    sleep_forever().await;
                })
                .await
                .unwrap();
            assert_eq!(value, 4);
            yield_n(5).await;
            assert_eq!(counts.drops(), 0);
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn start_outside_a_run_panics_and_starts_nothing() {
    // The future of a run that is over, kept alive by its box.
    let _leaks = LeakCheck::begin();
    let mut kept: Option<std::pin::Pin<Box<dyn Future<Output = _>>>> = None;
    nestling::run(async {
        let mut nursery: std::pin::Pin<Box<dyn Future<Output = _>>> =
            Box::pin(open_nursery(async |nursery| {
                nursery
                    .start(async |_: Ready<()>| sleep_forever().await)
                    .await
            }));
        assert!(support::poll_once(&mut nursery).await.is_pending());
        kept = Some(nursery);
    });
    let nursery = kept.take();
    drop(nursery);
}
