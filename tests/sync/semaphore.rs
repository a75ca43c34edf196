//! Semaphores: cases 154 and 155. What they have in common with locks is in `locks.rs`.

use std::rc::Rc;

use crate::support::{Log, message_of, poll_once, run, settle};
use nestling::sync::{OwnedPermit, Semaphore};
use nestling::{CancelScope, open_nursery};

#[test]
fn it_counts() {
    let semaphore = Semaphore::new(3);
    let one = semaphore.try_acquire().unwrap();
    let two = semaphore.try_acquire_many(2).unwrap();
    assert!(semaphore.try_acquire().is_none());
    assert!(semaphore.try_acquire_many(0).is_some());
    assert_eq!((semaphore.available(), semaphore.statistics().held), (0, 3));
    assert_eq!((one.count(), two.count()), (1, 2));
    drop(two);
    assert_eq!(semaphore.available(), 2);
    assert!(semaphore.try_acquire_many(3).is_none());
    assert_eq!(
        format!("{semaphore:?}"),
        "Semaphore { available: 2, held: 1, tasks_waiting: 0 }"
    );
    assert!(format!("{one:?}").starts_with("Permit(1 of Semaphore"));
}

#[test]
fn a_big_request_is_not_overtaken() {
    let semaphore = Semaphore::new(2);
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let held = semaphore.acquire().await;
        for count in [2, 1, 0] {
            let (semaphore, log) = (&semaphore, &log);
            nursery.start_soon(async move {
                let _permit = semaphore.acquire_many(count).await;
                log.say(format!("{count}"));
            });
            settle().await;
        }
        assert_eq!(semaphore.available(), 1);
        assert!(semaphore.try_acquire().is_none(), "others were first");
        assert!(semaphore.try_acquire_many(0).is_none());
        log.expect(&[]);
        drop(held);
        settle().await;
        log.expect(&["2", "1", "0"]);
    }))
    .unwrap();
}

#[test]
fn without_the_big_request_those_behind_it_go_on() {
    for cancel in [false, true] {
        let semaphore = Semaphore::new(2);
        let log = Log::new();
        let scope = CancelScope::new();
        run(open_nursery(async |nursery| {
            let mut big = Some(Box::pin(scope.run(semaphore.acquire_many(3))));
            assert!(poll_once(big.as_mut().unwrap()).await.is_pending());
            for name in ["a", "b", "c"] {
                let (semaphore, log) = (&semaphore, &log);
                nursery.start_soon(async move {
                    semaphore.acquire().await.forget();
                    log.say(name);
                });
                settle().await;
            }
            log.expect(&[]);
            if cancel {
                scope.cancel();
                assert!(poll_once(big.as_mut().unwrap()).await.is_ready());
            } else {
                big = None;
            }
            settle().await;
            log.expect(&["a", "b"]);
            assert_eq!(semaphore.statistics().tasks_waiting, 1);
            semaphore.add_permits(1).unwrap();
            drop(big);
        }))
        .unwrap();
    }
}

#[test]
fn added_permits_are_handed_out_at_once_and_exactly() {
    let semaphore = Semaphore::new(0);
    run(open_nursery(async |nursery| {
        for _ in 0..4 {
            nursery.start_soon(async { semaphore.acquire().await.forget() });
        }
        settle().await;
        semaphore.add_permits(2).unwrap();
        assert_eq!(semaphore.statistics().tasks_waiting, 2);
        assert_eq!((semaphore.available(), semaphore.statistics().held), (0, 2));
        semaphore.add_permits(3).unwrap();
        assert_eq!(semaphore.available(), 1);
    }))
    .unwrap();
    assert_eq!(semaphore.statistics().held, 0);
}

/// Case 155.
#[test]
fn there_are_never_more_than_the_maximum() {
    let semaphore = Semaphore::with_max(2, 3);
    let held = semaphore.try_acquire_many(2).unwrap();
    let error = semaphore.add_permits(2).unwrap_err();
    assert_eq!((error.added, error.room, error.max), (2, 1, 3));
    assert!(error.to_string().contains("room for 1 more"), "{error}");
    assert_eq!(semaphore.available(), 0, "none of them was added");
    semaphore.add_permits(1).unwrap();
    drop(held);
    assert_eq!(semaphore.available(), 3);
    assert!(semaphore.add_permits(1).is_err());
    // What was forgotten makes room.
    assert_eq!(semaphore.forget_permits(5), 3);
    assert_eq!(semaphore.forget_permits(5), 0);
    semaphore.add_permits(3).unwrap();
    assert_eq!(Semaphore::with_max(9, 3).available(), 3);
    assert!(format!("{semaphore:?}").contains("max: 3"));

    let huge = Semaphore::new(usize::MAX);
    assert!(huge.add_permits(1).is_err());
    drop(huge.try_acquire_many(usize::MAX).unwrap());
    assert_eq!(huge.available(), usize::MAX);
}

#[test]
fn what_can_never_be_is_refused() {
    let semaphore = Semaphore::with_max(1, 3);
    let text = message_of(|| semaphore.acquire_many(4));
    assert!(text.contains("nobody could ever"), "{text}");
    assert!(semaphore.try_acquire_many(4).is_none());
}

#[test]
fn permits_are_split_and_forgotten() {
    let semaphore = Semaphore::new(5);
    let mut five = semaphore.try_acquire_many(5).unwrap();
    assert!(five.split(6).is_none());
    let two = five.split(2).unwrap();
    two.forget();
    drop(five);
    assert_eq!((semaphore.available(), semaphore.statistics().held), (3, 0));
}

#[test]
fn owned_permits_borrow_nothing() {
    let permit: OwnedPermit = {
        let semaphore = Rc::new(Semaphore::new(1));
        run(Rc::clone(&semaphore).acquire_owned())
    };
    assert_eq!(permit.count(), 1);
    let semaphore = Rc::new(Semaphore::new(1));
    let permit = Rc::clone(&semaphore).try_acquire_owned().unwrap();
    assert!(Rc::clone(&semaphore).try_acquire_owned().is_none());
    drop(permit);
    assert_eq!(
        (semaphore.available(), Rc::strong_count(&semaphore)),
        (1, 1)
    );
}

#[test]
fn what_was_handed_over_counts_as_held() {
    run(async {
        let semaphore = Semaphore::new(0);
        let mut many = Box::pin(semaphore.acquire_many(3));
        assert!(poll_once(&mut many).await.is_pending());
        semaphore.add_permits(4).unwrap();
        assert_eq!((semaphore.available(), semaphore.statistics().held), (1, 3));
        drop(many);
        assert_eq!((semaphore.available(), semaphore.statistics().held), (4, 0));
    });
}
