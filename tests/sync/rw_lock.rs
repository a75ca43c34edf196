//! Read-write locks. What they have in common with locks is in `locks.rs`.

use crate::support::{Log, poll_once, run, settle};
use nestling::sync::{RwLock, WriteGuard};
use nestling::{CancelScope, open_nursery};

#[test]
fn many_read_or_one_writes() {
    let lock = RwLock::new(1);
    {
        let one = lock.try_read().unwrap();
        let two = lock.try_read().unwrap();
        assert_eq!((*one, *two, lock.statistics().readers), (1, 1, 2));
        assert!(lock.try_write().is_none());
        assert_eq!(format!("{one:?}"), "ReadGuard(1)");
    }
    {
        let mut writer = lock.try_write().unwrap();
        *writer += 1;
        assert!(lock.statistics().is_writing);
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        assert_eq!(format!("{writer:?}"), "WriteGuard(2)");
        assert!(format!("{lock:?}").contains("is_writing: true"));
    }
    let mut lock = lock;
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 3);
}

/// Readers that come while a writer waits stand behind it.
#[test]
fn nobody_is_starved() {
    let lock = RwLock::new(0);
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let first = lock.read().await;
        nursery.start_soon(async {
            *lock.write().await += 1;
            log.say("write");
        });
        settle().await;
        assert!(lock.try_read().is_none());
        for _ in 0..2 {
            nursery.start_soon(async {
                let value = lock.read().await;
                settle().await;
                log.say(format!("read {}", *value));
            });
        }
        settle().await;
        nursery.start_soon(async {
            *lock.write().await += 1;
            log.say("write again");
        });
        settle().await;
        assert_eq!(lock.statistics().tasks_waiting, 4);
        log.expect(&[]);
        drop(first);
        settle().await;
        settle().await;
        log.expect(&["write", "read 1", "read 1", "write again"]);
    }))
    .unwrap();
}

#[test]
fn without_the_writer_the_readers_behind_it_come_in() {
    for cancel in [false, true] {
        let lock = RwLock::new(0);
        let scope = CancelScope::new();
        run(open_nursery(async |nursery| {
            let first = lock.read().await;
            let mut writer = Box::pin(scope.run(lock.write()));
            assert!(poll_once(&mut writer).await.is_pending());
            for _ in 0..2 {
                nursery.start_soon(async {
                    let _value = lock.read().await;
                    settle().await;
                });
            }
            settle().await;
            assert_eq!(lock.statistics().readers, 1);
            if cancel {
                scope.cancel();
                assert!(poll_once(&mut writer).await.is_ready());
            }
            drop(writer);
            assert_eq!(lock.statistics().readers, 3);
            assert_eq!(lock.statistics().tasks_waiting, 0);
            drop(first);
        }))
        .unwrap();
    }
}

#[test]
fn who_is_dropped_after_the_hand_over_passes_it_on() {
    run(async {
        let lock = RwLock::new(0);
        let writer = lock.write().await;
        let mut reader = Box::pin(lock.read());
        let mut next = Box::pin(lock.write());
        assert!(poll_once(&mut reader).await.is_pending());
        assert!(poll_once(&mut next).await.is_pending());
        drop(writer);
        assert_eq!(
            (lock.statistics().readers, lock.statistics().is_writing),
            (1, false)
        );
        drop(reader);
        assert_eq!(
            (lock.statistics().readers, lock.statistics().is_writing),
            (0, true)
        );
        drop(next);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn a_writer_may_go_on_as_a_reader() {
    let lock = RwLock::new(0);
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let mut guard = lock.write().await;
        nursery.start_soon(async {
            log.say(format!("read {}", *lock.read().await));
        });
        settle().await;
        nursery.start_soon(async {
            *lock.write().await += 1;
            log.say("write");
        });
        settle().await;
        *guard += 5;
        let guard = WriteGuard::downgrade(guard);
        settle().await;
        log.expect(&["read 5"]);
        assert_eq!(*guard, 5);
        drop(guard);
    }))
    .unwrap();
    log.expect(&["read 5", "write"]);
    assert_eq!(lock.into_inner(), 6);
}
