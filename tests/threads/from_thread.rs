//! From threads into the task that waits for them.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nestling::from_thread::{self, VisitError};
use nestling::{
    Builder, CancelScope, RunHandle, checkpoint, fail_after, move_on_after, on_cancel,
    open_nursery, run as plain_run, shield, sleep, sleep_forever, statistics, to_thread,
};

use crate::support::{
    LeakCheck, catch, on_drop, poll_once, run, run_with, select, settle, times, until,
};

fn here() -> thread::ThreadId {
    thread::current().id()
}

/// A future that ends when the sender is dropped or used, for threads to tell tasks something.
async fn told(receiver: &mpsc::Receiver<()>) {
    until(|| receiver.try_recv() != Err(mpsc::TryRecvError::Empty)).await;
}

#[test]
fn a_closure_runs_in_the_runs_thread() {
    run(async {
        let host = here();
        let worker = to_thread::run_sync(move || {
            assert_eq!(from_thread::run_sync(here), Ok(host));
            here()
        });
        assert_ne!(worker.await.unwrap(), host);
    });
}

#[test]
fn an_async_closure_runs_in_the_runs_thread_and_may_wait() {
    run(async {
        let host = here();
        let value = to_thread::run_sync(move || {
            from_thread::run(async move || {
                let local = Rc::new(Cell::new(0));
                sleep(Duration::from_millis(1)).await;
                checkpoint().await;
                local.set(7);
                assert_eq!(here(), host);
                local.get()
            })
        });
        assert_eq!(value.await.unwrap(), Ok(7));
    });
}

#[test]
fn errors_are_values() {
    run(async {
        let result = to_thread::run_sync(|| from_thread::run(async || Err::<(), _>("no")));
        assert_eq!(result.await.unwrap(), Ok(Err("no")));
    });
}

#[test]
fn a_panic_in_the_run_comes_back_to_the_thread() {
    run(async {
        let caught = to_thread::run_sync(|| {
            let sync = catch(|| from_thread::run_sync(|| resume_unwind(Box::new(1_u8))));
            let before = catch(|| from_thread::run(async || resume_unwind(Box::new(2_u8))));
            let after = catch(|| {
                from_thread::run(async || {
                    checkpoint().await;
                    resume_unwind(Box::new(3_u8))
                })
            });
            [sync, before, after].map(|payload| *payload.downcast::<u8>().unwrap())
        });
        assert_eq!(caught.await.unwrap(), [1, 2, 3]);
    });
}

#[test]
fn a_panic_goes_through_the_thread_to_its_caller() {
    let _leaks = LeakCheck::begin();
    let payload = catch(|| {
        plain_run(to_thread::run_sync(|| {
            from_thread::run_sync::<_, ()>(|| resume_unwind(Box::new("all the way")))
        }))
    });
    assert_eq!(payload.downcast_ref(), Some(&"all the way"));
}

#[test]
fn a_destructor_that_panics_after_a_panic_disturbs_nobody() {
    run(async {
        let caught = to_thread::run_sync(|| {
            let payload = catch(|| {
                from_thread::run(async || {
                    let guard = on_drop(|| {
                        if !thread::panicking() {
                            resume_unwind(Box::new("second"));
                        }
                    });
                    let mut held = Box::pin(async {
                        let _guard = guard;
                        sleep_forever().await;
                    });
                    assert!(poll_once(&mut held).await.is_pending());
                    let _held = held;
                    resume_unwind(Box::new("first"))
                })
            });
            *payload.downcast::<&'static str>().unwrap()
        });
        assert_eq!(caught.await.unwrap(), "first");
    });
}

#[test]
fn a_thread_without_a_task_is_refused() {
    let _leaks = LeakCheck::begin();
    assert_eq!(from_thread::run_sync(|| ()), Err(VisitError::NoHost));
    assert_eq!(from_thread::run(async || ()), Err(VisitError::NoHost));
    // Also one that the work has started itself.
    run(async {
        let inner = to_thread::run_sync(|| {
            thread::spawn(|| from_thread::run_sync(|| ()))
                .join()
                .unwrap()
        });
        assert_eq!(inner.await.unwrap(), Err(VisitError::NoHost));
    });
    // And a worker after its work.
    run(async {
        assert_eq!(from_thread::run_sync(|| ()), Err(VisitError::OwnThread));
    });
}

