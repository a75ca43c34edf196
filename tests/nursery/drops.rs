//! What is dropped when, and what destructors may do: foreign drops of nurseries, leaked ones,
//! destructors that spawn, cancel and wake, wake-ups from other threads meanwhile, deep nesting.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{
    self, Counts, Either, LeakCheck, Log, Unordered, boom, leak, message_of, on_drop, park,
    poll_once, run, select, select_biased_second, settle, times, yield_n,
};
use nestling::{
    CancelScope, Nursery, NurseryError, checkpoint, is_cancelled, ok, open_nursery, sleep,
    sleep_forever, statistics,
};

type BoxedNursery = Pin<Box<dyn Future<Output = Result<(), NurseryError>>>>;

#[test]
fn a_foreign_drop_drops_every_child_before_it_returns() {
    let counts = Counts::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            for _ in 0..10 {
                nursery.start_soon(counts.of(sleep_forever()));
            }
            let _body = counts.guard();
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
        assert_eq!(counts.drops(), 11);
    });
    assert_eq!(counts.polls(), 10, "nobody is polled while it is dropped");
}

#[test]
fn children_go_before_the_body_they_were_started_by() {
    let log = Log::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            let _body = log.at_drop("body");
            for name in ["one", "two"] {
                let log = &log;
                nursery.start_soon(async move {
                    let _child = log.at_drop(name);
                    sleep_forever().await;
                });
            }
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
    });
    log.expect_batches(&[&["one", "two"], &["body"]]);
}

#[test]
fn nested_nurseries_are_dropped_from_the_inside_out() {
    let log = Log::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _outer = log.at_drop("outer child");
                let _unreachable = open_nursery(async |inner| {
                    inner.start_soon(async {
                        let _inner = log.at_drop("inner child");
                        sleep_forever().await;
                    });
                    let _body = log.at_drop("inner body");
                    sleep_forever().await;
                })
                .await;
            });
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
    });
    log.expect(&["inner child", "inner body", "outer child"]);
}

#[test]
fn a_nursery_is_dropped_at_each_stage_of_its_life() {
    // Never polled, after one turn, …, and until it would have ended by itself.
    for turns in 0..12 {
        let counts = Counts::new();
        let started = Cell::new(0);
        run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                let start = || {
                    started.set(started.get() + 1);
                    counts.of(yield_n(3))
                };
                nursery.start_soon(start());
                checkpoint().await;
                nursery.start_soon(start());
                let _handle = nursery.spawn(start());
                nursery.task().daemon().start_soon(start());
                checkpoint().await;
            }));
            for _ in 0..turns {
                if poll_once(&mut nursery).await.is_ready() {
                    break;
                }
            }
            drop(nursery);
            assert_eq!(counts.drops(), started.get(), "after {turns} turns");
        });
    }
}

#[test]
fn children_that_are_ready_are_dropped_unpolled() {
    let counts = Counts::new();
    run(async {
        let mut nursery = Box::pin(open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(counts.of(yield_n(100)));
            }
            sleep_forever().await;
        }));
        let outer = open_nursery(async |outer| {
            // As long as others are ready too, a poll of a nursery is one turn of it.
            outer.start_soon(async {});
            assert!(poll_once(&mut nursery).await.is_pending());
            drop(nursery);
        });
        outer.await.unwrap();
    });
    assert_eq!((counts.polls(), counts.drops()), (0, 5));
}

#[test]
fn timers_and_waits_of_dropped_children_are_gone() {
    run(async {
        let nursery = open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(sleep(Duration::from_secs(3600)));
            }
            sleep(Duration::from_secs(3600)).await;
        });
        let mut nursery = Box::pin(nursery);
        assert!(matches!(
            select(&mut nursery, settle()).await,
            Either::Second(())
        ));
        assert_eq!(statistics().timers, 6);
        drop(nursery);
        assert_eq!(statistics().timers, 0);
        assert_eq!(statistics().frames, 1);
    });
}

