//! Daemons: children that do not keep their nursery open.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::support::{
    Counts, Log, boom, leaves_of, message_of, on_drop, run, run_virtual, settle, yield_n,
};
use nestling::{
    CancelKind, NurseryError, checkpoint, current_time, is_cancelled, ok, open_nursery, sleep,
    sleep_forever,
};

#[test]
fn a_daemon_is_cancelled_when_the_body_and_the_other_children_have_ended() {
    let log = Log::new();
    let value = run_virtual(async {
        let begin = current_time();
        let value = open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _cleanup = log.at_drop("daemon");
                sleep_forever().await;
            });
            nursery.start_soon(async {
                sleep(Duration::from_secs(2)).await;
                log.say("child");
            });
            sleep(Duration::from_secs(1)).await;
            log.say("body");
            ok(7)
        })
        .await;
        assert_eq!(current_time() - begin, Duration::from_secs(2));
        log.say("after");
        value
    });
    assert_eq!(value.unwrap(), 7);
    log.expect(&["body", "child", "daemon", "after"]);
}

#[test]
fn a_daemon_runs_while_the_nursery_is_open() {
    let ticks = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                loop {
                    ticks.set(ticks.get() + 1);
                    checkpoint().await;
                }
            });
            yield_n(10).await;
        })
        .await
        .unwrap();
    });
    assert!(ticks.get() >= 9, "{}", ticks.get());
}

#[test]
fn a_daemon_started_last_still_runs_to_its_first_checkpoint() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                log.say("started");
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
fn a_daemon_that_ends_by_itself_is_as_any_child() {
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(yield_n(2));
            settle().await;
            assert!(nursery.is_empty());
            assert!(!is_cancelled());
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_failing_daemon_fails_the_nursery_as_any_child() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                checkpoint().await;
                boom::<()>("daemon")
            });
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["daemon"]);
}

#[test]
fn a_daemon_that_fails_while_it_is_being_ended_fails_the_nursery() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                poll_fn(|_| {
                    if is_cancelled() {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                boom::<()>("at the end")
            });
            ok(7)
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["at the end"]);
}

#[test]
fn daemons_learn_why_they_end() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _look = on_drop(|| log.say(format!("{:?}", nursery.cancel_scope())));
                sleep_forever().await;
            });
            checkpoint().await;
        })
        .await
        .unwrap();
    });
    let entries = log.entries();
    assert!(entries[0].contains("daemons"), "{entries:?}");
}

#[test]
fn a_nursery_of_daemons_alone_ends_with_its_body() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery
                    .task()
                    .daemon()
                    .start_soon(counts.of(sleep_forever()));
            }
        })
        .await
        .unwrap();
    });
    assert_eq!((counts.polls(), counts.drops()), (10, 10));
}

#[test]
fn a_daemon_that_starts_a_child_keeps_the_nursery_open_by_it() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _cleanup = log.at_drop("daemon");
                nursery.start_soon(async {
                    yield_n(10).await;
                    log.say("child");
                });
                sleep_forever().await;
            });
            // Until the daemon has started its child.
            yield_n(2).await;
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "daemon"]);
}

#[test]
fn a_cancelled_body_beside_daemons_is_reported_as_cancelled_by_whom_it_was() {
    let error = run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(sleep_forever());
            nursery.cancel_scope().cancel_because("by hand");
            sleep_forever().await;
        })
        .await
    })
    .unwrap_err();
    let NurseryError::Cancelled(why) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (why.kind(), why.reason()),
        (CancelKind::Explicit, Some("by hand"))
    );
}

#[test]
fn a_panicking_daemon_panics_the_nursery() {
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.task().daemon().start_soon(async {
                    checkpoint().await;
                    if true {
                        panic!("daemon");
                    }
                });
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "daemon");
}

#[test]
fn spawned_daemons_have_handles() {
    run(async {
        open_nursery(async |nursery| {
            let handle = nursery.task().daemon().name("clock").spawn(async {
                yield_n(3).await;
                ok("noon")
            });
            assert_eq!(handle.await.unwrap(), "noon");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_daemon_s_nested_nursery_is_unwound_with_it() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _daemon = log.at_drop("daemon");
                open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _child = log.at_drop("its child");
                        sleep_forever().await;
                    });
                    sleep_forever().await;
                })
                .await
            });
            settle().await;
        })
        .await
        .unwrap();
    });
    log.expect(&["its child", "daemon"]);
}