#[test]
fn the_runs_own_thread_is_refused_instead_of_waiting_for_itself() {
    run(async {
        let handle = RunHandle::current();
        for error in [
            from_thread::run_sync(|| ()).unwrap_err(),
            from_thread::run(async || ()).unwrap_err(),
            from_thread::run_sync_in(&handle, || ()).unwrap_err(),
        ] {
            assert_eq!(error, VisitError::OwnThread);
            assert!(error.to_string().contains("right here"));
            assert!(!error.is_cancelled());
        }
        // From inside a visit too.
        let visited =
            to_thread::run_sync(|| from_thread::run_sync(|| from_thread::run_sync(|| ())));
        assert_eq!(visited.await.unwrap(), Ok(Err(VisitError::OwnThread)));
    });
}

#[test]
fn a_handle_leads_into_the_run_until_it_ends() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = mpsc::channel();
    let stranger = thread::spawn(move || {
        let handle: RunHandle = receiver.recv().unwrap();
        let there = from_thread::run_sync_in(&handle, here);
        let panic = catch(|| from_thread::run_sync_in(&handle, || resume_unwind(Box::new(5_u8))));
        assert_eq!(panic.downcast_ref(), Some(&5_u8));
        (there, handle)
    });
    plain_run(async {
        sender.send(RunHandle::current()).unwrap();
        until(|| stranger.is_finished()).await;
    });
    let (there, handle) = stranger.join().unwrap();
    assert_eq!(there, Ok(here()));
    let late = from_thread::run_sync_in(&handle, || unreachable!("it is over"));
    assert_eq!(late, Err::<(), _>(VisitError::RunFinished));
}

