//! Promises.

use std::cell::Cell;

use crate::support::{Boom, Log, poll_once, run, settle};
use nestling::sync::Promise;
use nestling::{BoxError, CancelScope, checkpoint, open_nursery, sleep_forever};

#[test]
fn it_is_set_once_and_awaited_by_many() {
    let promise = Promise::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for _ in 0..3 {
            nursery.start_soon(async { log.say(promise.wait().await) });
        }
        settle().await;
        assert_eq!(promise.statistics().tasks_waiting, 3);
        assert!(!promise.is_set() && promise.get().is_none());
        promise.set(String::from("value")).unwrap();
        assert_eq!(
            promise.set(String::from("other")),
            Err(String::from("other"))
        );
        settle().await;
        log.expect(&["value"; 3]);
        assert_eq!(promise.wait().await, "value");
        assert!(promise.statistics().is_set);
    }))
    .unwrap();
    assert_eq!(promise.into_inner().as_deref(), Some("value"));
}

#[test]
fn it_may_be_an_error() {
    let promise: Promise<Result<u32, Boom>> = Promise::default();
    run(async {
        promise.set(Err(Boom("no value"))).unwrap();
        assert_eq!(*promise.wait().await, Err(Boom("no value")));
        assert!(format!("{promise:?}").contains("is_set: true"));
    });
}

/// Rule C19.
#[test]
fn what_came_first_counts() {
    let promises = [Promise::new(), Promise::new()];
    let scopes = [CancelScope::new(), CancelScope::new()];
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { assert_eq!(scopes[0].run(promises[0].wait()).await, Ok(&1)) });
        nursery.start_soon(async { assert!(scopes[1].run(promises[1].wait()).await.is_err()) });
        settle().await;
        promises[0].set(1).unwrap();
        scopes[0].cancel();
        scopes[1].cancel();
        promises[1].set(1).unwrap();
    }))
    .unwrap();
}

#[test]
fn waiting_is_a_checkpoint() {
    run(async {
        let promise = Promise::new();
        promise.set(1).unwrap();
        for cancelled in [false, true] {
            let scope = CancelScope::new();
            if cancelled {
                scope.cancel();
            }
            assert_eq!(scope.run(promise.wait()).await.is_err(), cancelled);
            let scope = CancelScope::new();
            if cancelled {
                scope.cancel();
            }
            let made = scope.run(promise.get_or_init(async || unreachable!()));
            assert_eq!(made.await.is_err(), cancelled);
        }
    });
}

#[test]
fn one_of_many_makes_it() {
    let promise = Promise::new();
    let made = Cell::new(0);
    run(open_nursery(async |nursery| {
        for _ in 0..5 {
            nursery.start_soon(async {
                let value = promise.get_or_init(async || {
                    made.set(made.get() + 1);
                    checkpoint().await;
                    7
                });
                assert_eq!(*value.await, 7);
            });
        }
        nursery.start_soon(async { assert_eq!(*promise.wait().await, 7) });
        settle().await;
    }))
    .unwrap();
    assert_eq!(made.get(), 1);
}

#[test]
fn if_the_maker_fails_or_is_cut_off_the_next_one_makes_it() {
    let promise = Promise::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let endless = promise.get_or_init(async || {
                sleep_forever().await;
                1
            });
            assert!(scope.run(endless).await.is_err());
        });
        settle().await;
        nursery.start_soon(async {
            let failing = promise.get_or_try_init(async || Err(Boom("no")));
            assert_eq!(failing.await, Err(Boom("no")));
        });
        settle().await;
        nursery.start_soon(async {
            let made = promise.get_or_try_init(async || Ok::<_, BoxError>(3));
            assert_eq!(*made.await?, 3);
            Ok::<_, BoxError>(())
        });
        settle().await;
        assert_eq!(promise.statistics().tasks_waiting, 2);
        scope.cancel();
    }))
    .unwrap();
    assert_eq!(promise.get(), Some(&3));
}

#[test]
fn what_was_set_from_outside_meanwhile_counts() {
    let promise = Promise::new();
    run(async {
        let mut making = Box::pin(promise.get_or_init(async || {
            checkpoint().await;
            1
        }));
        assert!(poll_once(&mut making).await.is_pending());
        promise.set(2).unwrap();
        assert_eq!(*making.await, 2);
    });
}

#[test]
fn what_was_set_from_outside_meanwhile_is_for_those_too_who_would_make_it() {
    let promise = Promise::new();
    run(open_nursery(async |nursery| {
        let endless = promise.get_or_init(async || {
            sleep_forever().await;
            1
        });
        nursery.task().daemon().start_soon(async {
            endless.await;
        });
        settle().await;
        nursery.start_soon(async {
            assert_eq!(*promise.get_or_init(async || 2).await, 3);
        });
        settle().await;
        assert_eq!(promise.statistics().tasks_waiting, 1);
        promise.set(3).unwrap();
    }))
    .unwrap();
}

#[test]
fn who_is_dropped_leaves_nothing() {
    run(async {
        let promise: Promise<()> = Promise::new();
        let mut waiting = promise.wait();
        assert!(poll_once(&mut waiting).await.is_pending());
        drop(waiting);
        assert_eq!(promise.statistics().tasks_waiting, 0);
        assert_eq!(promise.into_inner(), None);
    });
}
