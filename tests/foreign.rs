//! Nestling's futures inside the combinators of other crates, with wakers of their own, and foreign
//! futures inside Nestling. Cases 7, 51 and 58 in the part that is about foreign leaves.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use nestling::sync::Event;
use nestling::{
    CancelScope, NurseryError, checkpoint, is_cancelled, ok, open_nursery, shield, sleep,
    sleep_forever, statistics,
};
use support::{
    Counts, Either, Flag, LeakCheck, Log, PanicOnDrop, PanicOnWake, Unordered, boom, join_all,
    leaves_of, message_of, park, poll_once, run, run_virtual, select, settle, times, waker_of,
    with_waker, yield_n,
};

#[test]
fn a_nursery_wins_a_select() {
    run_virtual(async {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(sleep(Duration::from_secs(1)));
            ok("nursery")
        });
        match select(nursery, sleep(Duration::from_secs(2))).await {
            Either::First(value) => assert_eq!(value.unwrap(), "nursery"),
            Either::Second(()) => panic!("the later one won"),
        }
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn a_nursery_loses_a_select_and_is_gone() {
    let counts = Counts::new();
    run_virtual(async {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(counts.of(sleep_forever()));
            nursery.start_soon(counts.of(sleep(Duration::from_secs(2))));
        });
        assert!(matches!(
            select(nursery, sleep(Duration::from_secs(1))).await,
            Either::Second(())
        ));
        assert_eq!(counts.drops(), 2);
        assert_eq!((statistics().timers, statistics().frames), (0, 1));
    });
}

#[test]
fn nurseries_run_side_by_side_in_a_foreign_join() {
    let log = Log::new();
    let outcomes = run_virtual(async {
        join_all((1..=3).map(|number| {
            let log = &log;
            open_nursery(async move |nursery| {
                nursery.start_soon(async move {
                    sleep(Duration::from_secs(number)).await;
                    log.say(format!("child {number}"));
                });
                if number == 2 {
                    boom::<u64>("two")
                } else {
                    Ok(number)
                }
            })
        }))
        .await
    });
    log.expect(&["child 1", "child 3"]);
    assert_eq!(outcomes[0].as_ref().unwrap(), &1);
    assert_eq!(leaves_of(outcomes[1].as_ref().unwrap_err()), ["two"]);
    assert_eq!(outcomes[2].as_ref().unwrap(), &3);
}

#[test]
fn nurseries_run_in_a_foreign_set_that_polls_only_who_was_woken() {
    let mut values = run(async {
        let mut set = Unordered::new();
        for number in 0..50_usize {
            set.push(open_nursery(async move |nursery| {
                let one = nursery.spawn(async move {
                    yield_n(number % 7).await;
                    ok(number)
                });
                nursery.start_soon(yield_n(number % 5));
                ok(one.await?)
            }));
        }
        let mut values = Vec::new();
        while let Some(value) = set.next().await {
            values.push(value.unwrap());
        }
        values
    });
    values.sort_unstable();
    assert_eq!(values, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_cancel_reaches_nurseries_in_a_foreign_set() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |outer| {
            outer.start_soon(async {
                let mut set = Unordered::new();
                for _ in 0..10 {
                    set.push(open_nursery(async |nursery| {
                        nursery.start_soon(counts.of(sleep_forever()));
                        sleep_forever().await;
                    }));
                }
                while set.next().await.is_some() {}
                unreachable!("all of it is cut off");
            });
            settle().await;
            outer.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 10);
}

#[test]
fn a_failure_in_a_foreign_set_leaves_its_neighbours_alone() {
    let failures = run(async {
        let mut set = Unordered::new();
        for number in 0..10 {
            set.push(open_nursery(async move |nursery| {
                nursery.start_soon(async move {
                    yield_n(3).await;
                    if number % 2 == 0 {
                        boom::<()>("even")
                    } else {
                        Ok(())
                    }
                });
                yield_n(6).await;
            }));
        }
        let mut failures = 0;
        while let Some(outcome) = set.next().await {
            failures += usize::from(outcome.is_err());
        }
        failures
    });
    assert_eq!(failures, 5);
}

#[test]
fn a_nursery_moves_between_tasks_and_between_scopes() {
    // Polled first by the body, then by a child, whose cancellation then reaches it.
    let log = Log::new();
    run(async {
        let nursery = Box::pin(open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _child = log.at_drop("child");
                sleep_forever().await;
            });
            sleep_forever().await;
        }));
        let kept = RefCell::new(Some(nursery));
        open_nursery(async |outer| {
            let mut nursery = kept.take().unwrap();
            for _ in 0..3 {
                assert!(poll_once(&mut nursery).await.is_pending());
            }
            let carrier = open_nursery(async |inner| {
                inner.start_soon(async move {
                    let _result: Result<(), NurseryError> = nursery.await;
                });
                settle().await;
                inner.cancel();
                sleep_forever().await;
            })
            .await;
            assert!(carrier.unwrap_err().is_cancelled());
            assert!(!outer.cancel_scope().is_cancelled());
            log.say("outer goes on");
        })
        .await
        .unwrap();
    });
    log.expect(&["child", "outer goes on"]);
}