#[test]
fn a_destructor_that_starts_a_child_while_the_nursery_is_dropped_gets_it_dropped() {
    let log = &Log::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(async move {
                let _spawner = on_drop(move || {
                    let heir = log.at_drop("heir dropped");
                    nursery.start_soon(async move {
                        let _heir = heir;
                        log.say("unreachable");
                    });
                    log.say("heir started");
                });
                sleep_forever().await;
            });
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
        log.say("dropped");
    });
    log.expect(&["heir dropped", "heir started", "dropped"]);
}

#[test]
fn a_destructor_of_the_body_may_start_children_while_the_nursery_is_dropped() {
    let log = Log::new();
    run(async {
        let nursery = open_nursery(async |nursery| {
            let _spawner = on_drop(|| {
                for _ in 0..3 {
                    let heir = log.at_drop("heir");
                    nursery.start_soon(async move {
                        let _heir = heir;
                        sleep_forever().await;
                    });
                }
                let _handle = nursery.spawn(async { ok(log.at_drop("unreachable")) });
            });
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
    });
    log.expect(&["heir", "heir", "heir"]);
}

#[test]
fn a_destructor_of_the_body_starts_children_as_the_body_ends() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            let _spawner = on_drop(|| {
                nursery.start_soon(async {
                    yield_n(3).await;
                    log.say("heir");
                });
            });
            log.say("body");
        })
        .await
        .unwrap();
    });
    log.expect(&["body", "heir"]);
}

#[test]
fn destructors_of_cancelled_children_may_cancel_start_and_wake() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let wakers: RefCell<Vec<Waker>> = RefCell::default();
    run(async {
        open_nursery(async |nursery| {
            for _ in 0..20 {
                nursery.start_soon(async {
                    let _busy = on_drop(|| {
                        nursery.cancel();
                        for waker in wakers.borrow().iter() {
                            waker.wake_by_ref();
                        }
                        nursery.start_soon(counts.of(sleep_forever()));
                    });
                    park(|waker| wakers.borrow_mut().push(waker)).await;
                    sleep_forever().await;
                });
            }
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!((counts.polls(), counts.drops()), (20, 20));
}

#[test]
fn destructors_of_dropped_children_may_cancel_start_and_wake() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let wakers: RefCell<Vec<Waker>> = RefCell::default();
    run(async {
        let nursery = open_nursery(async |nursery| {
            for _ in 0..20 {
                nursery.start_soon(async {
                    let _busy = on_drop(|| {
                        nursery.cancel();
                        for waker in wakers.borrow().iter() {
                            waker.wake_by_ref();
                        }
                        nursery.start_soon(counts.of(sleep_forever()));
                    });
                    park(|waker| wakers.borrow_mut().push(waker)).await;
                    sleep_forever().await;
                });
            }
            sleep_forever().await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
        assert_eq!((counts.polls(), counts.drops()), (0, 20));
    });
}

#[test]
fn a_destructor_may_open_and_drop_a_nursery_of_its_own() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _nested = on_drop(|| {
                    let mut inner = Box::pin(open_nursery(async |inner| {
                        inner.start_soon(counts.of(sleep_forever()));
                        sleep_forever().await;
                    }));
                    let mut cx = Context::from_waker(Waker::noop());
                    // In a cancelled context the body is cut off at once, the child after its turn.
                    let _pending = inner.as_mut().poll(&mut cx);
                });
                sleep_forever().await;
            });
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn a_child_dropped_by_a_cancel_is_dropped_once_though_it_is_woken_again() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let kept: RefCell<Option<Waker>> = RefCell::default();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(async {
                park(|waker| *kept.borrow_mut() = Some(waker)).await;
            }));
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap();
        let waker = kept.take().unwrap();
        for _ in 0..10 {
            waker.wake_by_ref();
        }
        settle().await;
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn wakers_outlive_children_nurseries_runs_and_threads() {
    let _leaks = LeakCheck::begin();
    let wakers = thread::spawn(|| {
        let wakers = RefCell::new(Vec::new());
        nestling::run(async {
            park(|waker| {
                waker.wake_by_ref();
                wakers.borrow_mut().push(waker);
            })
            .await;
            open_nursery(async |nursery| {
                nursery.start_soon(park(|waker| {
                    waker.wake_by_ref();
                    wakers.borrow_mut().push(waker);
                }));
                park(|waker| {
                    waker.wake_by_ref();
                    wakers.borrow_mut().push(waker);
                })
                .await;
            })
            .await
            .unwrap();
        });
        for waker in wakers.borrow().iter() {
            waker.wake_by_ref();
        }
        wakers.into_inner()
    })
    .join()
    .unwrap();
    assert_eq!(wakers.len(), 3);
    for waker in wakers {
        waker.wake_by_ref();
        waker.wake();
    }
}

/// A nursery of children that hand their wakers to `thread`, which wakes them as fast as it can.
async fn woken_from_elsewhere(counts: &Counts, wakers: &Mutex<Vec<Waker>>, children: usize) {
    let _cancelled = open_nursery(async |nursery| {
        for _ in 0..children {
            nursery.start_soon(counts.of(async {
                loop {
                    park(|waker| wakers.lock().unwrap().push(waker)).await;
                }
            }));
        }
        sleep_forever().await;
    })
    .await;
}

/// Calls `main` with a list of wakers that two other threads wake all the time.
fn with_waking_threads(main: impl FnOnce(Arc<Mutex<Vec<Waker>>>)) {
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (wakers, over) = (Arc::clone(&wakers), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::Acquire) {
                    let taken = std::mem::take(&mut *wakers.lock().unwrap());
                    for waker in taken {
                        waker.wake_by_ref();
                        waker.wake();
                    }
                    thread::yield_now();
                }
            })
        })
        .collect();
    main(wakers);
    over.store(true, Ordering::Release);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn nurseries_are_dropped_while_other_threads_wake_their_children() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let rounds = times(2000, 4);
    with_waking_threads(|wakers| {
        run(async {
            for round in 0..rounds {
                let nursery = woken_from_elsewhere(&counts, &wakers, 4);
                let either = select(nursery, yield_n(round % 5)).await;
                assert!(matches!(either, Either::Second(())));
                assert_eq!(statistics().frames, 1);
            }
        });
    });
    // Those of round 0, 5, … may have been dropped before any child was started.
    assert!(counts.drops() >= rounds / 5 * 4 * 3, "{counts:?}");
    assert_eq!(counts.drops() % 4, 0);
}

