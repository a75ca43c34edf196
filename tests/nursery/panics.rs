//! Panics: of children, bodies, destructors, outputs, and of several at once.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::support::{
    Counts, LeakCheck, Log, Unordered, boom, catch, message_of, on_drop, run, select, settle,
    yield_n,
};
use nestling::{Nursery, checkpoint, is_cancelled, ok, open_nursery, sleep_forever, statistics};

/// Panics in a way that no lint and no type inference takes for the end of the function.
fn panic_now(text: &'static str) {
    if !text.is_empty() {
        panic!("{text}");
    }
}

struct PanicInDrop(&'static str);

impl Drop for PanicInDrop {
    fn drop(&mut self) {
        panic_now(self.0);
    }
}

#[test]
fn a_panic_of_a_child_resumes_in_the_parent_with_its_payload() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);
    let payload = catch(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    checkpoint().await;
                    std::panic::panic_any(Payload(42));
                });
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(*payload.downcast::<Payload>().unwrap(), Payload(42));
}

#[test]
fn siblings_are_cancelled_and_awaited_before_the_panic_resumes() {
    let log = Log::new();
    let message = message_of(|| {
        run(async {
            let _parent = log.at_drop("parent unwinds");
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _sibling = log.at_drop("sibling");
                    // Takes some turns to end.
                    let mut turns = 0;
                    poll_fn(|cx| {
                        if !is_cancelled() {
                            return Poll::Pending;
                        }
                        turns += 1;
                        cx.waker().wake_by_ref();
                        if turns < 3 {
                            Poll::Pending
                        } else {
                            Poll::Ready(())
                        }
                    })
                    .await;
                });
                nursery.start_soon(async {
                    checkpoint().await;
                    panic_now("child");
                });
                let _body = log.at_drop("body");
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "child");
    let entries = log.entries();
    assert_eq!(entries.last().unwrap(), "parent unwinds");
    assert_eq!(entries.len(), 3);
}

#[test]
fn a_panic_of_the_body_cancels_the_children_and_resumes() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                nursery.start_soon(counts.of(sleep_forever()));
                settle().await;
                panic_now("body");
            })
            .await
        })
    });
    assert_eq!(message, "body");
    assert_eq!(counts.drops(), 2);
}

#[test]
fn a_panic_goes_through_nested_nurseries_from_the_inside_out() {
    let log = Log::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |outer| {
                outer.start_soon(async {
                    let _cousin = log.at_drop("cousin");
                    sleep_forever().await;
                });
                outer.start_soon(async {
                    let _parent = log.at_drop("parent");
                    open_nursery(async |inner| {
                        inner.start_soon(async {
                            let _sibling = log.at_drop("sibling");
                            sleep_forever().await;
                        });
                        inner.start_soon(async {
                            settle().await;
                            panic_now("deep");
                        });
                    })
                    .await
                });
            })
            .await
        })
    });
    assert_eq!(message, "deep");
    log.expect(&["sibling", "parent", "cousin"]);
}

#[test]
fn of_two_panics_the_first_resumes() {
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async { panic_now("first") });
                nursery.start_soon(async { panic_now("second") });
            })
            .await
        })
    });
    assert_eq!(message, "first");
}

#[test]
fn a_panic_wins_over_errors() {
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async { boom::<()>("error before") });
                nursery.start_soon(async { panic_now("panic") });
                nursery.start_soon(async { boom::<()>("error after") });
            })
            .await
        })
    });
    assert_eq!(message, "panic");
}

#[test]
fn a_panic_can_be_caught_around_a_nursery_and_the_run_goes_on() {
    run(async {
        let before = statistics().frames;
        for round in 0..3 {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                nursery.start_soon(sleep_forever());
                nursery.start_soon(async {
                    checkpoint().await;
                    panic_now("caught");
                });
            }));
            let payload = poll_fn(|cx| {
                let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    nursery.as_mut().poll(cx)
                }));
                match polled {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(result)) => panic!("{result:?}"),
                    Err(payload) => Poll::Ready(payload),
                }
            })
            .await;
            assert_eq!(
                *payload.downcast::<String>().unwrap(),
                "caught",
                "round {round}"
            );
            drop(nursery);
            assert_eq!(statistics().frames, before);
            // And the thread's state is as before.
            assert!(!is_cancelled());
            settle().await;
        }
    });
}