#[test]
fn a_nursery_that_left_a_scope_is_not_cancelled_with_it() {
    let value = run(async {
        let nursery = open_nursery(async |nursery| {
            let child = nursery.spawn(async {
                // More than the nursery does in a poll.
                yield_n(200).await;
                ok(5)
            });
            ok(child.await?)
        });
        let mut nursery = Box::pin(nursery);
        let inner = open_nursery(async |inner| {
            assert!(poll_once(&mut nursery).await.is_pending());
            let outside = async {
                assert!(poll_once(&mut nursery).await.is_pending());
                nursery.await
            };
            // It is polled elsewhere from here on, and only then is the scope cancelled.
            let scope = inner.cancel_scope().clone();
            Ok::<_, nestling::BoxError>((outside, scope))
        })
        .await;
        let (outside, scope) = inner.unwrap();
        scope.cancel();
        outside.await
    });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn a_nursery_that_nobody_polls_any_more_does_not_hold_up_a_cancel() {
    // Kept by a task that went on to something else, as after `select(&mut nursery, …)`. The task
    // is parked elsewhere, and is to be cut off there; the drop of the nursery ends its children.
    let counts = Counts::new();
    run(async {
        let cancelled = open_nursery(async |outer| {
            outer.start_soon(async {
                let mut kept = Box::pin(open_nursery(async |nursery| {
                    nursery.start_soon(counts.of(sleep_forever()));
                    sleep_forever().await;
                }));
                assert!(matches!(
                    select(&mut kept, yield_n(5)).await,
                    Either::Second(())
                ));
                sleep_forever().await;
            });
            settle().await;
            outer.cancel();
        });
        let in_time = matches!(select(cancelled, yield_n(1000)).await, Either::First(_));
        assert!(
            in_time,
            "the nursery has not ended a thousand turns after it was cancelled"
        );
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_child_that_wakes_through_another_thread_is_polled_on_its_own() {
    let home = thread::current().id();
    run(async {
        open_nursery(async |nursery| {
            for _ in 0..times(200, 5) {
                nursery.start_soon(async {
                    park(|waker| {
                        thread::spawn(move || waker.wake());
                    })
                    .await;
                    assert_eq!(thread::current().id(), home);
                });
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn wakers_are_dropped_on_other_threads_without_harm() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let (sender, receiver) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || {
        for waker in receiver {
            drop(waker);
        }
    });
    nestling::run(async {
        open_nursery(async |nursery| {
            for _ in 0..times(1000, 10) {
                let sender = &sender;
                nursery.start_soon(counts.of(poll_fn(move |cx| {
                    let waker = cx.waker().clone();
                    waker.wake_by_ref();
                    // The last one outside of the library, and perhaps the last at all.
                    sender.send(waker).unwrap();
                    Poll::<()>::Pending
                })));
            }
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    drop(sender);
    thread.join().unwrap();
    assert_eq!(counts.drops(), times(1000, 10));
}

#[test]
fn a_child_whose_wakers_are_all_dropped_waits_for_the_cancel() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(pending::<()>()));
            settle().await;
            assert_eq!((counts.polls(), counts.drops()), (1, 0));
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_future_of_another_runtime_is_awaited_like_any_other() {
    // It is woken by a thread of its own.
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || {
        for waker in receiver {
            waker.wake();
        }
    });
    let value = run(async {
        let mut turns = 0;
        open_nursery(async |nursery| {
            let child = nursery.spawn(poll_fn(move |cx| {
                turns += 1;
                if turns == 5 {
                    return Poll::Ready(ok(turns));
                }
                sender.send(cx.waker().clone()).unwrap();
                Poll::Pending
            }));
            ok(child.await?)
        })
        .await
    });
    assert_eq!(value.unwrap(), 5);
    thread.join().unwrap();
}

#[test]
fn a_nursery_wakes_through_the_waker_of_its_last_poll() {
    run(async {
        let child = RefCell::new(None);
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(park(|waker| *child.borrow_mut() = Some(waker)));
        });
        let mut nursery = pin!(nursery);
        let (stale, fresh) = (Flag::new(), Flag::new());
        for flag in [&stale, &stale, &fresh] {
            let waker = waker_of(flag);
            let polled = nursery.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        let before = stale.count();
        assert_eq!(fresh.count(), 0);
        child.take().unwrap().wake();
        assert_eq!((stale.count(), fresh.count()), (before, 1));
        nursery.await.unwrap();
    });
}

#[test]
fn a_nursery_wakes_its_poller_once_for_many_children() {
    run(async {
        let wakers = RefCell::new(Vec::new());
        let flag = Flag::new();
        let waker = waker_of(&flag);
        let mut cx = Context::from_waker(&waker);
        let mut nursery = pin!(open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery.start_soon(park(|waker| wakers.borrow_mut().push(waker)));
            }
        }));
        assert!(nursery.as_mut().poll(&mut cx).is_pending());
        assert!(nursery.as_mut().poll(&mut cx).is_pending());
        let before = flag.count();
        for waker in wakers.take() {
            waker.wake();
        }
        assert_eq!(flag.count(), before + 1);
        nursery.await.unwrap();
    });
}

#[test]
fn a_waker_that_panics_when_it_is_woken_is_the_waking_task_s_panic() {
    // Who wakes a child wakes its nursery, by the waker that this one was polled with last.
    let counts = Counts::new();
    let message = message_of(|| {
        let event = Event::new();
        run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                nursery.start_soon(counts.of(event.wait()));
                sleep_forever().await;
            }));
            let waker = waker_of(&Arc::new(PanicOnWake));
            let mut cx = Context::from_waker(&waker);
            assert!(nursery.as_mut().poll(&mut cx).is_pending());
            event.set();
        })
    });
    assert!(message.contains("when it is woken"), "{message}");
    assert_eq!(counts.drops(), 2);
}

#[test]
fn a_waker_that_panics_at_the_end_of_a_poll_is_the_poll_s_panic() {
    // A nursery that has more to do than one poll may wakes whoever polls it.
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            let nursery = open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                nursery.start_soon(counts.of(yield_n(200)));
                sleep_forever().await;
            });
            with_waker(waker_of(&Arc::new(PanicOnWake)), nursery).await
        })
    });
    assert!(message.contains("when it is woken"), "{message}");
    assert_eq!(counts.drops(), 2);
}