#[test]
fn nurseries_are_cancelled_while_other_threads_wake_their_children() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let rounds = times(1000, 4);
    with_waking_threads(|wakers| {
        run(async {
            for round in 0..rounds {
                open_nursery(async |nursery| {
                    nursery.start_soon(woken_from_elsewhere(&counts, &wakers, 4));
                    yield_n(2 + round % 5).await;
                    nursery.cancel();
                })
                .await
                .unwrap();
            }
        });
    });
    assert_eq!(counts.drops(), rounds * 4);
}

#[test]
fn wake_ups_of_other_threads_are_never_lost() {
    let _leaks = LeakCheck::begin();
    let passed = Cell::new(0);
    let rounds = times(1000, 6);
    with_waking_threads(|wakers| {
        run(async {
            open_nursery(async |nursery| {
                for _ in 0..4 {
                    nursery.start_soon(async {
                        for _ in 0..rounds {
                            park(|waker| wakers.lock().unwrap().push(waker)).await;
                            passed.set(passed.get() + 1);
                        }
                    });
                }
                for _ in 0..rounds {
                    park(|waker| wakers.lock().unwrap().push(waker)).await;
                    passed.set(passed.get() + 1);
                }
            })
            .await
            .unwrap();
            for _ in 0..rounds {
                park(|waker| wakers.lock().unwrap().push(waker)).await;
                passed.set(passed.get() + 1);
            }
        });
    });
    assert_eq!(passed.get(), rounds * 6);
}

