//! Conditions: rule P5, case 157.

use std::collections::VecDeque;
use std::pin::pin;

use crate::support::{Log, message_of, poll_once, run, settle};
use nestling::sync::{Condition, Lock};
use nestling::{CancelScope, checkpoint, open_nursery};

/// Waits once, and says so.
async fn wait_once(lock: &Lock<u32>, condition: &Condition, log: &Log, name: &str) {
    let guard = lock.acquire().await;
    let _guard = condition.wait(guard).await;
    assert!(lock.is_locked());
    log.say(name);
}

/// Case 157.
#[test]
fn who_is_notified_goes_over_to_the_line_of_the_lock() {
    let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
    run(open_nursery(async |nursery| {
        for name in ["a", "b", "c", "d", "e"] {
            nursery.start_soon(wait_once(&lock, &condition, &log, name));
        }
        settle().await;
        assert!(!lock.is_locked(), "those who wait have released it");
        assert_eq!(condition.statistics().tasks_waiting, 5);

        let guard = lock.acquire().await;
        assert_eq!(condition.notify_one(&guard), 1);
        assert_eq!(condition.statistics().tasks_waiting, 4);
        assert_eq!(lock.statistics().tasks_waiting, 1);
        settle().await;
        log.expect(&[]);
        drop(guard);
        settle().await;
        log.expect(&["a"]);

        let guard = lock.acquire().await;
        assert_eq!(condition.notify(&guard, 2), 2);
        assert_eq!(lock.statistics().tasks_waiting, 2);
        drop(guard);
        settle().await;
        log.expect(&["a", "b", "c"]);

        let guard = lock.acquire().await;
        assert_eq!(condition.notify_all(&guard), 2);
        assert_eq!(condition.notify_all(&guard), 0);
        assert_eq!(condition.notify_one(&guard), 0);
        drop(guard);
        settle().await;
        log.expect(&["a", "b", "c", "d", "e"]);
        assert!(!lock.is_locked());
    }))
    .unwrap();
}

#[test]
fn each_is_woken_when_the_lock_is_its_own() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    run(open_nursery(async |nursery| {
        for _ in 0..3 {
            nursery.start_soon(async {
                let guard = lock.acquire().await;
                let mut guard = condition.wait(guard).await;
                *guard += 1;
                let known = *guard;
                checkpoint().await;
                checkpoint().await;
                assert_eq!(*guard, known);
            });
        }
        settle().await;
        let guard = lock.acquire().await;
        condition.notify_all(&guard);
        assert_eq!(lock.statistics().tasks_waiting, 3);
        drop(guard);
        assert_eq!(lock.statistics().tasks_waiting, 2, "one is handed it");
    }))
    .unwrap();
    assert_eq!(lock.into_inner(), 3);
}

#[test]
fn who_waited_for_the_lock_before_comes_first() {
    let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
    run(open_nursery(async |nursery| {
        nursery.start_soon(wait_once(&lock, &condition, &log, "notified"));
        settle().await;
        let guard = lock.acquire().await;
        nursery.start_soon(async {
            let _guard = lock.acquire().await;
            log.say("waited before");
        });
        settle().await;
        condition.notify_one(&guard);
        drop(guard);
        settle().await;
        log.expect(&["waited before", "notified"]);
    }))
    .unwrap();
}

#[test]
fn in_a_cancelled_context_it_does_not_wait() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    run(async {
        let scope = CancelScope::new();
        let waited = scope.run(async {
            let guard = lock.acquire().await;
            scope.cancel();
            let _guard = condition.wait(guard).await;
        });
        assert!(waited.await.is_err());
        assert!(!lock.is_locked());
        assert_eq!(condition.statistics().tasks_waiting, 0);
    });
}

#[test]
fn a_cancelled_wait_holds_nothing() {
    let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let wait = scope.run(wait_once(&lock, &condition, &log, "a"));
            assert!(wait.await.is_err());
        });
        settle().await;
        scope.cancel();
        settle().await;
        assert_eq!(condition.statistics().tasks_waiting, 0);
        assert!(!lock.is_locked());
        let guard = lock.try_acquire().unwrap();
        assert_eq!(condition.notify_all(&guard), 0);
    }))
    .unwrap();
    log.expect(&[]);
}

/// Rule C19, for the notification: it goes on to the next.
#[test]
fn a_notification_is_not_lost_with_the_one_who_got_it() {
    // Where the first one is when it is cancelled or dropped.
    for (handed, scoped) in [(false, true), (false, false), (true, false)] {
        let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
        let scope = CancelScope::new();
        run(open_nursery(async |nursery| {
            let mut first = Some(Box::pin(scope.run(wait_once(
                &lock,
                &condition,
                &log,
                "the first",
            ))));
            assert!(poll_once(first.as_mut().unwrap()).await.is_pending());
            nursery.start_soon(wait_once(&lock, &condition, &log, "the second"));
            settle().await;
            let mut guard = Some(nursery_guard(&lock));
            assert_eq!(condition.notify_one(guard.as_ref().unwrap()), 1);
            if handed {
                guard = None;
                assert!(lock.is_locked(), "the first one has it");
            }
            if scoped {
                scope.cancel();
                assert!(poll_once(first.as_mut().unwrap()).await.is_ready());
            }
            first = None;
            assert_eq!(condition.statistics().tasks_waiting, 0);
            drop((first, guard));
            settle().await;
            log.expect(&["the second"]);
            assert!(!lock.is_locked());
        }))
        .unwrap();
    }
}

