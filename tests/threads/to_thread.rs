//! Blocking work in threads.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nestling::{
    Builder, CancelKind, CancelScope, Cancelled, catch_cancel, checkpoint, move_on_after,
    open_nursery, run as plain_run, shield, sleep, sleep_forever, statistics, to_thread,
};

use crate::support::{
    Either, LeakCheck, Unordered, boom, catch, join_all, leak, message_of, on_drop, poll_once, run,
    run_with, select, settle, times, until, yield_n,
};

/// A thread that waits until it is told to go on.
struct Gate {
    entered: Mutex<Receiver<()>>,
    open: Sender<()>,
}

/// The thread's side of a [`Gate`].
struct Lock {
    enter: Sender<()>,
    opened: Receiver<()>,
}

fn gate() -> (Gate, Lock) {
    let (enter, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let entered = Mutex::new(entered);
    (Gate { entered, open }, Lock { enter, opened })
}

impl Lock {
    fn pass(self) {
        self.enter.send(()).unwrap();
        self.opened.recv().unwrap();
    }
}

impl Gate {
    /// Blocks until the thread waits at the gate.
    fn entered(&self) {
        self.entered.lock().unwrap().recv().unwrap();
    }

    fn is_entered(&self) -> bool {
        self.entered.lock().unwrap().try_recv().is_ok()
    }

    fn open(&self) {
        self.open.send(()).unwrap();
    }
}

fn here() -> ThreadId {
    thread::current().id()
}

/// Waits until no thread works for anybody.
async fn all_idle() {
    until(|| to_thread::statistics().working == 0).await;
}

#[test]
fn a_value_comes_back_from_another_thread() {
    run(async {
        let (value, there) = to_thread::run_sync(|| (6 * 7, here())).await.unwrap();
        assert_eq!(value, 42);
        assert_ne!(there, here());
    });
}

#[test]
fn an_error_is_a_value() {
    run(async {
        let result = to_thread::run_sync(|| boom::<()>("no disk")).await.unwrap();
        assert_eq!(result.unwrap_err().0, "no disk");
    });
}

#[test]
fn a_panic_comes_back_with_its_payload() {
    run(async {
        let call = to_thread::run_sync(|| resume_unwind(Box::new(42_u8)));
        let caught = Caught(Box::pin(call)).await;
        let payload = caught.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&42_u8));
    });
}

/// A future, its panic caught.
struct Caught<F>(std::pin::Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = thread::Result<F::Output>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(payload)),
        }
    }
}

#[test]
fn a_panic_of_the_work_fails_the_nursery() {
    let _leaks = LeakCheck::begin();
    let payload = catch(|| {
        plain_run(open_nursery(async |nursery| {
            nursery.start_soon(async {
                let panics = || resume_unwind(Box::new("in a thread"));
                to_thread::run_sync::<_, ()>(panics).await
            });
            sleep_forever().await;
        }))
    });
    assert_eq!(payload.downcast_ref(), Some(&"in a thread"));
}