#[test]
fn visits_reuse_the_task_and_its_scopes() {
    run(async {
        open_nursery(async |nursery| {
            nursery.task().name("host").start_soon(async {
                let scope = CancelScope::new();
                let seen = scope.run(to_thread::run_sync(|| {
                    from_thread::run_sync(|| nestling::current_effective_deadline())
                }));
                assert_eq!(seen.await.unwrap().unwrap(), Ok(None));
                let limited = move_on_after(
                    Duration::from_secs(3600),
                    to_thread::run_sync(|| {
                        from_thread::run(async || nestling::current_effective_deadline())
                    }),
                );
                assert!(limited.await.unwrap().unwrap().unwrap().is_some());
            });
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_cancelled_task_still_calls_closures_but_its_futures_are_cut_off() {
    run(async {
        let (tell, entered) = mpsc::channel();
        let (open, opened) = mpsc::channel::<()>();
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            let host = nursery.spawn(async {
                let call = to_thread::run_sync(move || {
                    tell.send(()).unwrap();
                    opened.recv().unwrap();
                    let closure = from_thread::run_sync(|| 1);
                    let at_once = from_thread::run(async || 2);
                    let cut = from_thread::run(async || checkpoint().await);
                    let shielded = from_thread::run(async || shield(checkpoint()).await);
                    (closure, at_once, cut, shielded)
                });
                nestling::ok(scope.run(call).await?.unwrap())
            });
            told(&entered).await;
            scope.cancel_because("late");
            settle().await;
            open.send(()).unwrap();
            let (closure, at_once, cut, shielded) = host.await?;
            assert_eq!((closure, at_once, shielded), (Ok(1), Ok(2), Ok(())));
            let error = cut.unwrap_err();
            assert!(error.is_cancelled());
            assert!(error.to_string().contains("late"), "{error}");
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn cancelling_cuts_off_a_visit_that_waits() {
    run(async {
        let (tell, entered) = mpsc::channel();
        let scope = CancelScope::new();
        let dropped = Arc::new(AtomicUsize::new(0));
        let cleaned = Arc::new(AtomicUsize::new(0));
        let (on_cut, on_clean) = (Arc::clone(&dropped), Arc::clone(&cleaned));
        open_nursery(async |nursery| {
            let host = nursery.spawn(async {
                let call = to_thread::run_sync(move || {
                    let visit = from_thread::run(async move || {
                        let _guard = on_drop(move || {
                            on_cut.fetch_add(1, Ordering::SeqCst);
                        });
                        tell.send(()).unwrap();
                        on_cancel(sleep_forever(), async || {
                            checkpoint().await;
                            on_clean.fetch_add(1, Ordering::SeqCst);
                        })
                        .await;
                    });
                    (visit, to_thread::check_cancelled())
                });
                nestling::ok(scope.run(call).await?.unwrap())
            });
            told(&entered).await;
            settle().await;
            scope.cancel_because("stop");
            let (visit, checked) = host.await?;
            let Err(VisitError::Cancelled(cause)) = visit else {
                panic!("{visit:?}");
            };
            assert_eq!(cause.reason(), Some("stop"));
            assert_eq!(checked, Err(cause));
            nestling::ok(())
        })
        .await
        .unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert_eq!(cleaned.load(Ordering::SeqCst), 1, "it was cleaned up after");
    });
}

#[test]
fn a_visit_may_have_limits_of_its_own() {
    run(async {
        let value = to_thread::run_sync(|| {
            from_thread::run(async || {
                fail_after(Duration::from_millis(1), sleep_forever())
                    .await
                    .is_err()
            })
        });
        assert_eq!(value.await.unwrap(), Ok(true));
    });
}

#[test]
fn an_abandoned_thread_has_nobody_to_visit() {
    run(async {
        for abandon in [true, false] {
            let (tell, entered) = mpsc::channel();
            let (open, opened) = mpsc::channel::<()>();
            let (report, reported) = mpsc::channel();
            let mut call = to_thread::with();
            if abandon {
                call = call.abandon_on_cancel();
            }
            let mut call = Box::pin(call.run_sync(move || {
                tell.send(()).unwrap();
                opened.recv().unwrap();
                let closure = from_thread::run_sync(|| unreachable!("there is nobody"));
                let future = from_thread::run(async || unreachable!("there is nobody"));
                report.send((closure, future)).unwrap();
            }));
            assert!(poll_once(&mut call).await.is_pending());
            entered.recv().unwrap();
            drop(call);
            open.send(()).unwrap();
            let (closure, future): (Result<(), _>, Result<(), VisitError>) =
                reported.recv().unwrap();
            assert!(closure.unwrap_err().is_cancelled());
            assert!(future.unwrap_err().is_cancelled());
        }
        let limiter = to_thread::default_limiter();
        until(|| limiter.statistics().working == 0).await;
    });
}

#[test]
fn dropping_the_call_during_a_visit_drops_the_visit_and_lets_the_thread_go_on() {
    run(async {
        let (tell, entered) = mpsc::channel();
        let (report, reported) = mpsc::channel();
        let dropped = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&dropped);
        let call = to_thread::run_sync(move || {
            let visit = from_thread::run(async move || {
                let _guard = on_drop(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                });
                tell.send(()).unwrap();
                sleep_forever().await;
            });
            report.send(visit).unwrap();
        });
        select(call, told(&entered)).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert!(reported.recv().unwrap().unwrap_err().is_cancelled());
        let limiter = to_thread::default_limiter();
        until(|| limiter.statistics().working == 0).await;
    });
}

#[test]
fn dropping_the_call_before_a_request_is_seen_lets_the_thread_go_on() {
    run(async {
        let (tell, entered) = mpsc::channel();
        let (open, opened) = mpsc::channel::<()>();
        let (report, reported) = mpsc::channel();
        let mut call = Box::pin(to_thread::run_sync(move || {
            tell.send(()).unwrap();
            opened.recv().unwrap();
            let visit = from_thread::run_sync(|| ());
            report.send(visit).unwrap();
        }));
        assert!(poll_once(&mut call).await.is_pending());
        entered.recv().unwrap();
        open.send(()).unwrap();
        // Whether the request is there already or not, nobody will ever do it.
        drop(call);
        assert!(reported.recv().unwrap().unwrap_err().is_cancelled());
        let limiter = to_thread::default_limiter();
        until(|| limiter.statistics().working == 0).await;
    });
}

#[test]
fn a_thread_that_visits_while_the_run_ends_is_let_go_of() {
    let _leaks = LeakCheck::begin();
    let (report, reported) = mpsc::channel();
    let (tell, entered) = mpsc::channel();
    plain_run(async {
        let call = to_thread::with().abandon_on_cancel().run_sync(move || {
            tell.send(()).unwrap();
            while let Ok(()) = from_thread::run_sync(|| ()) {}
            report.send(()).unwrap();
        });
        select(call, told(&entered)).await;
    });
    reported.recv().unwrap();
}

#[test]
fn a_thread_that_waits_for_the_run_is_not_busy() {
    run(async {
        let call = to_thread::run_sync(|| {
            let during = from_thread::run(async || {
                checkpoint().await;
                statistics().threads
            });
            // Asked from outside of the task, between two of its polls.
            let handle = from_thread::run_sync(RunHandle::current).unwrap();
            let after = from_thread::run_sync_in(&handle, || statistics().threads);
            (during, after)
        });
        assert_eq!(call.await.unwrap(), (Ok(0), Ok(1)));
    });
}

#[test]
fn virtual_time_passes_for_a_thread_that_waits_for_the_run() {
    let clock = nestling::testing::MockClock::new();
    let time = clock.clone();
    run_with(Builder::new().clock(clock), async {
        let hour = Duration::from_secs(3600);
        let call = to_thread::run_sync(move || from_thread::run(async move || sleep(hour).await));
        assert_eq!(call.await.unwrap(), Ok(()));
        assert_eq!(time.elapsed(), hour);
    });
}

#[test]
fn threads_and_tasks_may_call_each_other_in_turn() {
    fn deep(levels: usize) -> usize {
        if levels == 0 {
            return 0;
        }
        let inner = from_thread::run(async move || {
            to_thread::run_sync(move || deep(levels - 1)).await.unwrap()
        });
        inner.unwrap() + 1
    }
    run(async {
        let levels = times(20, 3);
        let count = to_thread::run_sync(move || deep(levels)).await.unwrap();
        assert_eq!(count, levels);
        let threads = to_thread::run_sync(|| {
            let inner = from_thread::run(async || to_thread::run_sync(here).await.unwrap());
            (here(), inner.unwrap())
        });
        let (outer, inner) = threads.await.unwrap();
        assert_ne!(outer, inner);
    });
}

#[test]
fn tasks_that_go_to_and_fro_are_cancelled_without_a_deadlock() {
    run(async {
        for _ in 0..times(20, 2) {
            let rounds = Arc::new(AtomicUsize::new(0));
            open_nursery(async |nursery| {
                for _ in 0..4 {
                    let rounds = Arc::clone(&rounds);
                    nursery.start_soon(async move {
                        loop {
                            let rounds = Arc::clone(&rounds);
                            // Cancelled, it is cut off in the visit or after it.
                            to_thread::run_sync(move || {
                                from_thread::run(async move || {
                                    rounds.fetch_add(1, Ordering::SeqCst);
                                    to_thread::run_sync(|| from_thread::run(checkpoint).is_ok())
                                        .await
                                        .unwrap()
                                })
                                .is_ok()
                            })
                            .await
                            .unwrap();
                        }
                    });
                }
                until(|| rounds.load(Ordering::SeqCst) > times(20, 4)).await;
                nursery.cancel();
                nestling::ok(())
            })
            .await
            .ok();
        }
        assert_eq!(to_thread::default_limiter().statistics().working, 0);
    });
}

#[test]
fn a_thread_that_keeps_visiting_starves_nobody() {
    run(async {
        let stop = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::clone(&stop);
        open_nursery(async |nursery| {
            let visits = nursery.spawn(to_thread::run_sync(move || {
                let mut visits = 0_usize;
                while stopped.load(Ordering::SeqCst) == 0 || visits < 3 {
                    from_thread::run_sync(|| ()).unwrap();
                    visits += 1;
                }
                visits
            }));
            settle().await;
            stop.store(1, Ordering::SeqCst);
            assert!(visits.await? >= 3);
            nestling::ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn visits_of_one_thread_come_in_order() {
    run(async {
        let log = Arc::new(Mutex::new(Vec::new()));
        let to_log = Arc::clone(&log);
        let call = to_thread::run_sync(move || {
            for at in 0..50 {
                let log = Arc::clone(&to_log);
                from_thread::run_sync(move || log.lock().unwrap().push(at)).unwrap();
            }
        });
        call.await.unwrap();
        assert_eq!(*log.lock().unwrap(), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn a_visit_may_cancel_the_task_that_it_is_in() {
    run(async {
        let scope = CancelScope::new();
        let canceller = scope.canceller();
        let cut = scope.run(async {
            let seen = to_thread::run_sync(move || {
                let visit = from_thread::run(async move || {
                    canceller.cancel();
                    sleep_forever().await;
                });
                (
                    visit.unwrap_err().is_cancelled(),
                    to_thread::check_cancelled().is_err(),
                )
            });
            assert_eq!(seen.await.unwrap(), (true, true));
            checkpoint().await;
        });
        assert!(cut.await.is_err());
    });
}

#[test]
fn a_thread_sees_at_once_what_its_visit_cancelled() {
    thread_local! {
        static SCOPE: RefCell<Option<CancelScope>> = const { RefCell::new(None) };
    }
    fn cancel() {
        let scope = SCOPE.take().unwrap();
        scope.cancel_because("by a visit");
    }
    run(async {
        let scope = CancelScope::new();
        SCOPE.set(Some(scope.clone()));
        let call = to_thread::run_sync(|| {
            from_thread::run_sync(cancel).unwrap();
            to_thread::check_cancelled()
        });
        let seen = scope.run(call).await.unwrap().unwrap();
        assert_eq!(seen.unwrap_err().reason(), Some("by a visit"));
    });
}

#[test]
fn a_visit_may_open_a_nursery() {
    run(async {
        let sum = to_thread::run_sync(|| {
            from_thread::run(async || {
                let sum = Cell::new(0);
                open_nursery(async |nursery| {
                    for n in 1..=4 {
                        let sum = &sum;
                        nursery.start_soon(async move {
                            checkpoint().await;
                            sum.set(sum.get() + n);
                        });
                    }
                })
                .await
                .unwrap();
                sum.get()
            })
        });
        assert_eq!(sum.await.unwrap(), Ok(10));
    });
}
