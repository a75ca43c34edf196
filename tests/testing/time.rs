//! Virtual time, the verdict on deadlocks, seeds, and waiting for quiet.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use nestling::testing::{
    Deadlock, MockClock, Rng, Sequencer, assert_checkpoints, assert_no_checkpoints,
    wait_all_tasks_blocked,
};
use nestling::{
    Builder, CancelScope, RunError, RunHandle, checkpoint, current_time, move_on_after,
    open_nursery, sleep, sleep_forever, sleep_until, sync, task_tree, to_thread,
};

use crate::support::{self, message_of, settle, times};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn virtually<F: Future>(program: F) -> (F::Output, Duration) {
    let clock = MockClock::new();
    let output = Builder::new().clock(clock.clone()).run(program);
    (output, clock.elapsed())
}

fn deadlock_of<F: Future>(program: F) -> Deadlock {
    match Builder::new().clock(MockClock::new()).try_run(program) {
        Err(RunError::Deadlock(deadlock)) => deadlock,
        Ok(_) => panic!("the run has ended"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_day_of_sleeping_tasks_is_over_at_once() {
    let begin = Instant::now();
    let ((), passed) = virtually(async {
        open_nursery(async |nursery| {
            for task in 0..1000 {
                nursery.start_soon(async move {
                    for _ in 0..24 {
                        sleep(DAY / 24).await;
                    }
                    let _which = task;
                });
            }
        })
        .await
        .unwrap();
    });
    assert_eq!(passed, DAY);
    // Not a measurement: a real day would not do.
    assert!(begin.elapsed() < DAY / 100);
}

#[test]
fn time_stands_still_while_tasks_run() {
    virtually(async {
        let before = current_time();
        for _ in 0..1000 {
            checkpoint().await;
        }
        assert_eq!(current_time(), before);
    });
}

#[test]
fn it_jumps_exactly_to_the_next_deadline() {
    virtually(async {
        let begin = current_time();
        let seen = RefCell::new(Vec::new());
        open_nursery(async |nursery| {
            for nanos in [5_u64, 3, 1_000_000_007, 4] {
                let seen = &seen;
                nursery.start_soon(async move {
                    sleep(Duration::from_nanos(nanos)).await;
                    seen.borrow_mut().push(current_time() - begin);
                });
            }
        })
        .await
        .unwrap();
        let nanos: Vec<u128> = seen.borrow().iter().map(Duration::as_nanos).collect();
        assert_eq!(nanos, [3, 4, 5, 1_000_000_007]);
    });
}

#[test]
fn jumping_by_hand_fires_what_is_due() {
    let clock = MockClock::new().autojump(None);
    let hand = clock.clone();
    Builder::new().clock(clock).run(async {
        open_nursery(async |nursery| {
            let sleeper = nursery.spawn(async {
                sleep(10 * SECOND).await;
                nestling::ok(hand.elapsed())
            });
            wait_all_tasks_blocked().await;
            hand.jump(4 * SECOND);
            wait_all_tasks_blocked().await;
            assert!(!sleeper.is_finished());
            hand.jump(7 * SECOND);
            assert_eq!(sleeper.await.unwrap(), 11 * SECOND);
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_rate_scales_real_time() {
    // A million seconds in each real one: what sleeps for a day wakes in 0.1 s, by itself.
    let clock = MockClock::new().autojump(None).rate(1e6);
    Builder::new().clock(clock.clone()).run(sleep(DAY));
    assert!(clock.elapsed() >= DAY);
    clock.rate(0.0);
    let stopped = clock.elapsed();
    assert_eq!(clock.elapsed(), stopped);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    for rate in [-1.0, f64::NAN, f64::INFINITY] {
        let text = message_of(|| drop(MockClock::new().rate(rate)));
        assert!(text.contains("rate"), "{text}");
    }
}

#[test]
fn time_never_goes_back_or_over_the_edge() {
    let clock = MockClock::new().rate(1.0);
    clock.jump(Duration::MAX);
    let hand = clock.clone();
    Builder::new().clock(clock).run(async {
        let before = current_time();
        hand.jump(100 * 365 * DAY);
        assert!(current_time() >= before);
        let later = current_time();
        hand.rate(0.0);
        assert!(current_time() >= later);
        sleep_until(later).await;
    });
}

#[test]
fn a_message_of_another_thread_comes_before_a_jump() {
    let clock = MockClock::new();
    let seen = clock.clone();
    Builder::new().clock(clock).run(async {
        let handle = RunHandle::current();
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let (begun, begin) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            begin.recv().unwrap();
            handle.run_soon(move || canceller.cancel()).unwrap();
        });
        scope
            .run(async {
                begun.send(()).unwrap();
                // It has been sent before this task waits.
                thread.join().unwrap();
                sleep(DAY).await;
            })
            .await
            .unwrap_err();
        assert_eq!(seen.elapsed(), Duration::ZERO);
    });
}

#[test]
fn what_a_socket_has_comes_before_a_jump() {
    let ((), passed) = virtually(async {
        let listener = nestling::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let (stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"hello").await.unwrap();
            });
            move_on_after(DAY, async {
                let client = nestling::net::TcpStream::connect(address).await.unwrap();
                client.read_exact(&mut [0; 5]).await.unwrap();
            })
            .await
            .unwrap();
        })
        .await
        .unwrap();
    });
    assert_eq!(passed, Duration::ZERO);
}

#[test]
fn a_deadlock_is_found_at_once_and_told() {
    let deadlock = deadlock_of(async {
        open_nursery(async |nursery| {
            let first = nursery.task().name("first").spawn(async {
                sleep(SECOND).await;
                sleep_forever().await;
            });
            nursery.task().name("second").start_soon(async {
                // The value never comes.
                first.await.ok();
            });
            move_on_after(DAY, pending::<()>()).await;
        })
        .await
    });
    let text = deadlock.to_string();
    for part in [
        "deadlock: every task waits",
        "main `testing::time::a_deadlock_is_found_at_once_and_told",
        "nursery (tests/testing/time.rs:",
        "waits for 2 of its tasks",
        "task `first` (tests/testing/time.rs:",
        "for 86400s, waits for ever",
        "task `second` (tests/testing/time.rs:",
        "waits for the value of `first` (tests/testing/time.rs:",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    assert_eq!(deadlock.tree().to_string().lines().count(), 5, "{text}");
}

#[test]
fn run_panics_with_the_verdict() {
    let text = message_of(|| {
        Builder::new().clock(MockClock::new()).run(pending::<()>());
    });
    assert!(text.contains("deadlock"), "{text}");
}

#[test]
fn real_time_is_watched_on_request() {
    let result = Builder::new()
        .detect_deadlock(true)
        .try_run(async { open_nursery(async |_| sleep_forever().await).await });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
}

#[test]
fn a_deadlocked_future_is_dropped_in_the_run() {
    struct Asks<'a>(&'a Cell<bool>);
    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.0
                .set(nestling::testing::MockClock::new().elapsed().is_zero());
            let _in_run = RunHandle::current();
        }
    }
    let dropped = Cell::new(false);
    deadlock_of(async {
        let _asks = Asks(&dropped);
        sleep_forever().await;
    });
    assert!(dropped.get());
}

