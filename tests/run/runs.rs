//! Runs: `run`, `Builder`, `RunHandle::run_soon`. Rules E1, E2, E6, E7 and R6, cases 1, 2, 3, 13,
//! 14, 39 to 50 and 77.
//!
//! What makes no sense in Rust, or is not there:
//! * Cases 42 and 43 (`idempotent`): closures cannot be compared; `run_soon` has no such flag.
//! * Cases 36, 37 and 50 in part (system tasks): there are none. What trio reports of a callback's
//!   crash as `TrioInternalError` is a panic here, and resumes from `run`.
//! * Case 35 (a broken loop): nothing that a user can break.
//! * Case 39 (token identity): handles are not compared.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Boom, Counts, LeakCheck, Log, boom, message_of, on_drop, park, run, run_virtual, run_with,
    settle, times, yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, RunError, RunFinished, RunHandle, SystemClock, checkpoint, current_time, is_cancelled,
    ok, open_nursery, sleep, sleep_forever, statistics,
};

#[test]
fn run_returns_what_main_returns() {
    assert_eq!(run(async { 6 * 7 }), 42);
}

#[test]
fn main_may_borrow_and_need_not_be_send() {
    let text = String::from("borrowed");
    let cell = std::rc::Rc::new(Cell::new(0));
    let length = run(async {
        cell.set(text.len());
        checkpoint().await;
        cell.get()
    });
    assert_eq!(length, 8);
}

#[test]
fn an_error_of_main_comes_out_as_it_is() {
    let result: Result<(), Boom> = run(async {
        checkpoint().await;
        boom("main")
    });
    assert_eq!(result, Err(Boom("main")));
}

#[test]
fn a_run_inside_a_run_panics_and_tells_what_to_do() {
    run(async {
        let message = message_of(|| nestling::run(async {}));
        assert!(message.contains("inside a run"), "{message}");
        assert!(message.contains("await the future instead"), "{message}");
        // And the outer run goes on.
        settle().await;
    });
}

#[test]
fn try_run_inside_a_run_is_an_error_and_polls_nothing() {
    run(async {
        let counts = Counts::new();
        let result = Builder::new().try_run(counts.of(async { 1 }));
        assert!(matches!(result, Err(RunError::Nested)));
        assert_eq!((counts.polls(), counts.drops()), (0, 1));
    });
}

#[test]
fn a_run_inside_a_child_a_destructor_or_a_closure_of_run_soon_is_refused_too() {
    let refused = Arc::new(AtomicUsize::new(0));
    let try_nested = {
        let refused = Arc::clone(&refused);
        move || {
            if let Err(RunError::Nested) = Builder::new().try_run(async {}) {
                refused.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    run(async {
        let _at_end = on_drop(try_nested.clone());
        RunHandle::current().run_soon(try_nested.clone()).unwrap();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _at_end = on_drop(try_nested.clone());
                try_nested();
            });
        })
        .await
        .unwrap();
        settle().await;
    });
    assert_eq!(refused.load(Ordering::SeqCst), 4);
}

#[test]
fn a_run_after_a_run_is_as_new() {
    let _leaks = LeakCheck::begin();
    for round in 0..times(50, 3) {
        let value = nestling::run(async {
            assert_eq!(statistics().frames, 1);
            assert_eq!(statistics().timers, 0);
            assert_eq!(statistics().io.sources, 0);
            open_nursery(async |nursery| {
                nursery.start_soon(yield_n(3));
                ok(round)
            })
            .await
        });
        assert_eq!(value.unwrap(), round);
    }
}

#[test]
fn two_runs_in_two_threads_do_not_disturb_each_other() {
    let _leaks = LeakCheck::begin();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || {
                    nestling::run(async {
                        barrier.wait();
                        let value = open_nursery(async |nursery| {
                            for _ in 0..10 {
                                nursery.start_soon(yield_n(20));
                            }
                            if number == 0 {
                                nursery.cancel();
                                sleep_forever().await;
                            }
                            ok(number)
                        })
                        .await;
                        assert!(!is_cancelled());
                        value.is_ok()
                    })
                })
            })
            .collect();
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(outcomes, [false, true]);
    });
}