#[test]
fn dropping_a_nursery_does_not_wake_who_polled_it() {
    // Least of all a waker that would panic: the children must be gone in any case.
    let counts = Counts::new();
    run(async {
        let mut nursery = Box::pin(open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(counts.of(pending::<()>()));
            }
            pending::<()>().await;
        }));
        for _ in 0..3 {
            assert!(poll_once(&mut nursery).await.is_pending());
        }
        let waker = waker_of(&Arc::new(PanicOnWake));
        assert!(
            nursery
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(nursery);
        assert_eq!(counts.drops(), 5);
    });
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_spares_no_child() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                for _ in 0..5 {
                    nursery.start_soon(counts.of(pending::<()>()));
                }
                pending::<()>().await;
            }));
            for _ in 0..3 {
                assert!(poll_once(&mut nursery).await.is_pending());
            }
            {
                let waker = waker_of(&Arc::new(PanicOnDrop));
                assert!(
                    nursery
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
            }
            // The nursery holds the last clone now.
            drop(nursery);
        })
    });
    assert!(message.contains("when it is dropped"), "{message}");
    assert_eq!(counts.drops(), 5);
}

#[test]
fn cancelling_wakes_all_though_one_waker_panics() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |outer| {
                outer.start_soon(async {
                    let inner = open_nursery(async |inner| {
                        inner.start_soon(counts.of(pending::<()>()));
                        pending::<()>().await;
                    });
                    with_waker(waker_of(&Arc::new(PanicOnWake)), inner)
                        .await
                        .ok();
                });
                outer.start_soon(counts.of(pending::<()>()));
                outer.start_soon(counts.of(pending::<()>()));
                settle().await;
                outer.cancel();
            })
            .await
        })
    });
    assert!(message.contains("when it is woken"), "{message}");
    assert_eq!(counts.drops(), 3);
}

