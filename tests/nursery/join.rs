//! `Nursery::spawn` and its handles.
//!
//! Not to be seen yet: `Err(Cancelled)` out of a handle. Whoever could await one is cancelled along
//! with the child, and cut off at the await, unless a shield protects it.

use std::cell::RefCell;
use std::task::Poll;
use std::time::Duration;

use crate::support::{
    Counts, Either, Log, boom, join_all, leaves_of, message_of, on_drop, poll_once, run,
    run_virtual, select, settle, times, yield_n,
};
use nestling::{checkpoint, ok, open_nursery, sleep, sleep_forever};

#[test]
fn a_handle_yields_the_child_s_value() {
    run_virtual(async {
        open_nursery(async |nursery| {
            let handle = nursery.spawn(async {
                sleep(Duration::from_secs(1)).await;
                ok("value")
            });
            assert!(!handle.is_finished());
            assert_eq!(handle.await.unwrap(), "value");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_ended_before_is_waited_for_in_no_time() {
    run(async {
        open_nursery(async |nursery| {
            let mut handle = nursery.spawn(async { ok(1) });
            settle().await;
            assert!(handle.is_finished());
            assert!(matches!(poll_once(&mut handle).await, Poll::Ready(Ok(1))));
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_unit_child_can_be_waited_for() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery
                .spawn(async {
                    yield_n(3).await;
                    log.say("child");
                })
                .await
                .unwrap();
            log.say("body");
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "body"]);
}

#[test]
fn values_may_borrow_what_the_child_may_borrow() {
    let words = [String::from("structured"), String::from("concurrency")];
    let longest = run(async {
        open_nursery(async |nursery| {
            let handle = nursery.spawn(async { ok(words.iter().max_by_key(|word| word.len())) });
            ok(handle.await?)
        })
        .await
    });
    assert_eq!(longest.unwrap(), Some(&words[1]));
}

#[test]
fn a_failing_child_fails_the_nursery_once_and_cuts_off_who_awaits_it() {
    let log = Log::new();
    let error = run(async {
        open_nursery(async |nursery| {
            let handle = nursery.spawn(async {
                yield_n(2).await;
                boom::<()>("child")
            });
            let _body = log.at_drop("body cut off");
            let _unreachable = handle.await;
            log.say("unreachable");
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["child"]);
    log.expect(&["body cut off"]);
}

#[test]
fn awaiting_a_cancelled_child_does_not_hang() {
    let error = run(async {
        open_nursery(async |nursery| {
            let handle = nursery.spawn(sleep_forever());
            nursery.start_soon(async {
                settle().await;
                nursery.cancel();
            });
            handle.await.map_err(nestling::BoxError::from)
        })
        .await
    })
    .unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn dropping_the_handle_detaches_nothing() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            drop(nursery.spawn(async {
                yield_n(5).await;
                log.say("child");
            }));
        })
        .await
        .unwrap();
        log.say("after");
    });
    log.expect(&["child", "after"]);
}

#[test]
fn an_error_of_a_child_whose_handle_was_dropped_reaches_the_nursery() {
    let error = run(async {
        open_nursery(async |nursery| {
            drop(nursery.spawn(async {
                checkpoint().await;
                boom::<()>("unwatched")
            }));
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["unwatched"]);
}

#[test]
fn the_value_is_dropped_once_wherever_the_handle_goes() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            // Awaited.
            let value = nursery.spawn(async { ok(counts.guard()) }).await.unwrap();
            assert_eq!(counts.drops(), 0);
            drop(value);
            assert_eq!(counts.drops(), 1);

            // Dropped before the child ends.
            drop(nursery.spawn(async { ok(counts.guard()) }));
            settle().await;
            assert_eq!(counts.drops(), 2);

            // Dropped after the child has ended.
            let handle = nursery.spawn(async { ok(counts.guard()) });
            settle().await;
            assert_eq!(counts.drops(), 2);
            drop(handle);
            assert_eq!(counts.drops(), 3);

            // Kept in the body until the end.
            let _handle = nursery.spawn(async { ok(counts.guard()) });
            settle().await;
            assert_eq!(counts.drops(), 3);
        })
        .await
        .unwrap();
        assert_eq!(counts.drops(), 4);
    });
}

#[test]
fn a_wait_that_is_dropped_half_way_loses_nothing() {
    run(async {
        open_nursery(async |nursery| {
            let mut handle = nursery.spawn(async {
                yield_n(10).await;
                ok("kept")
            });
            assert!(matches!(
                select(&mut handle, yield_n(2)).await,
                Either::Second(())
            ));
            assert_eq!(handle.await.unwrap(), "kept");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_handle_polled_by_one_task_and_then_by_another_wakes_the_other() {
    run(async {
        open_nursery(async |nursery| {
            let mut handle = nursery.spawn(async {
                yield_n(10).await;
                ok(3)
            });
            assert!(poll_once(&mut handle).await.is_pending());
            let waiter = nursery.spawn(handle);
            assert_eq!(waiter.await.unwrap(), 3);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_may_await_its_siblings() {
    let value = run(async {
        open_nursery(async |nursery| {
            let one = nursery.spawn(async {
                yield_n(4).await;
                ok(1)
            });
            let two = nursery.spawn(async move { ok(one.await? + 1) });
            let three = nursery.spawn(async move { ok(two.await? + 1) });
            ok(three.await?)
        })
        .await
    });
    assert_eq!(value.unwrap(), 3);
}

#[test]
fn a_question_mark_on_a_handle_adds_no_error_of_its_own() {
    // The chain of waiters is cut off or fails as an echo; the nursery reports the one real error.
    let error = run(async {
        open_nursery(async |nursery| {
            let one = nursery.spawn(async {
                yield_n(4).await;
                boom::<u8>("root")
            });
            let two = nursery.spawn(async move { ok(one.await?) });
            let three = nursery.spawn(async move { ok(two.await?) });
            ok(three.await?)
        })
        .await
    })
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["root"]);
}

#[test]
fn all_handles_of_many_children_yield_their_own_values() {
    let count = times(200, 16);
    run(async {
        open_nursery(async |nursery| {
            let handles: Vec<_> = (0..count)
                .map(|number| {
                    nursery.spawn(async move {
                        yield_n(number % 13).await;
                        ok(number)
                    })
                })
                .collect();
            let values: Vec<_> = join_all(handles)
                .await
                .into_iter()
                .map(Result::unwrap)
                .collect();
            assert_eq!(values, (0..count).collect::<Vec<_>>());
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_completes_though_it_was_cancelled_keeps_its_value() {
    let kept = RefCell::new(None);
    run(async {
        open_nursery(async |nursery| {
            nursery.cancel();
            let handle = nursery.spawn(async { ok("in time") });
            let look = on_drop(|| kept.replace(Some(handle.is_finished())).map_or((), drop));
            let _look = look;
            std::future::pending::<()>().await;
        })
        .await
        .unwrap_err();
    });
    // The body was cut off in the same turn, so it may or may not have seen the end of the child.
    assert!(kept.take().is_some());
}

#[test]
fn a_panicking_child_cuts_off_who_awaits_it_and_the_panic_goes_to_the_nursery() {
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                let handle = nursery.spawn(async {
                    checkpoint().await;
                    if true {
                        panic!("child panicked");
                    }
                });
                let _unreachable = handle.await;
                unreachable!("it is cut off");
            })
            .await
        })
    });
    assert_eq!(message, "child panicked");
}

#[test]
fn awaiting_in_a_cancelled_context_takes_nothing() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            let mut handle = nursery.spawn(async { ok(counts.guard()) });
            settle().await;
            nursery.cancel();
            assert!(
                poll_once(&mut handle).await.is_pending(),
                "it is a checkpoint"
            );
            assert_eq!(counts.drops(), 0);
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_handle_says_in_debug_whose_it_is() {
    run(async {
        open_nursery(async |nursery| {
            let handle = nursery.task().name("worker").spawn(async {});
            let text = format!("{handle:?}");
            assert!(
                text.contains("worker") && text.contains("finished: false"),
                "{text}"
            );
            handle.await.unwrap();
        })
        .await
        .unwrap();
    });
}