#[test]
fn a_nursery_that_outlives_its_run_can_be_dropped_outside() {
    let _leaks = LeakCheck::begin();
    let counts = Rc::new(Counts::new());
    let mut kept: Option<BoxedNursery> = None;
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    nestling::run(async {
        let (counts, waker) = (Rc::clone(&counts), Rc::clone(&waker));
        let mut nursery: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(open_nursery(async move |nursery| {
                let (one, two) = (Rc::clone(&counts), Rc::clone(&counts));
                nursery.start_soon(async move {
                    let _guard = one.guard();
                    sleep(Duration::from_secs(3600)).await;
                });
                nursery.start_soon(async move {
                    let _guard = two.guard();
                    park(|own| *waker.borrow_mut() = Some(own)).await;
                });
                sleep_forever().await;
            }));
        for _ in 0..3 {
            assert!(poll_once(&mut nursery).await.is_pending());
        }
        kept = Some(nursery);
    });
    // Wakes a child of it, from here and from another thread, though nobody listens any more.
    let waker = waker.take().unwrap();
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(counts.drops(), 0);
    drop(kept);
    assert_eq!(counts.drops(), 2);
}

#[test]
fn a_nursery_that_is_polled_in_another_run_says_so_and_drops_its_children() {
    let _leaks = LeakCheck::begin();
    let counts = Rc::new(Counts::new());
    let mut kept: Option<BoxedNursery> = None;
    nestling::run(async {
        let counts = Rc::clone(&counts);
        let mut nursery: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(open_nursery(async move |nursery| {
                let counts = Rc::clone(&counts);
                nursery.start_soon(async move {
                    let _guard = counts.guard();
                    sleep_forever().await;
                });
                sleep_forever().await;
            }));
        for _ in 0..3 {
            assert!(poll_once(&mut nursery).await.is_pending());
        }
        kept = Some(nursery);
    });
    let message = message_of(|| nestling::run(kept.take().unwrap()));
    assert!(message.contains("outside the run"), "{message}");
    assert_eq!(counts.drops(), 1);
}

#[test]
fn children_of_a_forgotten_nursery_never_run_again() {
    // Their borrows may be over: a leak must not let them run on.
    let _leaks = LeakCheck::but_for_descriptors();
    let (counts, waker) = (Counts::new(), Arc::new(Mutex::new(None::<Waker>)));
    nestling::run(async {
        let mut nursery = Box::pin(open_nursery(async |nursery| {
            nursery.start_soon(counts.of(yield_n(1000)));
            nursery.start_soon(counts.of(park(|own| *waker.lock().unwrap() = Some(own))));
            sleep_forever().await;
        }));
        for _ in 0..3 {
            assert!(poll_once(&mut nursery).await.is_pending());
        }
        let polls = counts.polls();
        leak(nursery);
        let waker = waker.lock().unwrap().take().unwrap();
        waker.wake_by_ref();
        thread::spawn(move || waker.wake()).join().unwrap();
        settle().await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(counts.polls(), polls);
    });
    assert_eq!(counts.drops(), 0);
}

#[test]
fn what_is_ready_in_a_forgotten_nursery_holds_up_nobody() {
    let _leaks = LeakCheck::but_for_descriptors();
    let counts = Counts::new();
    nestling::run(async {
        let mut nursery = Box::pin(open_nursery(async |nursery| {
            nursery.start_soon(yield_n(1000));
        }));
        assert!(poll_once(&mut nursery).await.is_pending());
        leak(nursery);
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(counts.of(yield_n(300)));
            sleep(Duration::from_millis(1)).await;
        });
        nursery.await.unwrap();
    });
    assert_eq!(counts.polls(), 301);
}