fn nursery_guard(lock: &Lock<u32>) -> nestling::sync::LockGuard<'_, u32> {
    lock.try_acquire().unwrap()
}

#[test]
fn after_notify_all_nobody_is_notified_in_place_of_another() {
    let (lock, condition, log) = (Lock::unowned(0), Condition::new(), Log::new());
    run(open_nursery(async |nursery| {
        let mut first = Box::pin(wait_once(&lock, &condition, &log, "the first"));
        assert!(poll_once(&mut first).await.is_pending());
        let guard = lock.acquire().await;
        condition.notify_all(&guard);
        // One who begins to wait when everybody has been notified.
        nursery.start_soon(wait_once(&lock, &condition, &log, "late"));
        let mut waiting = pin!(condition.wait(guard));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(
                waiting.as_mut().poll(cx).is_pending()
            ))
            .await
        );
        assert!(lock.is_locked(), "the first has been handed the lock");
        drop(first);
        settle().await;
        log.expect(&[]);
        assert_eq!(condition.statistics().tasks_waiting, 2);
        let guard = lock.acquire().await;
        condition.notify_all(&guard);
        drop(guard);
        drop(waiting.await);
    }))
    .unwrap();
    log.expect(&["late"]);
}

/// Rule C19.
#[test]
fn what_came_first_counts() {
    for cancel_first in [false, true] {
        let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
        let scope = CancelScope::new();
        run(open_nursery(async |nursery| {
            nursery.start_soon(async {
                let waited = scope.run(wait_once(&lock, &condition, &log, "a")).await;
                assert_eq!(waited.is_err(), cancel_first);
            });
            settle().await;
            let guard = lock.acquire().await;
            if cancel_first {
                scope.cancel();
            }
            assert_eq!(condition.notify_one(&guard), usize::from(!cancel_first));
            drop(guard);
            scope.cancel();
            settle().await;
            assert_eq!(log.len(), usize::from(!cancel_first));
            assert!(!lock.is_locked());
        }))
        .unwrap();
    }
}

#[test]
fn one_that_was_passed_over_goes_on_outside() {
    // Passed over in the line of the condition, or in that of the lock.
    for notified in [false, true] {
        let (lock, condition, log) = (Lock::new(0), Condition::new(), Log::new());
        let scope = CancelScope::new();
        run(open_nursery(async |nursery| {
            nursery.start_soon(async {
                let guard = lock.acquire().await;
                let mut waiting = pin!(condition.wait(guard));
                assert!(scope.run(waiting.as_mut()).await.is_err());
                log.say("cut off");
                let _guard = waiting.await;
                log.say("went on");
            });
            settle().await;
            let guard = lock.acquire().await;
            if notified {
                assert_eq!(condition.notify_one(&guard), 1);
                scope.cancel();
            } else {
                scope.cancel();
                assert_eq!(condition.notify_one(&guard), 0);
            }
            drop(guard);
            settle().await;
            if !notified {
                log.expect(&["cut off"]);
                let guard = lock.acquire().await;
                assert_eq!(condition.notify_one(&guard), 1);
                drop(guard);
                settle().await;
            }
            log.expect(&["cut off", "went on"]);
            assert!(!lock.is_locked());
        }))
        .unwrap();
    }
}

#[test]
fn it_is_used_with_one_lock_at_a_time() {
    let (one, two, condition) = (Lock::new(1), Lock::new(2), Condition::new());
    run(async {
        let guard = one.acquire().await;
        let mut waiting = Box::pin(condition.wait(guard));
        assert!(poll_once(&mut waiting).await.is_pending());
        let other = two.acquire().await;
        let text = message_of(|| condition.notify_one(&other));
        assert!(text.contains("two locks at a time"), "{text}");
        let mut wrong = Box::pin(condition.wait(other));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let text = message_of(|| wrong.as_mut().poll(&mut cx).is_ready());
        assert!(text.contains("sync/condition.rs:"), "{text}");
        drop(wrong);
        drop(waiting);
        // Nobody waits any more.
        let guard = two.acquire().await;
        let mut waiting = Box::pin(condition.wait(guard));
        assert!(poll_once(&mut waiting).await.is_pending());
        assert!(format!("{waiting:?}").contains("Condition"));
    });
}

#[test]
fn a_bounded_queue() {
    struct Queue {
        items: Lock<VecDeque<u32>>,
        changed: Condition,
    }
    let queue = Queue {
        items: Lock::default(),
        changed: Condition::default(),
    };
    let received = Lock::new(Vec::new());
    run(open_nursery(async |nursery| {
        for producer in 0..3 {
            let queue = &queue;
            nursery.start_soon(async move {
                for number in 0..10 {
                    let mut items = queue.items.acquire().await;
                    while items.len() == 2 {
                        items = queue.changed.wait(items).await;
                    }
                    items.push_back(producer * 10 + number);
                    queue.changed.notify_all(&items);
                }
            });
        }
        for _ in 0..2 {
            nursery.start_soon(async {
                for _ in 0..15 {
                    let mut items = queue.items.acquire().await;
                    let item = loop {
                        match items.pop_front() {
                            Some(item) => break item,
                            None => items = queue.changed.wait(items).await,
                        }
                    };
                    queue.changed.notify_all(&items);
                    drop(items);
                    received.acquire().await.push(item);
                }
            });
        }
    }))
    .unwrap();
    let mut received = received.into_inner();
    received.sort_unstable();
    assert_eq!(received, (0..30).collect::<Vec<_>>());
}