#[test]
fn a_waker_in_another_thread_is_no_deadlock() {
    let (sender, receiver) = std::sync::mpsc::channel::<std::task::Waker>();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let set = std::sync::Arc::clone(&done);
    let thread = std::thread::spawn(move || {
        let waker = receiver.recv().unwrap();
        gone.recv().unwrap();
        set.store(true, std::sync::atomic::Ordering::SeqCst);
        waker.wake();
    });
    virtually(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                move_on_after(
                    DAY,
                    nestling::shield(async {
                        let mut sent = false;
                        poll_fn(|cx| {
                            if done.load(std::sync::atomic::Ordering::SeqCst) {
                                return Poll::Ready(());
                            }
                            if !std::mem::replace(&mut sent, true) {
                                sender.send(cx.waker().clone()).unwrap();
                            }
                            Poll::Pending
                        })
                        .await;
                    }),
                )
                .await;
            });
            nursery.start_soon(async {
                // Beyond the deadline above: by then only the thread can wake anybody.
                sleep(2 * DAY).await;
                go.send(()).unwrap();
            });
        })
        .await
        .unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn a_handle_in_another_thread_is_no_deadlock() {
    let clock = MockClock::new();
    Builder::new().clock(clock).run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            gone.recv().unwrap();
            canceller.cancel();
        });
        scope
            .run(async {
                go.send(()).unwrap();
                sleep_forever().await;
            })
            .await
            .unwrap_err();
        thread.join().unwrap();
    });
}