#[test]
fn a_panic_of_a_destructor_of_a_cancelled_child_is_the_child_s_panic() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _bomb = PanicInDrop("destructor");
                    sleep_forever().await;
                });
                nursery.start_soon(counts.of(sleep_forever()));
                settle().await;
                nursery.cancel();
            })
            .await
        })
    });
    assert_eq!(message, "destructor");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_panic_of_a_destructor_of_a_child_that_ended_is_the_child_s_panic() {
    struct Never(#[expect(dead_code, reason = "it is dropped")] PanicInDrop);
    impl Future for Never {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| nursery.start_soon(Never(PanicInDrop("future's drop"))))
                .await
        })
    });
    assert_eq!(message, "future's drop");
}

#[test]
fn a_panic_of_the_destructor_of_a_child_s_output_is_the_child_s_panic() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                nursery.start_soon(async { ok(PanicInDrop("output")) });
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "output");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_panic_of_the_destructor_of_a_value_that_nobody_awaits_is_the_child_s_panic() {
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                drop(nursery.spawn(async { ok(PanicInDrop("unwanted value")) }));
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "unwanted value");
}

#[test]
fn a_panic_of_the_body_s_destructors_is_the_body_s_panic() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                let _bomb = PanicInDrop("body's local");
                nursery.cancel();
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "body's local");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_body_whose_local_panics_as_it_returns_has_panicked() {
    // The value itself is lost: rustc drops no return value when a local's destructor panics.
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(counts.of(sleep_forever()));
                let _bomb = PanicInDrop("after the value");
                ok(7)
            })
            .await
        })
    });
    assert_eq!(message, "after the value");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn the_body_s_value_is_dropped_if_a_child_panics() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    settle().await;
                    panic_now("child");
                });
                ok(counts.guard())
            })
            .await
            .map(drop)
        })
    });
    assert_eq!(message, "child");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_child_that_panics_and_whose_destructors_panic_too_keeps_the_first() {
    struct Twice;
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            panic!("in poll");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic_now("in drop");
        }
    }
    let message =
        message_of(|| run(async { open_nursery(async |nursery| nursery.start_soon(Twice)).await }));
    assert_eq!(message, "in poll");
}

#[test]
fn a_body_whose_future_panics_in_poll_and_in_drop_keeps_the_first() {
    struct Twice;
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            panic!("in poll");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic_now("in drop");
        }
    }
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            open_nursery(|nursery: &Nursery<'_, '_>| {
                // A plain closure: the future is the body.
                let _ = nursery;
                Twice
            })
            .await
            .map(|()| counts.guard())
            .map(drop)
        })
    });
    assert_eq!(message, "in poll");
}

#[test]
fn a_body_that_panics_before_it_returns_its_future_leaves_no_child() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    fn body<'a>(nursery: &'a Nursery<'a, '_>) -> std::future::Ready<()> {
        nursery.start_soon(async {
            let _guard = on_drop(|| {
                DROPS.fetch_add(1, Ordering::Relaxed);
            });
            sleep_forever().await;
        });
        let guard = on_drop(|| {
            DROPS.fetch_add(1, Ordering::Relaxed);
        });
        nursery.start_soon(async move {
            let _guard = guard;
            sleep_forever().await;
        });
        panic_now("no future");
        std::future::ready(())
    }
    let message = message_of(|| {
        run(async {
            open_nursery(async |outer| {
                outer.start_soon(open_nursery(body));
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "no future");
    assert!(
        DROPS.load(Ordering::Relaxed) >= 1,
        "the second child owned a guard from the start"
    );
    assert_eq!(run(async { statistics().frames }), 1);
}

#[test]
fn destructors_that_panic_while_the_nursery_is_dropped_do_not_spare_the_other_children() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            let nursery = open_nursery(async |nursery| {
                for number in 0..5 {
                    let counts = &counts;
                    nursery.start_soon(async move {
                        let _guard = counts.guard();
                        let _bomb = (number == 1).then_some(PanicInDrop("while dropped"));
                        sleep_forever().await;
                    });
                }
                let _body = counts.guard();
                sleep_forever().await;
            });
            let _second = select(nursery, settle()).await;
            unreachable!("the panic goes through the drop");
        })
    });
    assert_eq!(message, "while dropped");
    assert_eq!(counts.drops(), 6);
}