#[test]
fn two_runs_wake_each_other_s_tasks() {
    let _leaks = LeakCheck::begin();
    let rounds = times(1000, 10);
    let (to_left, from_right) = mpsc::channel::<std::task::Waker>();
    let (to_right, from_left) = mpsc::channel::<std::task::Waker>();
    let play = |mine: mpsc::Sender<std::task::Waker>, theirs: mpsc::Receiver<std::task::Waker>| {
        nestling::run(async {
            for _ in 0..rounds {
                let flag = Cell::new(false);
                park(|waker| {
                    mine.send(waker).unwrap();
                    flag.set(true);
                    theirs.recv().unwrap().wake();
                })
                .await;
                assert!(flag.get());
            }
        });
    };
    thread::scope(|scope| {
        scope.spawn(|| play(to_left, from_left));
        play(to_right, from_right);
    });
}

#[test]
fn outside_a_run_the_operations_that_need_one_say_so() {
    let _leaks = LeakCheck::begin();
    for message in [
        message_of(current_time),
        message_of(statistics),
        message_of(RunHandle::current),
    ] {
        assert!(message.contains("only inside a Nestling run"), "{message}");
    }
    assert!(!is_cancelled());
    let mut sleeping = Box::pin(sleep(Duration::from_secs(1)));
    let mut nursery = Box::pin(open_nursery(async |_| {}));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(message_of(|| sleeping.as_mut().poll(&mut cx)).contains("only inside a Nestling run"));
    assert!(message_of(|| nursery.as_mut().poll(&mut cx)).contains("only inside a Nestling run"));
}

#[test]
fn in_another_thread_there_is_no_run() {
    run(async {
        let inside = thread::spawn(|| catch_unwind(current_time).is_ok())
            .join()
            .unwrap();
        assert!(!inside);
    });
}

#[test]
fn main_is_dropped_before_run_returns_and_its_destructors_are_still_inside() {
    let inside = Cell::new(false);
    run(async {
        let _look = on_drop(|| inside.set(statistics().frames > 0));
        checkpoint().await;
    });
    assert!(inside.get());
}

#[test]
fn a_builder_s_settings_can_be_used_again() {
    let clock = MockClock::new();
    let builder = Builder::new().clock(clock.clone());
    for _ in 0..3 {
        run_with(builder.clone(), sleep(Duration::from_secs(10)));
    }
    assert_eq!(clock.elapsed(), Duration::from_secs(30));
    assert!(format!("{builder:?}").contains("MockClock"));
    run_with(Builder::default().clock(SystemClock), async {});
    assert_eq!(Builder::new().try_run(async { 5 }).unwrap(), 5);
}

#[test]
fn waking_a_run_that_is_over_does_nothing() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = mpsc::channel();
    let from_child = sender.clone();
    nestling::run(async {
        // The main future's waker and a child's.
        std::future::poll_fn(|cx| {
            sender.send(cx.waker().clone()).unwrap();
            Poll::Ready(())
        })
        .await;
        open_nursery(async |nursery| {
            nursery.start_soon(park(move |waker| {
                waker.wake_by_ref();
                from_child.send(waker).unwrap();
            }));
        })
        .await
        .unwrap();
    });
    drop(sender);
    let wakers: Vec<_> = receiver.iter().collect();
    thread::spawn(move || {
        for waker in wakers {
            waker.wake_by_ref();
            waker.wake();
        }
    })
    .join()
    .unwrap();
}

#[test]
fn a_late_wake_does_not_reach_the_next_run_of_the_thread() {
    let _leaks = LeakCheck::begin();
    let kept = RefCell::new(None);
    nestling::run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(park(|waker| {
                waker.wake_by_ref();
                *kept.borrow_mut() = Some(waker);
            }));
        })
        .await
        .unwrap();
    });
    let counts = Counts::new();
    nestling::run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(yield_n(2)));
            kept.take().unwrap().wake();
            settle().await;
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.polls(), 3);
}

#[test]
fn run_soon_does_not_call_before_it_returns_and_soon_afterwards() {
    let called = Arc::new(AtomicBool::new(false));
    run(async {
        let own = Arc::clone(&called);
        let handle = RunHandle::current();
        handle
            .run_soon(move || own.store(true, Ordering::SeqCst))
            .unwrap();
        assert!(!called.load(Ordering::SeqCst));
        settle().await;
        assert!(called.load(Ordering::SeqCst));
    });
}