#[test]
fn a_socket_that_somebody_waits_for_is_no_deadlock() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        gone.recv().unwrap();
        std::net::TcpStream::connect(address).unwrap()
    });
    virtually(async {
        let listener = nestling::net::TcpListener::from_std(listener).unwrap();
        go.send(()).unwrap();
        listener.accept().await.unwrap();
    });
    drop(thread.join().unwrap());
}

#[test]
fn the_tree_can_be_printed_at_any_time() {
    virtually(async {
        let scope = CancelScope::new().name("request");
        open_nursery(async |nursery| {
            nursery.task().name("sleeper").start_soon(sleep(DAY));
            sleep(SECOND).await;
            let tree = scope
                .run(async {
                    checkpoint().await;
                    task_tree().to_string()
                })
                .await
                .unwrap();
            for part in [
                "main `",
                "├─ body (",
                "└─ task `sleeper` (",
                "for 1s, waits for its time, 86400s into the run",
                "└─ scope `request` (",
                "for 1s, running",
            ] {
                assert!(tree.contains(part), "{part} in:\n{tree}");
            }
            nursery.cancel();
        })
        .await
        .unwrap_or(());
    });
}

fn trace_of(seed: Option<u64>) -> Vec<u32> {
    let trace = RefCell::new(Vec::new());
    let mut builder = Builder::new().clock(MockClock::new());
    if let Some(seed) = seed {
        builder = builder.seed(seed);
    }
    builder.run(async {
        open_nursery(async |nursery| {
            for task in 0..5 {
                let trace = &trace;
                nursery.start_soon(async move {
                    for _ in 0..5 {
                        trace.borrow_mut().push(task);
                        checkpoint().await;
                    }
                });
            }
        })
        .await
        .unwrap();
    });
    trace.into_inner()
}

#[test]
fn the_same_seed_gives_the_same_trace_and_others_differ() {
    let seeds = if cfg!(miri) { 10 } else { 1000 };
    let mut distinct = std::collections::HashSet::new();
    for seed in 0..seeds {
        let trace = trace_of(Some(seed));
        assert_eq!(trace, trace_of(Some(seed)), "seed {seed}");
        distinct.insert(trace);
    }
    assert!(
        distinct.len() as u64 >= seeds * 99 / 100,
        "{}",
        distinct.len()
    );
}

#[test]
fn without_a_seed_tasks_run_in_their_order() {
    let expected: Vec<u32> = (0..5).flat_map(|_| 0..5).collect();
    assert_eq!(trace_of(None), expected);
}

#[test]
fn a_seed_is_of_its_run_alone() {
    drop(trace_of(Some(3)));
    assert_eq!(trace_of(None), trace_of(None));
    assert_eq!(trace_of(None)[..5], [0, 1, 2, 3, 4]);
}

#[test]
fn the_generator_keeps_to_its_bounds() {
    let mut rng = Rng::new(1);
    for _ in 0..1000 {
        assert!(rng.below(3) < 3);
        assert!((10..12).contains(&rng.range(10..12)));
        let time = rng.duration(SECOND..2 * SECOND);
        assert!((SECOND..2 * SECOND).contains(&time));
    }
    assert_eq!(rng.below(0), 0);
    assert_eq!(rng.range(5..5), 5);
    assert_eq!(rng.duration(SECOND..SECOND), SECOND);
    assert_eq!(rng.pick::<u8>(&[]), None);
    let mut items: Vec<u32> = (0..100).collect();
    rng.shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}