#[test]
fn a_panicking_waker_of_a_sleep_comes_out_of_the_run() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                let sleeping = sleep(Duration::from_millis(1));
                with_waker(waker_of(&Arc::new(PanicOnWake)), sleeping).await;
            })
            .await
        })
    });
    assert!(message.contains("when it is woken"), "{message}");
    assert_eq!(counts.drops(), 1);
    run(async { settle().await });
}

#[test]
fn handles_of_children_live_in_foreign_sets() {
    let mut values = run(async {
        open_nursery(async |nursery| {
            let mut set = Unordered::new();
            for number in 0..30_usize {
                set.push(nursery.spawn(async move {
                    yield_n(number % 4).await;
                    ok(number)
                }));
            }
            let mut values = Vec::new();
            while let Some(value) = set.next().await {
                values.push(value?);
            }
            ok(values)
        })
        .await
        .unwrap()
    });
    values.sort_unstable();
    assert_eq!(values, (0..30).collect::<Vec<_>>());
}

#[test]
fn a_foreign_block_on_inside_a_task_sees_neither_frames_nor_budget_of_its_own() {
    // A hand-made executor inside a task, as some crates have: it polls with a waker of its own, in
    // the context of the task.
    let seen = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let mut future: Pin<Box<dyn Future<Output = i32>>> = Box::pin(async {
                    checkpoint().await;
                    checkpoint().await;
                    7
                });
                let flag = Flag::new();
                let waker = waker_of(&flag);
                let value = loop {
                    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(value) => break value,
                        Poll::Pending => assert!(flag.count() > 0),
                    }
                };
                seen.set(value);
            });
        })
        .await
        .unwrap();
        assert!(!is_cancelled());
    });
    assert_eq!(seen.get(), 7);
}

#[test]
fn a_select_in_a_loop_loses_no_child_value_and_leaves_nothing() {
    run(async {
        open_nursery(async |nursery| {
            let mut got = 0;
            for number in 0..times(500, 20) {
                let mut child = nursery.spawn(async move {
                    yield_n(number % 5).await;
                    ok(number)
                });
                let value = loop {
                    match select(&mut child, yield_n(1)).await {
                        Either::First(value) => break value,
                        Either::Second(()) => {}
                    }
                };
                assert_eq!(value.unwrap(), number);
                got += 1;
            }
            assert_eq!(got, times(500, 20));
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_set_goes_on_around_the_cancelled_scope_in_which_it_was_first_polled() {
    run(async {
        let mut set = Unordered::new();
        set.push(async {
            sleep(Duration::from_millis(1)).await;
            "slept"
        });
        set.push(async {
            checkpoint().await;
            "checkpoint"
        });
        let scope = CancelScope::new();
        scope.cancel();
        // Nothing has an effect in there, and nobody polls again what is not woken.
        scope.run(set.next()).await.unwrap_err();
        let mut seen = Vec::new();
        while let Some(value) = set.next().await {
            seen.push(value);
        }
        seen.sort_unstable();
        assert_eq!(seen, ["checkpoint", "slept"]);
    });
}

#[test]
fn a_set_goes_on_in_a_scope_that_is_shielded_later() {
    run(async {
        let outer = CancelScope::new();
        let handle = outer.clone();
        outer
            .run(async {
                handle.cancel();
                let mut set = Unordered::new();
                set.push(sleep(Duration::from_millis(1)));
                let mut next = Box::pin(set.next());
                assert!(poll_once(&mut next).await.is_pending());
                shield(next).await
            })
            .await
            .unwrap();
    });
}