#[test]
fn what_is_around_a_forgotten_nursery_goes_on_and_ends() {
    let _leaks = LeakCheck::but_for_descriptors();
    let value = nestling::run(async {
        open_nursery(async |outer| {
            let handle = outer.spawn(async {
                let mut nursery = Box::pin(open_nursery(async |nursery| {
                    nursery.start_soon(sleep_forever());
                    sleep_forever().await;
                }));
                assert!(poll_once(&mut nursery).await.is_pending());
                assert!(poll_once(&mut nursery).await.is_pending());
                leak(nursery);
                settle().await;
                ok(5)
            });
            ok(handle.await?)
        })
        .await
    });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn a_forgotten_handle_and_a_forgotten_start_leak_memory_only() {
    let _leaks = LeakCheck::but_for_descriptors();
    nestling::run(async {
        open_nursery(async |nursery| {
            leak(Box::pin(nursery.spawn(async { ok(1) })));
            let mut starting = Box::pin(nursery.start(async |ready: nestling::Ready<u8>| {
                yield_n(3).await;
                ready.started(1);
            }));
            assert!(matches!(poll_once(&mut starting).await, Poll::Pending));
            leak(starting);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_leaked_nursery_s_frames_do_not_disturb_the_next_run_of_the_thread() {
    let _leaks = LeakCheck::but_for_descriptors();
    for _ in 0..3 {
        nestling::run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                nursery.start_soon(sleep_forever());
                sleep_forever().await;
            }));
            assert!(poll_once(&mut nursery).await.is_pending());
            leak(nursery);
        });
        nestling::run(async {
            assert!(!is_cancelled());
            let error = open_nursery(async |nursery| {
                nursery.start_soon(sleep_forever());
                nursery.start_soon(async { boom::<()>("as ever") });
            })
            .await;
            assert!(error.is_err());
        });
    }
}

/// `depth` nurseries inside each other, `at_bottom` in the innermost.
fn nest<'a>(
    depth: usize,
    at_bottom: &'a dyn Fn() -> Pin<Box<dyn Future<Output = ()> + 'a>>,
    counts: &'a Counts,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let _guard = counts.guard();
        if depth == 0 {
            return at_bottom().await;
        }
        let _outcome = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(nest(depth - 1, at_bottom, counts));
        })
        .await;
    })
}

/// Runs `f` with a stack on which a thousand unoptimised levels have room.
fn with_deep_stack(f: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(256 << 20);
        thread.spawn_scoped(scope, f).unwrap().join().unwrap();
    });
}

const DEPTH: usize = times(1000, 8);

#[test]
fn nurseries_nest_a_thousand_deep() {
    let _leaks = LeakCheck::begin();
    with_deep_stack(|| {
        let counts = Counts::new();
        nestling::run(nest(DEPTH, &|| Box::pin(yield_n(5)), &counts));
        assert_eq!(counts.drops(), DEPTH + 1);
        assert_eq!(nestling::run(async { statistics().frames }), 1);
    });
}

#[test]
fn a_thousand_nested_nurseries_are_cancelled_from_the_outside() {
    let _leaks = LeakCheck::begin();
    with_deep_stack(|| {
        let (counts, bottom) = (Counts::new(), Cell::new(false));
        let park = || -> Pin<Box<dyn Future<Output = ()> + '_>> {
            bottom.set(true);
            Box::pin(sleep_forever())
        };
        nestling::run(async {
            open_nursery(async |outer| {
                outer.start_soon(nest(DEPTH, &park, &counts));
                support::until(|| bottom.get()).await;
                outer.cancel();
            })
            .await
            .unwrap();
        });
        assert_eq!(counts.drops(), DEPTH + 1);
    });
}

#[test]
fn a_thousand_nested_nurseries_are_dropped_from_the_outside() {
    let _leaks = LeakCheck::begin();
    with_deep_stack(|| {
        let (counts, bottom) = (Counts::new(), Cell::new(false));
        let park = || -> Pin<Box<dyn Future<Output = ()> + '_>> {
            bottom.set(true);
            Box::pin(sleep_forever())
        };
        nestling::run(async {
            let nested = nest(DEPTH, &park, &counts);
            let either = select(nested, support::until(|| bottom.get())).await;
            assert!(matches!(either, Either::Second(())));
            assert_eq!(counts.drops(), DEPTH + 1);
            assert_eq!(statistics().frames, 1);
        });
    });
}

#[test]
fn a_panic_comes_up_through_a_thousand_nested_nurseries() {
    let _leaks = LeakCheck::begin();
    with_deep_stack(|| {
        let counts = Counts::new();
        let bottom = || -> Pin<Box<dyn Future<Output = ()> + '_>> {
            Box::pin(async {
                checkpoint().await;
                panic!("at the bottom");
            })
        };
        let message = message_of(|| nestling::run(nest(DEPTH, &bottom, &counts)));
        assert_eq!(message, "at the bottom");
        assert_eq!(counts.drops(), DEPTH + 1);
    });
}