#[test]
fn waiting_for_quiet_lets_a_busy_task_finish() {
    let clock = MockClock::new();
    let passed = clock.clone();
    Builder::new().clock(clock).run(async {
        let record = RefCell::new(Vec::new());
        let record = &record;
        open_nursery(async |nursery| {
            for name in ["first", "second"] {
                nursery.start_soon(async move {
                    wait_all_tasks_blocked().await;
                    record.borrow_mut().push(name);
                });
            }
            nursery.start_soon(async move {
                for _ in 0..10 {
                    checkpoint().await;
                }
                record.borrow_mut().push("busy");
            });
            // What sleeps counts as blocked.
            nursery.start_soon(async move {
                sleep(DAY).await;
                record.borrow_mut().push("slept");
            });
        })
        .await
        .unwrap();
        assert_eq!(*record.borrow(), ["busy", "first", "second", "slept"]);
    });
    assert_eq!(passed.elapsed(), DAY);
}

#[test]
fn cushions_wake_in_order_and_equal_ones_together() {
    let record = Rc::new(RefCell::new(Vec::new()));
    let record_ref = &record;
    nestling::run(async {
        open_nursery(async |nursery| {
            for (cushion, name) in [(30, "d"), (10, "b"), (10, "c"), (0, "a")] {
                nursery.start_soon(async move {
                    wait_all_tasks_blocked()
                        .cushion(Duration::from_millis(cushion))
                        .await;
                    record_ref.borrow_mut().push(name);
                });
            }
        })
        .await
        .unwrap();
    });
    assert_eq!(*record.borrow(), ["a", "b", "c", "d"]);
}

#[test]
fn waiting_for_quiet_can_be_cut_off_and_dropped() {
    virtually(async {
        let cut = CancelScope::new();
        cut.cancel();
        cut.run(wait_all_tasks_blocked()).await.unwrap_err();
        // Dropped while it waits: the next one is alone.
        let mut dropped = Box::pin(wait_all_tasks_blocked());
        assert!(support::poll_once(&mut dropped).await.is_pending());
        drop(dropped);
        wait_all_tasks_blocked().await;
    });
}

#[test]
fn a_cushion_longer_than_the_clocks_threshold_lets_time_pass_first() {
    virtually(async {
        open_nursery(async |nursery| {
            nursery.start_soon(sleep(DAY));
            let begin = current_time();
            wait_all_tasks_blocked()
                .cushion(Duration::from_millis(1))
                .await;
            assert_eq!(current_time() - begin, DAY);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_sequencer_fixes_the_order() {
    virtually(async {
        let order = Sequencer::new();
        let record = RefCell::new(Vec::new());
        let (order, record) = (&order, &record);
        let pass = async move |who: &'static str, number: u64| {
            let _turn = order.at(number).await;
            record.borrow_mut().push((who, number));
        };
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                pass("one", 1).await;
                pass("one", 3).await;
                pass("one", 4).await;
            });
            nursery.start_soon(async move {
                pass("two", 0).await;
                pass("two", 2).await;
            });
        })
        .await
        .unwrap();
        let expected = [("two", 0), ("one", 1), ("two", 2), ("one", 3), ("one", 4)];
        assert_eq!(*record.borrow(), expected);
        let text = message_of_async(async { drop(order.at(3).await) }).await;
        assert!(text.contains("somebody has been at 3 before"), "{text}");
    });
}

