//! What costs no allocation, or one, and stays so.
#![expect(
    unsafe_code,
    reason = "an allocator that counts is an implementation of an unsafe trait"
)]
#![cfg(not(miri))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use nestling::channel::channel;
use nestling::net::{TcpListener, TcpStream};
use nestling::sync::{Barrier, Event, Lock, ParkingLot, Promise, RwLock, Semaphore};
use nestling::{
    CancelScope, catch_cancel, checkpoint, move_on_after, on_cancel, open_nursery, run, shield,
    sleep,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it is; counting touches a cell without
// a destructor, and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many allocations `operation` makes, once everything has grown to its size.
fn allocations_of(operation: impl AsyncFn()) -> usize {
    run(async {
        for _ in 0..3 {
            operation().await;
        }
        let before = ALLOCATIONS.get();
        operation().await;
        ALLOCATIONS.get() - before
    })
}

async fn one_wake_up() {
    let mut woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_checkpoint_allocates_nothing() {
    assert_eq!(allocations_of(async || checkpoint().await), 0);
}

#[test]
fn a_sleep_allocates_nothing() {
    let nap = async || sleep(Duration::from_nanos(1)).await;
    assert_eq!(allocations_of(nap), 0);
}

#[test]
fn a_scope_allocates_once() {
    let scope = async || CancelScope::new().run(one_wake_up()).await.unwrap();
    assert_eq!(allocations_of(scope), 1);
}

#[test]
fn a_scope_with_a_deadline_allocates_once() {
    let scope = async || {
        let scope = CancelScope::new().timeout(Duration::from_secs(10));
        scope.run(one_wake_up()).await.unwrap();
    };
    assert_eq!(allocations_of(scope), 1);
}

#[test]
fn a_timeout_allocates_nothing() {
    let limited = async || {
        let in_time = move_on_after(Duration::from_secs(10), one_wake_up()).await;
        assert!(in_time.is_some());
    };
    assert_eq!(allocations_of(limited), 0);
}

#[test]
fn shields_and_what_catches_a_cancel_allocate_nothing() {
    let wrapped = async || {
        shield(catch_cancel(on_cancel(one_wake_up(), async || {})))
            .await
            .unwrap();
    };
    assert_eq!(allocations_of(wrapped), 0);
}

#[test]
fn a_child_more_is_one_allocation_more() {
    let nursery = |children: usize| {
        allocations_of(async || {
            open_nursery(async |nursery| {
                for _ in 0..children {
                    nursery.start_soon(one_wake_up());
                }
            })
            .await
            .unwrap();
        })
    };
    // The queue of ready tasks grows to a power of two, the same for both.
    assert_eq!(nursery(60) - nursery(50), 10);
}

#[test]
fn a_round_trip_over_a_connection_allocates_nothing() {
    let allocations = run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 64];
        let mut before = 0;
        for trip in 0..10 {
            if trip == 3 {
                before = ALLOCATIONS.get();
            }
            {
                // The reader waits first.
                let mut reading = pin!(server.read(&mut buffer));
                assert!(poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending())).await);
                client.write_all(b"abc").await.unwrap();
                assert_eq!(reading.await.unwrap(), 3);
            }
            server.write_all(&buffer[..3]).await.unwrap();
            client.read_exact(&mut [0; 3]).await.unwrap();
        }
        ALLOCATIONS.get() - before
    });
    assert_eq!(allocations, 0);
}

#[test]
fn channels_that_have_grown_allocate_nothing() {
    let (sender, receiver) = channel(1);
    let (sender, receiver) = (&sender, &receiver);
    let allocations = allocations_of(async || {
        for item in 0..100 {
            // Through the queue, into a parked receiver, and out of a parked sender.
            sender.send(item).await.unwrap();
            assert_eq!(receiver.recv().await, Some(item));
            let mut parked = receiver.recv();
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut parked).poll(cx).is_pending())).await);
            sender.send(item).await.unwrap();
            assert_eq!(parked.await, Some(item));
            sender.send(item).await.unwrap();
            let mut parked = sender.send(item);
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut parked).poll(cx).is_pending())).await);
            assert_eq!(receiver.recv().await, Some(item));
            assert_eq!(parked.await, Ok(()));
            assert_eq!(receiver.recv().await, Some(item));
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn what_is_free_is_had_without_an_allocation() {
    let lock = Lock::new(0);
    let semaphore = Semaphore::new(3);
    let rw_lock = RwLock::new(0);
    let (event, promise) = (Event::new(), Promise::new());
    event.set();
    promise.set(1).unwrap();
    let barrier = Barrier::new(1);
    let all = allocations_of(async || {
        *lock.acquire().await += 1;
        drop(semaphore.acquire_many(2).await);
        drop(rw_lock.read().await);
        *rw_lock.write().await += 1;
        event.wait().await;
        promise.wait().await;
        barrier.wait().await;
    });
    assert_eq!(all, 0);
    let before = ALLOCATIONS.get();
    drop((
        Lock::new(0),
        Semaphore::new(0),
        RwLock::new(0),
        Event::new(),
    ));
    assert_eq!(ALLOCATIONS.get(), before);
}

#[test]
fn waiting_for_ones_turn_allocates_nothing_once_the_line_has_been_as_long() {
    let (semaphore, lock, event_lot) = (
        Semaphore::new(0),
        Lock::unowned(0),
        ParkingLot::<()>::new("it"),
    );
    let all = allocations_of(async || {
        let held = lock.acquire().await;
        let mut waiting = (
            pin!(semaphore.acquire()),
            pin!(lock.acquire()),
            pin!(event_lot.park()),
            pin!(event_lot.park()),
        );
        poll_fn(|cx| {
            assert!(waiting.0.as_mut().poll(cx).is_pending());
            assert!(waiting.1.as_mut().poll(cx).is_pending());
            assert!(waiting.2.as_mut().poll(cx).is_pending());
            assert!(waiting.3.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        semaphore.add_permits(1).unwrap();
        drop(held);
        event_lot.unpark_all();
        waiting.0.await.forget();
        drop(waiting.1.await);
        waiting.2.await;
        waiting.3.await;
    });
    assert_eq!(all, 0);
}
