//! Every future of `nestling::sync`, cancelled, dropped and made to panic at each of its awaits; and
//! nothing may be held, and nobody wait, afterwards.

use std::rc::Rc;
use std::time::Duration;

use nestling::channel::{WorkQueue, channel};
use nestling::sync::{
    Barrier, CapacityLimiter, Condition, Event, Lock, ParkingLot, Promise, RwLock, Semaphore,
    WriteGuard,
};
use nestling::testing::cancel_everywhere;
use nestling::{checkpoint, move_on_after, on_cancel, open_nursery, shield, sleep};

use crate::probe::{Probe, everywhere};
use crate::support::{message_of, on_drop, select};

const TICK: Duration = Duration::from_millis(1);

/// Asserts when everything else has been dropped, unless something has failed already.
fn finally(check: impl FnOnce()) -> impl Sized {
    on_drop(move || {
        if !std::thread::panicking() {
            check();
        }
    })
}

#[test]
fn locks() {
    everywhere(async |probe| {
        let lock = Rc::new(Lock::new(0));
        let _finally = finally({
            let lock = Rc::clone(&lock);
            move || {
                assert!(!lock.is_locked());
                assert_eq!(lock.statistics().tasks_waiting, 0);
            }
        });
        let work = async || {
            for _ in 0..2 {
                let _local = probe.guard();
                let mut guard = probe.at(lock.acquire()).await;
                *guard += 1;
                probe.at(checkpoint()).await;
            }
        };
        // That it was cancelled is known.
        open_nursery(async |nursery| {
            nursery.start_soon(work());
            nursery.start_soon(shield(work()));
            nursery.start_soon(on_cancel(work(), work));
            probe.at(checkpoint()).await;
            drop(probe.at(lock.acquire()).await);
        })
        .await
        .ok();
    });
}

#[test]
fn semaphores() {
    everywhere(async |probe| {
        let semaphore = Rc::new(Semaphore::new(2));
        let _finally = finally({
            let semaphore = Rc::clone(&semaphore);
            move || {
                assert_eq!(semaphore.available(), 2);
                assert_eq!(semaphore.statistics().tasks_waiting, 0);
            }
        });
        let work = async |count| {
            let _local = probe.guard();
            let _permit = probe.at(semaphore.acquire_many(count)).await;
            probe.at(checkpoint()).await;
        };
        open_nursery(async |nursery| {
            for count in [1, 2, 1] {
                nursery.start_soon(work(count));
            }
            nursery.start_soon(async {
                let owned = Rc::clone(&semaphore).acquire_owned();
                let _permit = probe.at(owned).await;
                probe.at(sleep(TICK)).await;
            });
            probe.at(select(work(2), sleep(Duration::ZERO))).await;
            probe.at(move_on_after(TICK, work(2))).await;
        })
        .await
        .ok();
    });
}

#[test]
fn capacity_limiters() {
    everywhere(async |probe| {
        let limiter = Rc::new(CapacityLimiter::new(1));
        let _finally = finally({
            let limiter = Rc::clone(&limiter);
            move || {
                assert_eq!(limiter.borrowed(), 0);
                assert_eq!(limiter.statistics().tasks_waiting, 0);
                assert!(limiter.statistics().borrowers.is_empty());
            }
        });
        let work = async || {
            let _local = probe.guard();
            let _token = probe.at(limiter.acquire()).await.unwrap();
            probe.at(checkpoint()).await;
        };
        open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(work());
            }
            nursery.start_soon(async {
                drop(probe.at(limiter.acquire_on_behalf_of(7)).await.unwrap());
            });
            probe.at(checkpoint()).await;
            limiter.set_total(0);
            probe.at(checkpoint()).await;
            limiter.set_total(2);
            work().await;
        })
        .await
        .ok();
    });
}

#[test]
fn conditions() {
    everywhere(async |probe| {
        let shared = Rc::new((Lock::new(0), Condition::new()));
        let _finally = finally({
            let shared = Rc::clone(&shared);
            move || {
                assert!(!shared.0.is_locked());
                assert_eq!(shared.0.statistics().tasks_waiting, 0);
                assert_eq!(shared.1.statistics().tasks_waiting, 0);
            }
        });
        let (lock, condition) = (&shared.0, &shared.1);
        let consume = async || {
            let _local = probe.guard();
            let mut items = probe.at(lock.acquire()).await;
            while *items == 0 {
                items = probe.at(condition.wait(items)).await;
            }
            *items -= 1;
        };
        open_nursery(async |nursery| {
            for _ in 0..2 {
                nursery.start_soon(consume());
            }
            nursery.start_soon(async {
                move_on_after(TICK, consume()).await;
            });
            probe.at(checkpoint()).await;
            let mut items = probe.at(lock.acquire()).await;
            *items += 1;
            condition.notify_one(&items);
            drop(items);
            probe.at(checkpoint()).await;
            let mut items = probe.at(lock.acquire()).await;
            *items += 2;
            condition.notify_all(&items);
        })
        .await
        .ok();
    });
}