#[test]
fn a_sequencer_breaks_when_a_waiting_task_is_cut_off() {
    virtually(async {
        let order = Sequencer::new();
        let panicked = Cell::new(0);
        let (order, panicked) = (&order, &panicked);
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                let text = message_of_async(async { drop(order.at(2).await) }).await;
                assert!(text.contains("cut off"), "{text}");
                panicked.set(panicked.get() + 1);
            });
            assert!(move_on_after(SECOND, order.at(1)).await.is_none());
            wait_all_tasks_blocked().await;
        })
        .await
        .unwrap();
        assert_eq!(panicked.get(), 1);
        let text = message_of_async(async { drop(order.at(0).await) }).await;
        assert!(text.contains("cut off"), "{text}");
    });
}

#[test]
fn checkpoints_are_told_from_what_is_none() {
    virtually(async {
        assert_checkpoints(checkpoint()).await;
        assert_checkpoints(sleep(Duration::ZERO)).await;
        assert_checkpoints(async {
            open_nursery(async |_| {}).await.unwrap();
        })
        .await;
        assert_eq!(assert_no_checkpoints(async { 7 }).await, 7);
        let text = message_of_async(assert_checkpoints(async {})).await;
        assert!(
            text.contains("without having passed a checkpoint"),
            "{text}"
        );
        let text = message_of_async(assert_no_checkpoints(checkpoint())).await;
        assert!(text.contains("passed a checkpoint"), "{text}");
        // A checkpoint that is ready, as those of most operations.
        let proceed = poll_fn(nestling::poll_proceed);
        let text = message_of_async(assert_no_checkpoints(proceed)).await;
        assert!(text.contains("passed a checkpoint"), "{text}");
    });
}

/// What `future` panics with.
async fn message_of_async(future: impl Future) -> String {
    let mut future = Box::pin(future);
    let polled = poll_fn(|cx| {
        let poll = std::panic::AssertUnwindSafe(|| future.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => Poll::Ready(None),
            Err(payload) => Poll::Ready(Some(nestling_text(&*payload))),
        }
    })
    .await;
    polled.expect("it should have panicked")
}

fn nestling_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    })
    .unwrap_or_default()
}

#[test]
fn a_thread_that_works_keeps_time_from_passing() {
    let ((), passed) = virtually(async {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        open_nursery(async |nursery| {
            let work = nursery.spawn(async move {
                move_on_after(
                    DAY,
                    nestling::to_thread::run_sync(move || gone.recv().unwrap()),
                )
                .await
                .ok_or("too slow")
            });
            wait_all_tasks_blocked().await;
            go.send(()).unwrap();
            work.await.unwrap().unwrap();
        })
        .await
        .unwrap();
    });
    assert_eq!(passed, Duration::ZERO);
}

#[test]
fn a_portal_in_another_thread_is_no_deadlock() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    virtually(async {
        let (portal, service) = nestling::from_thread::portal();
        let thread = std::thread::spawn(move || {
            gone.recv().unwrap();
            portal.run_sync(|| 7).unwrap()
        });
        open_nursery(async |nursery| {
            nursery.start_soon(service);
            go.send(()).unwrap();
        })
        .await
        .unwrap();
        assert_eq!(thread.join().unwrap(), 7);
    });
}

/// Pending until another thread wakes it, after `moment` of its own.
async fn of_a_thread(moment: impl FnOnce() + Send + 'static) {
    let done = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    let mut moment = Some(moment);
    poll_fn(|cx| {
        if let Some(moment) = moment.take() {
            let (done, waker) = (Arc::clone(&done), cx.waker().clone());
            thread = Some(std::thread::spawn(move || {
                moment();
                done.store(true, Ordering::Release);
                waker.wake();
            }));
        }
        match done.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    if let Some(thread) = thread {
        thread.join().unwrap();
    }
}

/// Long enough for a run to be quiet. Should it not be, the test sees less, and passes.
fn a_while() {
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn what_was_waited_for_before_accounts_for_no_waker_of_now() {
    virtually(async {
        sleep(SECOND).await;
        of_a_thread(a_while).await;
        let event = sync::Event::new();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                event.wait().await;
                of_a_thread(a_while).await;
            });
            settle().await;
            event.set();
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_was_waited_for_before_is_told_as_such() {
    let deadlock = deadlock_of(async {
        sleep(SECOND).await;
        pending::<()>().await;
    });
    let tree = deadlock.tree().to_string();
    assert!(tree.contains("last said to wait for its time"), "{tree}");
}

#[test]
fn whoever_wakes_and_goes_while_the_run_looks_is_not_missed() {
    for round in 0..times(1000, 3) {
        virtually(of_a_thread(move || {
            (0..round % 500 * 4).for_each(|_| std::hint::spin_loop());
        }));
    }
}

#[test]
fn a_permit_that_an_abandoned_thread_holds_comes_back() {
    virtually(async {
        let limiter = to_thread::Limiter::new(1);
        let call = to_thread::with().limiter(&limiter).abandon_on_cancel();
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let abandoned = call.clone().run_sync(a_while);
                assert!(scope.run(abandoned).await.is_err());
            });
            settle().await;
            scope.cancel();
            settle().await;
            call.clone().run_sync(|| ()).await.unwrap();
        })
        .await
        .unwrap();
    });
}

