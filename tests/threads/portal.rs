//! From any thread into a nursery.

use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use nestling::from_thread::{VisitError, portal};
use nestling::{CancelScope, checkpoint, on_cancel, open_nursery, sleep, sleep_forever, to_thread};

use crate::support::{
    LeakCheck, boom, catch, leaves_of, on_drop, poll_once, run, settle, times, until,
};

#[test]
fn what_a_thread_sends_runs_in_the_runs_thread() {
    let host = thread::current().id();
    run(async {
        let (portal, service) = portal();
        let stranger = thread::spawn(move || {
            let closure = portal.run_sync(|| thread::current().id());
            let future = portal.run(async || {
                let not_send = Rc::new(1);
                sleep(Duration::from_millis(1)).await;
                *not_send + 1
            });
            (closure, future)
        });
        open_nursery(async |nursery| nursery.start_soon(service))
            .await
            .unwrap();
        assert_eq!(stranger.join().unwrap(), (Ok(host), Ok(2)));
    });
}

#[test]
fn what_several_threads_send_runs_side_by_side() {
    run(async {
        let (portal, service) = portal();
        let (sender, receiver) = mpsc::channel();
        let here = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|at| {
                let (portal, here, sender) = (portal.clone(), Arc::clone(&here), sender.clone());
                thread::spawn(move || {
                    let meet = async move || {
                        here.fetch_add(1, Ordering::SeqCst);
                        until(|| here.load(Ordering::SeqCst) == 4).await;
                        at
                    };
                    sender.send(portal.run(meet)).unwrap();
                })
            })
            .collect();
        drop(portal);
        open_nursery(async |nursery| nursery.start_soon(service))
            .await
            .unwrap();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        drop(sender);
        let mut values: Vec<usize> = receiver.iter().map(Result::unwrap).collect();
        values.sort_unstable();
        assert_eq!(values, [0, 1, 2, 3]);
    });
}

#[test]
fn panics_come_back_to_the_sender_and_harm_nobody_else() {
    run(async {
        let (portal, service) = portal();
        let stranger = thread::spawn(move || {
            let sync = catch(|| portal.run_sync(|| resume_unwind(Box::new(1_u8))));
            let future = catch(|| {
                portal.run(async || {
                    checkpoint().await;
                    resume_unwind(Box::new(2_u8))
                })
            });
            let value = portal.run_sync(|| 3);
            (
                [sync, future].map(|payload| *payload.downcast::<u8>().unwrap()),
                value,
            )
        });
        open_nursery(async |nursery| nursery.start_soon(service))
            .await
            .unwrap();
        assert_eq!(stranger.join().unwrap(), ([1, 2], Ok(3)));
    });
}

#[test]
fn cancelling_the_service_cuts_off_what_it_runs() {
    run(async {
        let (portal, service) = portal();
        let (tell, entered) = mpsc::channel();
        let dropped = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&dropped);
        let stranger = thread::spawn(move || {
            let cut = portal.run(async move || {
                let _guard = on_drop(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                });
                tell.send(()).unwrap();
                sleep_forever().await;
            });
            (cut, portal.run_sync(|| ()))
        });
        let scope = CancelScope::new();
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert!(scope.run(service).await.is_err());
            });
            until(|| entered.try_recv().is_ok()).await;
            scope.cancel_because("closing");
        })
        .await
        .unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        let (cut, late) = stranger.join().unwrap();
        assert!(cut.unwrap_err().to_string().contains("closing"));
        // The service may have been about to end, but not to begin anything.
        assert!(late.is_err());
    });
}

#[test]
fn a_daemon_service_ends_with_the_rest() {
    run(async {
        let (portal, service) = portal();
        let keep = portal.clone();
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(service);
            let stranger = to_thread::run_sync(move || portal.run_sync(|| 5));
            assert_eq!(stranger.await?, Ok(5));
            nestling::ok(())
        })
        .await
        .unwrap();
        let late = to_thread::run_sync(move || keep.run(async || ())).await;
        assert_eq!(late.unwrap(), Err(VisitError::PortalClosed));
    });
}

#[test]
fn a_service_that_is_dropped_lets_everybody_go() {
    let _leaks = LeakCheck::begin();
    let (portal, service) = portal();
    let waiting = portal.clone();
    let stranger = thread::spawn(move || waiting.run(async || unreachable!("nobody serves")));
    while !format!("{portal:?}").contains("waiting: 1") {
        thread::yield_now();
    }
    drop(service);
    let lost: Result<(), _> = stranger.join().unwrap();
    assert!(lost.unwrap_err().is_cancelled());
    assert_eq!(portal.run_sync(|| ()), Err(VisitError::PortalClosed));
}

#[test]
fn a_service_that_is_dropped_at_work_drops_what_it_runs() {
    run(async {
        let (portal, service) = portal();
        let (tell, entered) = mpsc::channel();
        let stranger = thread::spawn(move || {
            portal.run(async move || {
                tell.send(()).unwrap();
                sleep_forever().await;
            })
        });
        let mut service = Box::pin(service);
        while entered.try_recv().is_err() {
            assert!(poll_once(&mut service).await.is_pending());
            checkpoint().await;
        }
        drop(service);
        assert!(stranger.join().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn the_runs_own_thread_is_refused() {
    run(async {
        let (portal, _service) = portal();
        assert_eq!(portal.run_sync(|| ()), Err(VisitError::OwnThread));
        assert_eq!(portal.run(async || ()), Err(VisitError::OwnThread));
    });
}

#[test]
fn a_clean_up_that_fails_is_an_error_of_the_service() {
    run(async {
        let (portal, service) = portal();
        let (tell, entered) = mpsc::channel();
        let stranger = thread::spawn(move || {
            portal.run(async move || {
                tell.send(()).unwrap();
                on_cancel(sleep_forever(), async || boom::<()>("clean-up")).await;
            })
        });
        let error = open_nursery(async |nursery| {
            nursery.start_soon(service);
            until(|| entered.try_recv().is_ok()).await;
            settle().await;
            nursery.cancel();
        })
        .await
        .unwrap_err();
        assert_eq!(leaves_of(&error), ["clean-up"]);
        assert!(stranger.join().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn many_threads_may_come_and_go() {
    run(async {
        let (portal, service) = portal();
        let sum = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (portal, sum) = (portal.clone(), Arc::clone(&sum));
            thread::spawn(move || {
                for _ in 0..times(200, 5) {
                    let sum = Arc::clone(&sum);
                    let count = async move || sum.fetch_add(1, Ordering::SeqCst);
                    portal.run(count).unwrap();
                }
            });
        }
        drop(portal);
        open_nursery(async |nursery| nursery.start_soon(service))
            .await
            .unwrap();
        assert_eq!(sum.load(Ordering::SeqCst), times(800, 20));
    });
}
