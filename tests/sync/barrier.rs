//! Barriers.

use std::cell::Cell;

use crate::support::{Log, poll_once, run, settle};
use nestling::sync::Barrier;
use nestling::{CancelScope, checkpoint, open_nursery};

#[test]
fn it_opens_when_all_are_there_and_then_begins_again() {
    let barrier = Barrier::new(3);
    let leaders = Cell::new(0);
    let rounds = [(); 4].map(|()| Cell::new(0));
    run(open_nursery(async |nursery| {
        for number in 0..3 {
            let (barrier, leaders, rounds) = (&barrier, &leaders, &rounds);
            nursery.start_soon(async move {
                for (at, round) in rounds.iter().enumerate() {
                    for _ in 0..number {
                        checkpoint().await;
                    }
                    round.set(round.get() + 1);
                    if barrier.wait().await {
                        leaders.set(leaders.get() + 1);
                    }
                    assert_eq!(round.get(), 3);
                    assert!(at < 1 || rounds[at - 1].get() == 3);
                }
            });
        }
    }))
    .unwrap();
    assert_eq!(leaders.get(), 4);
    assert_eq!(barrier.statistics().rounds, 4);
    assert_eq!(barrier.statistics().tasks_waiting, 0);
}

#[test]
fn for_one_or_none_it_is_always_open() {
    run(async {
        for size in [0, 1] {
            let barrier = Barrier::new(size);
            assert!(barrier.wait().await);
            assert!(barrier.wait().await);
            assert_eq!(barrier.statistics().rounds, 2);
            let scope = CancelScope::new();
            scope.cancel();
            assert!(scope.run(barrier.wait()).await.is_err(), "a checkpoint");
            assert_eq!(barrier.statistics().rounds, 2);
        }
    });
}

#[test]
fn who_is_cancelled_has_not_come() {
    // Cut off already, or not yet.
    for cut_off in [true, false] {
        let barrier = Barrier::new(3);
        let scope = CancelScope::new();
        let log = Log::new();
        run(open_nursery(async |nursery| {
            nursery.start_soon(async {
                assert!(scope.run(barrier.wait()).await.is_err());
                log.say("cut off");
            });
            nursery.start_soon(async {
                assert!(!barrier.wait().await);
                log.say("through");
            });
            settle().await;
            scope.cancel();
            if cut_off {
                settle().await;
            }
            let mut third = barrier.wait();
            assert!(poll_once(&mut third).await.is_pending());
            settle().await;
            log.expect(&["cut off"]);
            assert!(barrier.wait().await);
            third.await;
            settle().await;
            log.expect(&["cut off", "through"]);
        }))
        .unwrap();
    }
}

/// Rule C19.
#[test]
fn cancelled_after_it_has_opened_one_goes_on() {
    let barrier = Barrier::new(2);
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        let waited = nursery.spawn(async { scope.run(barrier.wait()).await });
        settle().await;
        assert!(barrier.wait().await);
        scope.cancel();
        assert!(!waited.await.unwrap());
    }))
    .unwrap();
}

#[test]
fn who_is_dropped_leaves_nothing() {
    run(async {
        let barrier = Barrier::new(2);
        let mut waiting = barrier.wait();
        assert!(poll_once(&mut waiting).await.is_pending());
        assert_eq!(barrier.statistics().tasks_waiting, 1);
        drop(waiting);
        assert_eq!(
            format!("{barrier:?}"),
            "Barrier { size: 2, tasks_waiting: 0, rounds: 0 }"
        );
        let mut waiting = barrier.wait();
        assert!(poll_once(&mut waiting).await.is_pending());
        assert!(barrier.wait().await);
        assert_eq!(barrier.size(), 2);
        // The round is over, whether it is told so or not.
        drop(waiting);
        assert_eq!(barrier.statistics().rounds, 1);
    });
}