/// Ready once another thread has woken it.
async fn woken_by_a_thread() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let done = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    poll_fn(|cx| {
        if done.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let (done, waker) = (Arc::clone(&done), cx.waker().clone());
        thread.get_or_insert_with(|| {
            std::thread::spawn(move || {
                done.store(true, Ordering::SeqCst);
                waker.wake();
            })
        });
        Poll::Pending
    })
    .await;
    thread.unwrap().join().unwrap();
}

#[test]
fn what_lost_a_race_accounts_for_no_waker() {
    for _ in 0..support::times(100, 3) {
        virtually(async {
            let event = nestling::sync::Event::new();
            support::select(event.wait(), async {}).await;
            woken_by_a_thread().await;
        });
    }
}

#[test]
fn a_set_that_waits_for_something_foreign_too_is_no_deadlock() {
    for _ in 0..support::times(100, 3) {
        virtually(async {
            let event = nestling::sync::Event::new();
            let mut set = support::Unordered::new();
            set.push(async {
                event.wait().await;
            });
            set.push(woken_by_a_thread());
            set.next().await.unwrap();
        });
    }
}

#[test]
fn the_simplest_deadlocks_of_each_kind_are_found() {
    use nestling::channel::{broadcast, channel, oneshot, watch};
    use nestling::sync::{Barrier, Event, Lock, Promise, Semaphore};
    deadlock_of(async { Event::new().wait().await });
    deadlock_of(async {
        let lock = Lock::unowned(0);
        let _held = lock.acquire().await;
        drop(lock.acquire().await);
    });
    deadlock_of(async { drop(Semaphore::new(0).acquire().await) });
    deadlock_of(async { Barrier::new(2).wait().await });
    deadlock_of(async { *Promise::<u8>::new().wait().await });
    deadlock_of(async {
        let (_sender, receiver) = channel::<u8>(1);
        receiver.recv().await
    });
    deadlock_of(async {
        let (sender, _receiver) = channel(0);
        sender.send(1).await
    });
    deadlock_of(async {
        let (_sender, receiver) = oneshot::<u8>();
        receiver.await
    });
    deadlock_of(async {
        let (_sender, mut receiver) = broadcast::<u8>(1);
        receiver.recv().await
    });
    deadlock_of(async {
        let (_sender, mut receiver) = watch(1);
        receiver.changed().await
    });
    deadlock_of(async {
        let (one, _other) = nestling::testing::memory_stream_pair();
        nestling::net::ByteStream::read(&one, &mut [0]).await
    });
    deadlock_of(async {
        let order = Sequencer::new();
        drop(order.at(1).await);
    });
    deadlock_of(async {
        open_nursery(async |nursery| {
            let started = nursery.start(async |_ready: nestling::Ready<()>| pending::<()>().await);
            started.await.map(drop)
        })
        .await
    });
    deadlock_of(async { nestling::shutdown_requested().await });
    deadlock_of(async { support::select(Event::new().wait(), sleep_forever()).await });
}
