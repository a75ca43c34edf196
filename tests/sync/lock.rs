//! Locks: rule P2, case 156. What they have in common with semaphores is in `locks.rs`.

use std::time::Duration;

use crate::support::{join_all, message_of, run, run_virtual, settle};
use nestling::sync::{Lock, LockGuard};
use nestling::{TaskId, checkpoint, fail_after, move_on_after, ok, open_nursery, shield};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn it_protects_a_value() {
    let lock = Lock::new(Vec::new());
    run(open_nursery(async |nursery| {
        for number in 0..10 {
            let lock = &lock;
            nursery.start_soon(async move {
                let mut numbers = lock.acquire().await;
                let known = numbers.len();
                checkpoint().await;
                assert_eq!(numbers.len(), known);
                numbers.push(number);
            });
        }
    }))
    .unwrap();
    let mut lock = lock;
    assert_eq!(lock.get_mut().len(), 10);
    assert_eq!(lock.into_inner(), (0..10).collect::<Vec<_>>());
}

#[test]
fn an_unsized_value_will_do() {
    let lock: Box<Lock<[u8]>> = Box::new(Lock::new([1, 2, 3]));
    lock.try_acquire().unwrap()[0] = 7;
    assert_eq!(*lock.try_acquire().unwrap(), [7, 2, 3]);
}

#[track_caller]
fn assert_explains(text: &str) {
    assert!(text.starts_with("the task `"), "{text}");
    assert!(text.contains("holds itself"), "{text}");
    assert!(text.contains("sync/lock.rs:"), "{text}");
    assert!(text.contains("Lock::unowned"), "{text}");
}

/// Rule P2.
#[test]
fn to_wait_for_what_one_holds_is_an_error() {
    let lock = Lock::new(());
    assert_explains(&message_of(|| {
        run(async {
            let _guard = lock.acquire().await;
            assert!(lock.try_acquire().is_none());
            drop(lock.acquire().await);
        });
    }));
    assert!(!lock.is_locked());
}

#[test]
fn scopes_belong_to_the_task_around_them() {
    for depth in 0..4 {
        let lock = Lock::new(());
        assert_explains(&message_of(|| {
            run_virtual(async {
                let _guard = move_on_after(HOUR, shield(lock.acquire())).await.unwrap();
                let again = async { drop(lock.acquire().await) };
                match depth {
                    0 => again.await,
                    1 => fail_after(HOUR, again).await.unwrap(),
                    2 => shield(move_on_after(HOUR, shield(again))).await.unwrap(),
                    _ => open_nursery(async |_| again.await).await.unwrap(),
                }
            });
        }));
    }
}

#[test]
fn a_body_may_hold_what_a_child_waits_for() {
    let lock = Lock::new(0);
    run(open_nursery(async |nursery| {
        let guard = lock.acquire().await;
        nursery.start_soon(async { *lock.acquire().await += 1 });
        settle().await;
        assert_eq!(lock.statistics().tasks_waiting, 1);
        assert_eq!(lock.statistics().owner, TaskId::current());
        drop(guard);
        assert_ne!(lock.statistics().owner, TaskId::current());
        assert!(lock.statistics().is_locked);
    }))
    .unwrap();
    assert_eq!(lock.into_inner(), 1);
}

#[test]
fn the_owner_is_the_one_who_was_handed_it() {
    let lock = Lock::new(0);
    assert_explains(&message_of(|| {
        run(open_nursery(async |nursery| {
            let guard = lock.acquire().await;
            nursery.start_soon(async {
                let _guard = lock.acquire().await;
                checkpoint().await;
                drop(lock.acquire().await);
            });
            settle().await;
            drop(guard);
        }))
    }));
}

#[test]
fn branches_of_a_task_may_share_an_unowned_one() {
    let lock = Lock::unowned(0);
    run(async {
        let work = async || {
            let mut guard = lock.acquire().await;
            checkpoint().await;
            *guard += 1;
        };
        join_all([work(), work(), work()]).await;
    });
    assert_eq!(lock.into_inner(), 3);
}

#[test]
fn a_guard_may_go_to_another_task() {
    let lock = Lock::unowned(0);
    run(open_nursery(async |nursery| {
        let mut guard = lock.acquire().await;
        nursery.start_soon(async move {
            checkpoint().await;
            *guard += 1;
        });
        assert_eq!(*lock.acquire().await, 1);
    }))
    .unwrap();
}

#[test]
fn outside_a_run_there_is_no_owner() {
    let lock = Lock::new(5);
    let guard = lock.try_acquire().unwrap();
    assert!(std::ptr::eq(LockGuard::lock(&guard), &raw const lock));
    assert_eq!(lock.statistics().owner, None);
    assert_eq!(format!("{guard:?}"), "LockGuard(5)");
    let text = format!("{lock:?}");
    assert!(text.contains("is_locked: true"), "{text}");
    assert!(lock.try_acquire().is_none());
    drop(guard);
    assert!(!lock.is_locked());
}

#[test]
fn tasks_are_told_from_each_other() {
    run(open_nursery(async |nursery| {
        let main = TaskId::current().unwrap();
        let one = nursery.spawn(async { ok(TaskId::current()) });
        let two =
            nursery.spawn(async { ok(move_on_after(HOUR, async { TaskId::current() }).await) });
        let (one, two) = (
            one.await.unwrap().unwrap(),
            two.await.unwrap().unwrap().unwrap(),
        );
        assert!(one != two && one != main && two != main);
        assert_eq!(format!("{one:?}"), "TaskId(ended)");
        assert_eq!(one.to_string(), "a task that has ended");
        assert!(format!("{main:?}").contains("sync/lock.rs"), "{main:?}");
    }))
    .unwrap();
    assert_eq!(TaskId::current(), None);
}