#[test]
fn a_nursery_inside_a_foreign_set_is_dropped_with_the_set() {
    let counts = Counts::new();
    run(async {
        let mut set = Unordered::new();
        for _ in 0..5 {
            let counts = &counts;
            set.push(async move {
                open_nursery(async |nursery| {
                    nursery.start_soon(counts.of(sleep_forever()));
                    sleep_forever().await;
                })
                .await
            });
        }
        assert!(matches!(
            select_biased_second(set.next(), settle()).await,
            Either::Second(())
        ));
        drop(set);
        assert_eq!(counts.drops(), 5);
    });
}

#[test]
fn a_future_kept_in_a_thread_local_is_dropped_after_the_run_without_harm() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static KEPT: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) };
    }
    let _leaks = LeakCheck::begin();
    thread::spawn(|| {
        // Touched first, so that it is destroyed after what the library keeps for the thread.
        KEPT.with_borrow_mut(|kept| *kept = None);
        nestling::run(async {
            let mut sleeping: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
                let _guard = on_drop(|| {
                    DROPS.fetch_add(1, Ordering::SeqCst);
                });
                sleep(Duration::from_secs(3600)).await;
            });
            assert!(poll_once(&mut sleeping).await.is_pending());
            KEPT.with_borrow_mut(|kept| *kept = Some(sleeping));
        });
    })
    .join()
    .unwrap();
    assert_eq!(DROPS.load(Ordering::SeqCst), 1);
}

/// What is asked and done of frames by a destructor.
fn look_around() {
    let scope = CancelScope::new();
    scope.cancel();
    assert!(scope.is_cancelled());
    drop(CancelScope::new());
}

#[test]
fn a_nursery_kept_in_a_thread_local_is_dropped_at_the_end_of_the_thread_without_harm() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    struct Kept {
        nursery: Option<Pin<Box<dyn Future<Output = ()>>>>,
        scopes: usize,
    }
    impl Drop for Kept {
        fn drop(&mut self) {
            // Frames that are made now must not be taken for those of the nursery.
            let scopes: Vec<_> = (0..self.scopes).map(|_| CancelScope::new()).collect();
            drop(self.nursery.take());
            for scope in &scopes {
                assert!(!scope.is_cancelled());
                scope.cancel();
                assert!(scope.is_cancelled());
            }
        }
    }
    let _leaks = LeakCheck::begin();
    for scopes in [0, 1, 100] {
        thread::spawn(move || {
            // Touched first, so that it is destroyed after what the library keeps for the thread.
            KEPT.with_borrow_mut(|kept| *kept = None);
            nestling::run(async {
                let mut nursery: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
                    let opened = open_nursery(async |nursery| {
                        for _ in 0..3 {
                            nursery.start_soon(async {
                                let _guard = on_drop(|| {
                                    look_around();
                                    DROPS.fetch_add(1, Ordering::SeqCst);
                                });
                                CancelScope::new().run(pending::<()>()).await.ok();
                            });
                        }
                        let _guard = on_drop(look_around);
                        pending::<()>().await;
                    });
                    opened.await.ok();
                });
                for _ in 0..3 {
                    assert!(poll_once(&mut nursery).await.is_pending());
                }
                let nursery = Some(nursery);
                KEPT.with_borrow_mut(|kept| *kept = Some(Kept { nursery, scopes }));
            });
        })
        .join()
        .unwrap();
    }
    assert_eq!(DROPS.load(Ordering::SeqCst), 9);
}

#[test]
fn a_dropped_nursery_frees_what_its_children_held_also_if_they_hold_its_wakers() {
    struct Holder(Rc<RefCell<Vec<Waker>>>);
    let weak = run(async {
        let holder = Rc::new(Holder(Rc::default()));
        let weak = Rc::downgrade(&holder);
        let nursery = open_nursery(async move |nursery| {
            let child = Rc::clone(&holder);
            nursery.start_soon(async move {
                // A cycle: the child holds its own waker and the body's.
                poll_fn(|cx| {
                    child.0.borrow_mut().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await;
            });
            poll_fn(|cx| {
                holder.0.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        });
        assert!(matches!(
            select(nursery, settle()).await,
            Either::Second(())
        ));
        weak
    });
    assert!(weak.upgrade().is_none());
}