#[test]
fn it_must_be_called_in_a_run() {
    let message = message_of(|| {
        let mut call = Box::pin(to_thread::run_sync(|| ()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        call.as_mut().poll(&mut cx).is_ready()
    });
    assert!(message.contains("inside a Nestling run"), "{message}");
}

#[test]
fn nothing_happens_before_the_first_poll_or_if_it_is_dropped_before() {
    run(async {
        let called = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&called);
        let guard = on_drop({
            let called = Arc::clone(&called);
            move || {
                called.fetch_add(10, Ordering::Relaxed);
            }
        });
        drop(to_thread::run_sync(move || {
            let _guard = guard;
            count.fetch_add(1, Ordering::Relaxed)
        }));
        assert_eq!(called.load(Ordering::Relaxed), 10, "dropped, not called");
    });
}

#[test]
fn one_call_after_the_other_uses_the_same_thread() {
    run(async {
        let first = to_thread::run_sync(here).await.unwrap();
        for _ in 0..100 {
            assert_eq!(to_thread::run_sync(here).await.unwrap(), first);
        }
    });
}

#[test]
fn who_was_busy_last_works_next() {
    run(async {
        let (one, first) = gate();
        let (two, second) = gate();
        open_nursery(async |nursery| {
            let work = |lock: Lock| async {
                to_thread::run_sync(move || {
                    lock.pass();
                    here()
                })
                .await
            };
            let slow = nursery.spawn(work(first));
            let fast = nursery.spawn(work(second));
            settle().await;
            one.entered();
            two.entered();
            two.open();
            let fast = fast.await?;
            one.open();
            let slow = slow.await?;
            assert_ne!(fast, slow);
            assert_eq!(to_thread::run_sync(here).await?, slow);
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_cancelled_context_starts_no_thread() {
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let called = Arc::new(AtomicUsize::new(0));
        for abandon in [false, true] {
            let count = Arc::clone(&called);
            let mut call = to_thread::with();
            if abandon {
                call = call.abandon_on_cancel();
            }
            let scope = CancelScope::new();
            scope.cancel();
            let cut = scope
                .run(call.run_sync(move || count.fetch_add(1, Ordering::Relaxed)))
                .await;
            assert!(cut.is_err());
        }
        assert_eq!(called.load(Ordering::Relaxed), 0);
        assert_eq!(statistics().threads, 0);
        assert_eq!(to_thread::default_limiter().statistics().working, 0);
    });
}

#[test]
fn a_cancelled_call_waits_for_its_thread_and_delivers_the_value() {
    run(async {
        let (gate, lock) = gate();
        let scope = CancelScope::new();
        let after = Cell::new(None);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let cut = scope
                    .run(async {
                        let value = to_thread::run_sync(move || {
                            lock.pass();
                            5
                        });
                        after.set(value.await.ok());
                        checkpoint().await;
                        unreachable!("cut off at the next checkpoint");
                    })
                    .await;
                assert!(cut.is_err());
            });
            until(|| gate.is_entered()).await;
            scope.cancel();
            settle().await;
            assert_eq!(after.get(), None);
            assert_eq!(statistics().threads, 1);
            gate.open();
        })
        .await
        .unwrap();
        assert_eq!(after.get(), Some(5));
    });
}