#[test]
fn children_that_panic_while_their_nursery_is_dropped_by_a_panic_abort_nothing() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _guard = counts.guard();
                    let _bomb = PanicInDrop("second");
                    sleep_forever().await;
                });
                sleep_forever().await;
            }));
            poll_fn(|cx| {
                assert!(nursery.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            let _second = select(&mut nursery, settle()).await;
            panic_now("first");
        })
    });
    assert_eq!(message, "first");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_panic_inside_a_foreign_set_drops_what_else_is_in_it() {
    let counts = Counts::new();
    let message = message_of(|| {
        run(async {
            let mut set = Unordered::new();
            for number in 0..4 {
                let counts = &counts;
                set.push(async move {
                    open_nursery(async |nursery| {
                        nursery.start_soon(counts.of(sleep_forever()));
                        yield_n(2).await;
                        if number == 2 {
                            panic_now("one of four");
                        }
                        sleep_forever().await;
                    })
                    .await
                });
            }
            while set.next().await.is_some() {}
        })
    });
    assert_eq!(message, "one of four");
    assert_eq!(counts.drops(), 4);
}

#[test]
fn a_panic_of_main_resumes_from_run_and_the_next_run_is_as_new() {
    let _leaks = LeakCheck::begin();
    let message = message_of(|| {
        nestling::run(async {
            checkpoint().await;
            panic_now("main");
        })
    });
    assert_eq!(message, "main");
    let frames = nestling::run(async { statistics().frames });
    assert_eq!(frames, 1, "the main future alone");
}

#[test]
fn a_panicking_destructor_of_main_resumes_from_run() {
    let message = message_of(|| {
        run(async {
            let _bomb = PanicInDrop("main's local");
            checkpoint().await;
        })
    });
    assert_eq!(message, "main's local");
    run(async { settle().await });
}

#[test]
fn a_child_may_be_dropped_by_a_panic_and_start_another_in_its_destructor() {
    let ran = Cell::new(false);
    let message = message_of(|| {
        run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _heir = on_drop(|| nursery.start_soon(async { ran.set(true) }));
                    checkpoint().await;
                    panic_now("with an heir");
                });
            })
            .await
        })
    });
    assert_eq!(message, "with an heir");
    assert!(
        ran.get(),
        "started in a cancelled nursery, it runs to its first checkpoint"
    );
}

/// Starting a child in a destructor had reported the panic to the log, and so nobody resumed it.
#[test]
fn a_panic_in_a_dropped_nursery_comes_out_though_another_destructor_starts_a_child() {
    let message = message_of(|| {
        run(async {
            let nursery = open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _guard = PanicInDrop("a destructor");
                    sleep_forever().await;
                });
                nursery.start_soon(async {
                    let _guard = on_drop(|| nursery.start_soon(async {}));
                    sleep_forever().await;
                });
                sleep_forever().await;
            });
            select(nursery, yield_n(5)).await;
        });
    });
    assert_eq!(message, "a destructor");
}

/// The value was dropped while the child's panic unwound, which aborts.
#[test]
fn a_body_s_value_may_panic_on_drop_beside_a_child_that_panics() {
    let message = message_of(|| {
        run(async {
            let nursery = open_nursery(async |nursery| {
                nursery.start_soon(async { panic_now("a child") });
                ok(PanicInDrop("a value"))
            });
            drop(nursery.await);
        });
    });
    assert_eq!(message, "a child");
}