#[test]
fn read_write_locks() {
    everywhere(async |probe| {
        let lock = Rc::new(RwLock::new(0));
        let _finally = finally({
            let lock = Rc::clone(&lock);
            move || {
                assert!(lock.try_write().is_some());
                assert_eq!(lock.statistics().tasks_waiting, 0);
            }
        });
        let read = async || {
            let _local = probe.guard();
            let _value = probe.at(lock.read()).await;
            probe.at(checkpoint()).await;
        };
        open_nursery(async |nursery| {
            nursery.start_soon(read());
            nursery.start_soon(async {
                let _local = probe.guard();
                let value = probe.at(lock.write()).await;
                probe.at(checkpoint()).await;
                let _value = WriteGuard::downgrade(value);
                probe.at(checkpoint()).await;
            });
            nursery.start_soon(read());
            drop(probe.at(lock.write()).await);
        })
        .await
        .ok();
    });
}

#[test]
fn events_and_promises() {
    everywhere(async |probe| {
        let (event, promise) = (Event::new(), Promise::new());
        open_nursery(async |nursery| {
            for _ in 0..2 {
                nursery.start_soon(async {
                    let _local = probe.guard();
                    probe.at(event.wait()).await;
                    let made = promise.get_or_init(async || {
                        probe.at(checkpoint()).await;
                        1
                    });
                    assert_eq!(*probe.at(made).await, 1);
                    let known = promise.get_or_try_init(async || Err("it is there"));
                    assert_eq!(probe.at(known).await, Ok(&1));
                });
                nursery.start_soon(async {
                    let _local = probe.guard();
                    assert_eq!(*probe.at(promise.wait()).await, 1);
                });
            }
            probe.at(checkpoint()).await;
            event.set();
        })
        .await
        .ok();
        assert_eq!(event.statistics().tasks_waiting, 0);
        assert_eq!(promise.statistics().tasks_waiting, 0);
    });
}

#[test]
fn barriers() {
    everywhere(async |probe: &Probe| {
        let barrier = Barrier::new(3);
        open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(async {
                    for _ in 0..2 {
                        let _local = probe.guard();
                        probe.at(barrier.wait()).await;
                    }
                });
            }
        })
        .await
        .ok();
        assert_eq!(barrier.statistics().tasks_waiting, 0);
    });
}

#[test]
fn parking_lots() {
    everywhere(async |probe| {
        let (first, second): (ParkingLot, ParkingLot) =
            (ParkingLot::new("the first"), ParkingLot::new("the second"));
        open_nursery(async |nursery| {
            for _ in 0..3 {
                nursery.start_soon(async {
                    let _local = probe.guard();
                    probe.at(first.park()).await;
                });
            }
            probe.at(checkpoint()).await;
            first.unpark(1);
            first.repark(&second, 1);
            probe.at(checkpoint()).await;
            first.unpark_all();
            second.unpark_all();
        })
        .await
        .ok();
        assert_eq!((first.len(), second.len()), (0, 0));
    });
}

/// What is forgotten while it is held is found without a word in the program.
#[test]
fn whatever_the_library_hands_out_and_is_never_given_back_is_found() {
    #[expect(clippy::mem_forget, reason = "that is what is to be found")]
    fn forget<T>(held: T) {
        std::mem::forget(held);
    }
    fn is_found(program: impl AsyncFn()) {
        let text = message_of(|| cancel_everywhere(program));
        assert!(text.contains("1 × permit or guard"), "{text}");
    }
    is_found(async || forget(Lock::new(0).acquire().await));
    is_found(async || forget(RwLock::new(0).read().await));
    is_found(async || forget(RwLock::new(0).write().await));
    is_found(async || forget(Semaphore::new(1).acquire().await));
    is_found(async || forget(CapacityLimiter::new(1).acquire().await.unwrap()));
    is_found(async || {
        let (sender, _receiver) = channel::<u8>(1);
        forget(sender.reserve().await.unwrap());
    });
    is_found(async || {
        let queue = WorkQueue::fifo(1);
        queue.put(1).await.unwrap();
        forget(queue.get().await.unwrap());
    });
}