#[test]
fn a_scope_that_ends_with_the_value_keeps_it() {
    run(async {
        let (gate, lock) = gate();
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            let handle = nursery.spawn(async {
                let value = scope.run(to_thread::run_sync(move || {
                    lock.pass();
                    5
                }));
                nestling::ok(value.await?.unwrap())
            });
            until(|| gate.is_entered()).await;
            scope.cancel();
            gate.open();
            assert_eq!(handle.await?, 5);
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_thread_can_see_that_it_is_cancelled_and_why() {
    run(async {
        let (gate, lock) = gate();
        let scope = CancelScope::new();
        let seen = open_nursery(async |nursery| {
            let handle = nursery.spawn(async {
                nestling::ok(
                    catch_cancel(scope.run(to_thread::run_sync(move || {
                        let before = to_thread::check_cancelled();
                        lock.pass();
                        let mut last = to_thread::check_cancelled();
                        while last.is_ok() {
                            thread::yield_now();
                            last = to_thread::check_cancelled();
                        }
                        (before, last, to_thread::check_cancelled())
                    })))
                    .await
                    .unwrap(),
                )
            });
            until(|| gate.is_entered()).await;
            scope.cancel_because("enough");
            gate.open();
            let seen = handle.await?;
            nestling::ok(seen.unwrap().unwrap())
        })
        .await
        .unwrap();
        assert_eq!(seen.0, Ok(()));
        let cause = seen.1.unwrap_err();
        assert_eq!(cause.reason(), Some("enough"));
        assert_eq!(seen.2, Err(cause), "it stays so");
    });
}

#[test]
fn a_deadline_reaches_the_thread() {
    run(async {
        let noticed = move_on_after(
            Duration::from_millis(1),
            to_thread::run_sync(|| {
                loop {
                    if let Err(cause) = to_thread::check_cancelled() {
                        return cause.kind();
                    }
                    thread::yield_now();
                }
            }),
        );
        assert_eq!(noticed.await.unwrap().unwrap(), CancelKind::Deadline);
    });
}

#[test]
fn a_shield_keeps_the_cancellation_from_the_thread() {
    run(async {
        let (gate, lock) = gate();
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            let handle = nursery.spawn(async {
                let call = to_thread::run_sync(move || {
                    lock.pass();
                    to_thread::check_cancelled()
                });
                nestling::ok(scope.run(shield(call)).await?.unwrap())
            });
            until(|| gate.is_entered()).await;
            scope.cancel();
            settle().await;
            gate.open();
            assert_eq!(handle.await?, Ok(()));
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn an_abandoned_call_is_cut_off_at_once_and_keeps_its_permit() {
    run(async {
        let (gate, lock) = gate();
        let limiter = to_thread::Limiter::new(1);
        let (tell, told) = mpsc::channel();
        let dropped = Arc::new(AtomicUsize::new(0));
        let result = on_drop({
            let dropped = Arc::clone(&dropped);
            let host = here();
            move || {
                assert_ne!(here(), host, "the result is dropped in the thread");
                dropped.fetch_add(1, Ordering::SeqCst);
            }
        });
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let call = to_thread::with().limiter(&limiter).abandon_on_cancel();
                let work = move || {
                    lock.pass();
                    tell.send(to_thread::check_cancelled()).unwrap();
                    result
                };
                assert!(scope.run(call.run_sync(work)).await.is_err());
            });
            until(|| gate.is_entered()).await;
            scope.cancel_because("no time");
        })
        .await
        .unwrap();
        assert_eq!(statistics().threads, 0, "nobody waits for it");
        assert_eq!(limiter.statistics().working, 1);
        let second = to_thread::with().limiter(&limiter).run_sync(|| ());
        assert!(
            move_on_after(Duration::from_millis(1), second)
                .await
                .is_none()
        );
        gate.open();
        let seen: Result<(), Cancelled> = told.recv().unwrap();
        assert_eq!(seen.unwrap_err().reason(), Some("no time"));
        until(|| limiter.statistics().working == 0).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        to_thread::with()
            .limiter(&limiter)
            .run_sync(|| ())
            .await
            .unwrap();
    });
}

#[test]
fn a_run_ends_before_a_thread_that_was_abandoned() {
    let _leaks = LeakCheck::begin();
    let (gate, lock) = gate();
    let (tell, told) = mpsc::channel();
    plain_run(async {
        let call = to_thread::with().abandon_on_cancel().run_sync(move || {
            lock.pass();
            tell.send(()).unwrap();
        });
        let scope = CancelScope::new();
        select(scope.run(call), async {
            until(|| gate.is_entered()).await;
            scope.cancel();
            sleep_forever().await;
        })
        .await;
    });
    assert!(told.try_recv().is_err(), "it still works");
    gate.open();
    told.recv().unwrap();
}

#[test]
fn a_panic_of_abandoned_work_disturbs_nobody() {
    run(async {
        let (gate, lock) = gate();
        let scope = CancelScope::new();
        let again = Arc::new(());
        let second = Arc::clone(&again);
        let call = to_thread::with().abandon_on_cancel().run_sync(move || {
            lock.pass();
            let payload = on_drop(|| resume_unwind(Box::new(second)));
            if true {
                resume_unwind(Box::new(payload));
            }
        });
        let call = scope.run(call);
        select(
            async {
                until(|| gate.is_entered()).await;
                scope.cancel();
                sleep_forever().await;
            },
            call,
        )
        .await;
        gate.open();
        all_idle().await;
        assert_eq!(Arc::strong_count(&again), 1, "no payload is leaked");
        to_thread::run_sync(|| ()).await.unwrap();
    });
}

#[test]
fn a_call_that_is_dropped_leaves_the_thread_to_itself() {
    run(async {
        let (gate, lock) = gate();
        let (tell, told) = mpsc::channel();
        let mut call = Box::pin(to_thread::run_sync(move || {
            lock.pass();
            tell.send(to_thread::check_cancelled()).unwrap();
        }));
        assert!(poll_once(&mut call).await.is_pending());
        gate.entered();
        assert_eq!(statistics().threads, 1);
        drop(call);
        assert_eq!(statistics().threads, 0);
        let limiter = to_thread::default_limiter();
        assert_eq!(limiter.statistics().working, 1);
        gate.open();
        let cause = told.recv().unwrap().unwrap_err();
        assert_eq!(cause.reason(), Some("the call of `run_sync` was dropped"));
        until(|| limiter.statistics().working == 0).await;
    });
}

#[test]
fn dropping_a_call_whose_thread_has_finished_frees_its_place_at_once() {
    run(async {
        // It may even be ready, if the thread is quick.
        let mut call = Box::pin(to_thread::run_sync(|| ()));
        let _ = poll_once(&mut call).await;
        while to_thread::statistics().working > 0 {
            thread::yield_now();
        }
        // Idle, it may yet be about to deliver.
        drop(call);
        let limiter = to_thread::default_limiter();
        until(|| limiter.statistics().working == 0).await;
    });
}

#[test]
fn a_value_that_nobody_took_is_dropped_once() {
    run(async {
        for _ in 0..times(200, 10) {
            let dropped = Arc::new(AtomicUsize::new(0));
            let value = on_drop({
                let dropped = Arc::clone(&dropped);
                move || {
                    dropped.fetch_add(1, Ordering::SeqCst);
                }
            });
            // It may even be ready, if the thread is quick.
            let mut call = Box::pin(to_thread::run_sync(move || value));
            let _ = poll_once(&mut call).await;
            drop(call);
            until(|| dropped.load(Ordering::SeqCst) == 1).await;
            all_idle().await;
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
        }
    });
}

#[test]
fn a_leaked_call_leaves_the_run_able_to_end() {
    let _leaks = LeakCheck::but_for_descriptors();
    let (gate, lock) = gate();
    plain_run(async {
        let mut call = Box::pin(to_thread::run_sync(move || lock.pass()));
        assert!(poll_once(&mut call).await.is_pending());
        gate.entered();
        leak(call);
    });
    gate.open();
}

#[test]
fn at_most_so_many_work_as_the_limiter_allows() {
    for (total, cancel) in [(3, false), (5, false), (10, false), (3, true), (10, true)] {
        run(async {
            let count = 2 * total + 1;
            let working = Arc::new(AtomicUsize::new(0));
            let (open, opened) = mpsc::channel::<()>();
            let opened = Arc::new(Mutex::new(opened));
            let limiter = to_thread::default_limiter();
            limiter.set_total(total);
            open_nursery(async |nursery| {
                for _ in 0..count {
                    let (working, opened) = (Arc::clone(&working), Arc::clone(&opened));
                    nursery.start_soon(async move {
                        let work = move || {
                            working.fetch_add(1, Ordering::SeqCst);
                            opened.lock().unwrap().recv().unwrap();
                            working.fetch_sub(1, Ordering::SeqCst);
                        };
                        to_thread::with().abandon_on_cancel().run_sync(work).await
                    });
                }
                until(|| working.load(Ordering::SeqCst) == total).await;
                settle().await;
                let now = limiter.statistics();
                assert_eq!((now.working, now.waiting), (total, total + 1));
                if cancel {
                    nursery.cancel();
                } else {
                    for _ in 0..count {
                        open.send(()).unwrap();
                        settle().await;
                        assert!(working.load(Ordering::SeqCst) <= total);
                    }
                }
            })
            .await
            .ok();
            if cancel {
                let now = limiter.statistics();
                assert_eq!((now.working, now.waiting), (total, 0));
                for _ in 0..total {
                    open.send(()).unwrap();
                }
            }
            until(|| limiter.statistics().working == 0).await;
            assert_eq!(working.load(Ordering::SeqCst), 0);
        });
    }
}

#[test]
fn places_are_given_first_come_first_served() {
    run(async {
        let limiter = to_thread::Limiter::new(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        open_nursery(async |nursery| {
            for at in 0..5 {
                let (order, limiter) = (Arc::clone(&order), limiter.clone());
                nursery.start_soon(async move {
                    let work = move || order.lock().unwrap().push(at);
                    to_thread::with().limiter(&limiter).run_sync(work).await
                });
                settle().await;
            }
            assert_eq!(limiter.statistics().waiting, 5);
            limiter.set_total(1);
        })
        .await
        .unwrap();
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn who_is_cut_off_in_the_queue_passes_its_place_on() {
    run(async {
        let limiter = to_thread::Limiter::new(0);
        let scope = CancelScope::new();
        let call = |limiter: &to_thread::Limiter| to_thread::with().limiter(limiter);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                let first = call(&limiter).run_sync(|| unreachable!("it was cancelled"));
                assert!(scope.run(first).await.is_err());
            });
            settle().await;
            let second = nursery.spawn(call(&limiter).run_sync(|| 2));
            settle().await;
            // The first is granted the place and cancelled in the same turn.
            limiter.set_total(1);
            scope.cancel();
            assert_eq!(second.await?, 2);
            nestling::ok(())
        })
        .await
        .unwrap();
        assert_eq!(limiter.statistics().working, 0);
        assert_eq!(format!("{limiter:?}"), "Limiter(0 of 1)");
    });
}

#[test]
fn lowering_the_limit_stops_nobody() {
    run(async {
        let (gate, lock) = gate();
        let limiter = to_thread::Limiter::new(1);
        open_nursery(async |nursery| {
            let one = to_thread::with().limiter(&limiter);
            let two = one.clone();
            let first = nursery.spawn(one.run_sync(move || lock.pass()));
            until(|| gate.is_entered()).await;
            limiter.set_total(0);
            let second = nursery.spawn(two.run_sync(|| ()));
            settle().await;
            gate.open();
            first.await?;
            settle().await;
            let now = limiter.statistics();
            assert_eq!((now.total, now.working, now.waiting), (0, 0, 1));
            limiter.set_total(usize::MAX);
            second.await?;
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[cfg(all(target_pointer_width = "64", not(miri)))]
#[test]
fn a_thread_that_cannot_be_started_is_an_error_and_frees_its_place() {
    run(async {
        let pool = to_thread::Pool::new(1).name("huge").stack_size(1 << 60);
        for _ in 0..2 {
            let error = pool.run_sync(|| ()).await.unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("a thread of `huge` could not be started:"));
            assert!(std::error::Error::source(&error).is_some());
            assert_eq!(std::io::Error::from(error).to_string(), text);
            assert_eq!(pool.statistics().working, 0);
            assert_eq!(statistics().threads, 0);
        }
        assert_eq!(pool.threads().working, 0);
    });
}

#[cfg(all(target_os = "linux", not(miri)))]
mod names {
    use super::*;

    fn system_name() -> String {
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        name.trim_end().to_owned()
    }

    #[test]
    fn a_thread_has_the_tasks_name_while_it_works() {
        run(async {
            let plain = to_thread::run_sync(system_name).await.unwrap();
            assert_eq!(plain, "nestling-worker");
            open_nursery(async |nursery| {
                nursery.task().name("hasher").start_soon(async {
                    assert_eq!(to_thread::run_sync(system_name).await?, "hasher");
                    let other = to_thread::with().name("other").run_sync(system_name);
                    assert_eq!(other.await?, "other");
                    nestling::ok(())
                });
            })
            .await
            .unwrap();
            let again = to_thread::run_sync(system_name).await.unwrap();
            assert_eq!(again, "nestling-worker");
        });
    }

    #[test]
    fn names_are_cut_where_a_character_ends() {
        run(async {
            for (name, shown) in [
                ("a name that is much too long", "a name that is "),
                ("fourteen bytesäö", "fourteen bytes"),
                ("nul\0l", "nul?l"),
                ("", ""),
            ] {
                let call = to_thread::with().name(name).run_sync(system_name);
                assert_eq!(call.await.unwrap(), shown.trim_end());
            }
        });
    }
}

#[test]
fn check_cancelled_is_for_threads_that_work() {
    for message in [
        message_of(to_thread::check_cancelled),
        message_of(|| plain_run(async { to_thread::check_cancelled() })),
        thread::spawn(|| message_of(to_thread::check_cancelled))
            .join()
            .unwrap(),
    ] {
        assert!(message.contains("in a task, ask `is_cancelled()`"));
    }
}

#[test]
fn a_pool_has_threads_of_its_own_and_no_more_than_its_size() {
    run(async {
        let pool = to_thread::Pool::new(2).name("nestling-pool-a");
        assert_eq!((pool.threads().working, pool.threads().idle), (0, 0));
        let most = Arc::new(AtomicUsize::new(0));
        let now = Arc::new(AtomicUsize::new(0));
        let calls = (0..20).map(|_| {
            let (most, now) = (Arc::clone(&most), Arc::clone(&now));
            pool.run_sync(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
                thread::current().name().unwrap().to_owned()
            })
        });
        for name in join_all(calls).await {
            assert_eq!(name.unwrap(), "nestling-pool-a");
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
        let threads = pool.threads();
        assert!(threads.working + threads.idle <= 2, "{pool:?}");
    });
}

#[test]
fn a_pool_that_is_dropped_while_a_thread_is_stuck_does_not_wait() {
    run(async {
        let (gate, lock) = gate();
        let pool = to_thread::Pool::new(1);
        let call = to_thread::with().abandon_on_cancel();
        let work = pool.run_sync_with(call, move || lock.pass());
        let scope = CancelScope::new();
        select(scope.run(work), async {
            until(|| gate.is_entered()).await;
            scope.cancel();
            sleep_forever().await;
        })
        .await;
        drop(pool);
        gate.open();
    });
}

#[test]
fn a_pool_serves_one_run_after_the_other() {
    let _leaks = LeakCheck::begin();
    let pool = to_thread::Pool::new(1);
    let first = plain_run(pool.run_sync(here)).unwrap();
    let second = plain_run(pool.run_sync(here)).unwrap();
    assert_eq!(first, second);
}

#[test]
fn a_pool_of_nothing_is_refused() {
    let message = message_of(|| to_thread::Pool::new(0));
    assert!(message.contains("give it 1 at least"));
}

#[test]
fn threads_that_work_count_as_busy() {
    run(async {
        let (gate, lock) = gate();
        let call = to_thread::run_sync(move || lock.pass());
        select(call, async {
            until(|| gate.is_entered()).await;
            assert_eq!(statistics().threads, 1);
            gate.open();
            sleep_forever().await;
        })
        .await;
        assert_eq!(statistics().threads, 0);
    });
}

#[test]
fn many_calls_at_once_all_come_back() {
    run(async {
        let mut calls = Unordered::new();
        for at in 0..times(500, 20) {
            calls.push(async move { to_thread::run_sync(move || at).await.unwrap() });
        }
        let mut values = Vec::new();
        while let Some(value) = calls.next().await {
            values.push(value);
        }
        values.sort_unstable();
        assert_eq!(values, (0..times(500, 20)).collect::<Vec<_>>());
    });
}

#[test]
fn a_call_may_be_moved_to_another_task_while_its_thread_works() {
    run(async {
        let (gate, lock) = gate();
        let mut call = Box::pin(to_thread::run_sync(move || {
            lock.pass();
            3
        }));
        assert!(poll_once(&mut call).await.is_pending());
        gate.entered();
        open_nursery(async |nursery| {
            let moved = nursery.spawn(call);
            settle().await;
            gate.open();
            assert_eq!(moved.await?, 3);
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn runs_of_several_threads_share_the_workers() {
    let _leaks = LeakCheck::begin();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                plain_run(async {
                    for at in 0..times(200, 5) {
                        assert_eq!(to_thread::run_sync(move || at).await.unwrap(), at);
                    }
                });
            });
        }
    });
}

#[test]
fn work_may_have_a_run_of_its_own() {
    run(async {
        let inner = to_thread::run_sync(|| {
            plain_run(async {
                sleep(Duration::ZERO).await;
                to_thread::run_sync(|| 7).await.unwrap()
            })
        });
        assert_eq!(inner.await.unwrap(), 7);
    });
}

#[test]
fn a_nursery_that_fails_waits_for_its_threads() {
    run(async {
        let (gate, lock) = gate();
        let (tell, told) = mpsc::channel();
        let result = open_nursery(async |nursery| {
            nursery.start_soon(to_thread_result(move || {
                lock.pass();
                tell.send(()).unwrap();
            }));
            until(|| gate.is_entered()).await;
            gate.open();
            boom::<()>("body")
        })
        .await;
        assert!(result.is_err());
        told.try_recv().expect("the thread had finished");
    });
}

async fn to_thread_result<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<(), to_thread::SpawnError> {
    to_thread::run_sync(f).await.map(drop)
}

#[test]
fn debug_shows_state() {
    run(async {
        let call = to_thread::with().name("x").abandon_on_cancel();
        let text = format!("{call:?}");
        assert!(text.contains("abandon_on_cancel: true"), "{text}");
        let limiter = to_thread::Limiter::new(0);
        let mut waiting = Box::pin(to_thread::with().limiter(&limiter).run_sync(|| ()));
        assert!(poll_once(&mut waiting).await.is_pending());
        assert_eq!(format!("{limiter:?}"), "Limiter(0 of 0, 1 waiting)");
        let pool = format!("{:?}", to_thread::Pool::new(3));
        assert!(pool.contains("size: 3"), "{pool}");
    });
}

#[test]
fn virtual_time_stays_exact_around_a_call() {
    let clock = nestling::testing::MockClock::new();
    let time = clock.clone();
    run_with(Builder::new().clock(clock), async {
        to_thread::run_sync(|| ()).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        to_thread::run_sync(|| ()).await.unwrap();
        assert_eq!(time.elapsed(), Duration::from_secs(60));
    });
}

#[test]
fn select_takes_the_first() {
    run(async {
        let (gate, lock) = gate();
        let slow = to_thread::run_sync(move || lock.pass());
        let fast = to_thread::run_sync(|| 1);
        match select(slow, fast).await {
            Either::Second(value) => assert_eq!(value.unwrap(), 1),
            Either::First(_) => panic!("the gate is closed"),
        }
        gate.entered();
        gate.open();
        yield_n(1).await;
    });
}