#[test]
fn run_soon_from_another_thread_wakes_a_loop_that_sleeps() {
    run(async {
        let handle = RunHandle::current();
        let thread = thread::spawn(move || {
            let (sender, receiver) = mpsc::channel();
            let runner = thread::current().id();
            handle
                .run_soon(move || sender.send(thread::current().id() != runner))
                .unwrap();
            receiver.recv().unwrap()
        });
        park(|waker| {
            let handle = RunHandle::current();
            thread::spawn(move || handle.run_soon(move || waker.wake()).unwrap());
        })
        .await;
        while !thread.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(thread.join().unwrap(), "it ran on the run's thread");
    });
}

#[test]
fn run_soon_is_called_in_the_context_of_the_run() {
    run(async {
        let seen = Arc::new(Mutex::new(None));
        let own = Arc::clone(&seen);
        let look = move || {
            *own.lock().unwrap() = Some((
                current_time() >= Instant::now() - Duration::from_secs(3600),
                is_cancelled(),
            ))
        };
        RunHandle::current().run_soon(look).unwrap();
        settle().await;
        assert_eq!(*seen.lock().unwrap(), Some((true, false)));
    });
}

#[test]
fn run_soon_after_the_end_is_refused_and_drops_the_closure() {
    let _leaks = LeakCheck::begin();
    let handle = nestling::run(async { RunHandle::current() });
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = {
        let dropped = Arc::clone(&dropped);
        on_drop(move || dropped.store(true, Ordering::SeqCst))
    };
    let result = handle.run_soon(move || {
        let _guard = guard;
        unreachable!("the run is over");
    });
    let error: RunFinished = result.unwrap_err();
    assert!(error.to_string().contains("ended"), "{error}");
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_closure_that_was_accepted_runs_though_main_ends_or_panics_at_once() {
    let _leaks = LeakCheck::begin();
    for panics in [false, true] {
        let called = Arc::new(AtomicUsize::new(0));
        let own = Arc::clone(&called);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            nestling::run(async {
                let count = move || own.fetch_add(1, Ordering::SeqCst);
                RunHandle::current().run_soon(count.clone()).unwrap();
                let handle = RunHandle::current();
                // Also from a destructor of main, after everything else.
                let _last = on_drop(move || handle.run_soon(count).unwrap());
                if panics {
                    panic!("main");
                }
            });
        }));
        assert_eq!(outcome.is_err(), panics);
        assert_eq!(called.load(Ordering::SeqCst), 2, "panics: {panics}");
    }
}

#[test]
fn a_closure_run_at_the_very_end_is_refused_to_hand_in_another() {
    let refused = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&refused);
    run(async {
        let handle = RunHandle::current();
        let again = handle.clone();
        handle
            .run_soon(move || {
                let refuse = again.run_soon(|| ()).is_err();
                own.store(refuse, Ordering::SeqCst);
            })
            .unwrap();
    });
    assert!(refused.load(Ordering::SeqCst));
}

