//! Capacity limiters: rule P4, cases 149 to 153.

use crate::support::{Log, poll_once, run, settle};
use nestling::sync::{Borrower, CapacityLimiter, TryAcquireError};
use nestling::{CancelScope, TaskId, ok, open_nursery, sleep_forever};

/// Case 149.
#[test]
fn nobody_gets_two() {
    let limiter = CapacityLimiter::new(3);
    run(open_nursery(async |nursery| {
        let token = limiter.acquire().await.unwrap();
        let me = Borrower::from(TaskId::current().unwrap());
        assert_eq!(token.borrower(), me);
        let error = limiter.acquire().await.unwrap_err();
        assert!(!error.is_waiting);
        assert!(error.to_string().contains("has a token already"), "{error}");
        assert!(matches!(
            limiter.try_acquire(),
            Err(TryAcquireError::AlreadyBorrowed(error)) if error.borrower == me
        ));
        let _seven = limiter.acquire_on_behalf_of(7).await.unwrap();
        assert!(limiter.acquire_on_behalf_of(7).await.is_err());
        assert!(limiter.try_acquire_on_behalf_of(7).is_err());
        assert_eq!(limiter.borrowed(), 2, "errors take nothing");
        // A child is somebody else.
        let child = nursery.spawn(async { ok(limiter.acquire().await.is_ok()) });
        assert!(child.await.unwrap());
        drop(token);
        assert!(limiter.acquire().await.is_ok());
        assert_eq!(limiter.statistics().borrowers, [Borrower::from(7)]);
    }))
    .unwrap();
    assert_eq!(limiter.borrowed(), 0);
    assert!(limiter.statistics().borrowers.is_empty());
}

#[test]
fn nobody_waits_twice() {
    let limiter = CapacityLimiter::new(0);
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { drop(limiter.acquire_on_behalf_of(1).await.unwrap()) });
        settle().await;
        let error = limiter.acquire_on_behalf_of(1).await.unwrap_err();
        assert!(error.is_waiting);
        assert!(error.to_string().contains("waits already"), "{error}");
        let error = limiter.try_acquire_on_behalf_of(2).unwrap_err();
        assert!(error.to_string().contains("0 of 0"), "{error}");
        limiter.set_total(1);
        settle().await;
        assert!(limiter.acquire_on_behalf_of(1).await.is_ok());
    }))
    .unwrap();
}

/// Case 150.
#[test]
fn without_a_limit_nobody_waits() {
    let limiter = CapacityLimiter::new(usize::MAX);
    assert_eq!(limiter.available(), isize::MAX);
    let tokens: Vec<_> = (0..100)
        .map(|number| limiter.try_acquire_on_behalf_of(number).unwrap())
        .collect();
    assert_eq!((limiter.borrowed(), limiter.available()), (100, isize::MAX));
    limiter.set_total(10);
    assert_eq!(limiter.available(), -90);
    drop(tokens);
    assert_eq!(limiter.available(), 10);
}

/// Case 151 and rule P4.
#[test]
fn the_total_may_be_changed_at_any_time() {
    let limiter = CapacityLimiter::new(2);
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for number in 0..6 {
            let (limiter, log) = (&limiter, &log);
            nursery.start_soon(async move {
                let _token = limiter.acquire().await.unwrap();
                log.say(number.to_string());
                sleep_forever().await;
            });
        }
        settle().await;
        assert_eq!(
            (limiter.borrowed(), limiter.statistics().tasks_waiting),
            (2, 4)
        );
        limiter.set_total(4);
        assert_eq!(
            (limiter.borrowed(), limiter.statistics().tasks_waiting),
            (4, 2)
        );
        settle().await;
        log.expect(&["0", "1", "2", "3"]);
        limiter.set_total(1);
        assert_eq!((limiter.borrowed(), limiter.available()), (4, -3));
        nursery.cancel();
    }))
    .unwrap();
    assert_eq!((limiter.borrowed(), limiter.available()), (0, 1));
}

#[test]
fn a_lowered_total_is_reached_before_anybody_new_comes() {
    let limiter = CapacityLimiter::new(3);
    let mut tokens: Vec<_> = (0..3)
        .map(|number| limiter.try_acquire_on_behalf_of(number).unwrap())
        .collect();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { drop(limiter.acquire().await.unwrap()) });
        settle().await;
        limiter.set_total(1);
        for _ in 0..2 {
            tokens.pop();
            settle().await;
            assert_eq!(limiter.statistics().tasks_waiting, 1);
        }
        tokens.pop();
        assert_eq!(limiter.statistics().tasks_waiting, 0);
    }))
    .unwrap();
}

/// Case 152.
#[test]
fn a_cancelled_acquire_leaves_no_borrower() {
    let limiter = CapacityLimiter::new(0);
    run(async {
        for _ in 0..3 {
            let mut waiting = limiter.acquire_on_behalf_of(1);
            assert!(poll_once(&mut waiting).await.is_pending());
            drop(waiting);
            assert_eq!(limiter.statistics().tasks_waiting, 0);
        }
        // Nor one that was handed a token.
        let mut waiting = limiter.acquire_on_behalf_of(1);
        assert!(poll_once(&mut waiting).await.is_pending());
        limiter.set_total(1);
        assert_eq!(limiter.borrowed(), 1);
        drop(waiting);
        assert_eq!(limiter.borrowed(), 0);
        assert!(limiter.acquire_on_behalf_of(1).await.is_ok());
    });
}

/// Case 153.
#[test]
fn with_a_total_of_zero_everybody_waits() {
    let limiter = CapacityLimiter::new(0);
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { assert!(scope.run(limiter.acquire()).await.is_err()) });
        nursery.start_soon(async { drop(limiter.acquire().await.unwrap()) });
        settle().await;
        assert_eq!(limiter.statistics().tasks_waiting, 2);
        scope.cancel();
        settle().await;
        assert_eq!(limiter.statistics().tasks_waiting, 1);
        limiter.set_total(1);
    }))
    .unwrap();
    assert_eq!(limiter.total(), 1);
}

#[test]
fn outside_a_run_everybody_is_somebody_else() {
    let limiter = CapacityLimiter::new(2);
    let one = limiter.try_acquire().unwrap();
    let two = limiter.try_acquire().unwrap();
    assert_ne!(one.borrower(), two.borrower());
    let text = format!("{limiter:?}");
    assert!(
        text.contains("total: 2, borrowed: 2, tasks_waiting: 0"),
        "{text}"
    );
    assert!(format!("{one:?}").starts_with("Token("));
}