#[test]
fn closures_run_in_the_order_in_which_they_were_handed_in() {
    let order = Arc::new(Mutex::new(Vec::new()));
    run(async {
        for number in 0..100 {
            let order = Arc::clone(&order);
            RunHandle::current()
                .run_soon(move || order.lock().unwrap().push(number))
                .unwrap();
        }
        settle().await;
    });
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_massive_queue_is_worked_off_in_order() {
    let count = times(100_000, 200);
    let order = Arc::new(Mutex::new(Vec::new()));
    run(async {
        let handle = RunHandle::current();
        let own = Arc::clone(&order);
        let thread = thread::spawn(move || {
            for number in 0..count {
                let order = Arc::clone(&own);
                handle
                    .run_soon(move || order.lock().unwrap().push(number))
                    .unwrap();
            }
        });
        // The loop is kept busy, and then it sleeps.
        settle().await;
        thread.join().unwrap();
        settle().await;
    });
    let order = order.lock().unwrap();
    assert!(order.iter().copied().eq(0..count));
}

#[test]
fn a_closure_that_hands_itself_in_again_does_not_starve_the_tasks() {
    fn again(handle: RunHandle, calls: Arc<AtomicUsize>) {
        calls.fetch_add(1, Ordering::SeqCst);
        let next = handle.clone();
        // Refused only when the run is over.
        let _over = handle.run_soon(move || again(next, calls));
    }
    let calls = Arc::new(AtomicUsize::new(0));
    run(async {
        again(RunHandle::current(), Arc::clone(&calls));
        let before = calls.load(Ordering::SeqCst);
        yield_n(20).await;
        let during = calls.load(Ordering::SeqCst) - before;
        // One a turn: neither do they starve the tasks nor the other way round.
        assert!((15..=25).contains(&during), "{during}");
        // Nor timers.
        sleep(Duration::from_millis(1)).await;
    });
}

#[test]
fn threads_that_hammer_the_run_stop_at_its_end() {
    let _leaks = LeakCheck::begin();
    let accepted = Arc::new(AtomicUsize::new(0));
    let called = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    nestling::run(async {
        for _ in 0..3 {
            let handle = RunHandle::current();
            let (accepted, called) = (Arc::clone(&accepted), Arc::clone(&called));
            threads.push(thread::spawn(move || {
                loop {
                    let called = Arc::clone(&called);
                    match handle.run_soon(move || called.fetch_add(1, Ordering::SeqCst)) {
                        Ok(()) => accepted.fetch_add(1, Ordering::SeqCst),
                        Err(RunFinished { .. }) => return,
                    };
                    // Some room for the loop under an interpreter.
                    thread::yield_now();
                }
            }));
        }
        while called.load(Ordering::SeqCst) < times(1000, 20) {
            checkpoint().await;
        }
    });
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(
        accepted.load(Ordering::SeqCst),
        called.load(Ordering::SeqCst),
        "whatever was accepted has run, and has run once"
    );
}

#[test]
fn a_panicking_closure_cancels_main_and_resumes_from_run_when_all_has_ended() {
    let log = Log::new();
    let later = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&later);
    let message = message_of(|| {
        run(async {
            let handle = RunHandle::current();
            handle.run_soon(|| panic!("closure")).unwrap();
            handle
                .run_soon(move || own.store(true, Ordering::SeqCst))
                .unwrap();
            let _main = log.at_drop("main");
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    let _child = log.at_drop("child");
                    sleep_forever().await;
                });
                sleep_forever().await;
            })
            .await
        })
    });
    assert_eq!(message, "closure");
    assert!(later.load(Ordering::SeqCst), "the others still run");
    log.expect(&["child", "main"]);
}

#[test]
fn a_panicking_closure_is_not_hidden_by_main_s_value() {
    let message = message_of(|| {
        run(async {
            RunHandle::current().run_soon(|| panic!("closure")).unwrap();
            std::future::poll_fn(|cx| {
                if is_cancelled() {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        })
    });
    assert_eq!(message, "closure");
}

#[test]
fn a_closure_that_panics_at_the_very_end_is_reported_and_the_other_runs() {
    let other = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&other);
    let message = message_of(|| {
        run(async {
            let handle = RunHandle::current();
            handle.run_soon(|| panic!("late")).unwrap();
            handle
                .run_soon(move || own.store(true, Ordering::SeqCst))
                .unwrap();
        })
    });
    assert_eq!(message, "late");
    assert!(other.load(Ordering::SeqCst));
}

#[test]
fn what_a_closure_returns_is_dropped_on_the_run_s_thread() {
    struct Where(mpsc::Sender<thread::ThreadId>);
    impl Drop for Where {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }
    let (sender, receiver) = mpsc::channel();
    run(async {
        let handle = RunHandle::current();
        thread::spawn(move || handle.run_soon(move || Where(sender)))
            .join()
            .unwrap()
            .unwrap();
        settle().await;
    });
    assert_eq!(receiver.recv().unwrap(), thread::current().id());
}

#[test]
fn statistics_count_what_lives() {
    run_virtual(async {
        let before = statistics();
        open_nursery(async |nursery| {
            // The nursery and its body.
            assert_eq!(statistics().frames, before.frames + 2);
            nursery.start_soon(sleep(Duration::from_millis(1)));
            nursery.start_soon(sleep(Duration::from_millis(1)));
            assert_eq!(statistics().frames, before.frames + 4);
            assert_eq!(statistics().timers, 0, "nobody has been polled");
            checkpoint().await;
            assert_eq!(statistics().timers, 2);
            RunHandle::current().run_soon(|| ()).unwrap();
            RunHandle::current().run_soon(|| ()).unwrap();
            assert_eq!(statistics().inbox, 2);
            settle().await;
            assert_eq!(statistics().inbox, 0);
        })
        .await
        .unwrap();
        assert_eq!(statistics().frames, before.frames);
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn a_run_costs_two_or_three_descriptors_and_no_thread() {
    let _leaks = LeakCheck::begin();
    if cfg!(any(miri, not(target_os = "linux"))) {
        return;
    }
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = count();
    let inside = nestling::run(async { count() });
    assert!((2..=3).contains(&(inside - before)), "{}", inside - before);
}
