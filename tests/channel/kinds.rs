//! Channels of other kinds: one value, the latest value, and every item to everybody; and streams.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures_core::Stream;
use nestling::channel::broadcast::Lagged;
use nestling::channel::oneshot::NoValue;
use nestling::channel::{
    Closed, SendError, TryRecvError, TrySendError, broadcast, channel, oneshot, watch,
};
use nestling::{CancelScope, ok, open_nursery};

use crate::support::{Flag, catch, on_drop, poll_once, run, settle, waker_of, with_waker};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

// Streams.

#[test]
fn a_receiver_is_a_stream() {
    run(async {
        let (sender, mut receiver) = channel(2);
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                for item in 0..5 {
                    sender.send(item).await?;
                }
                ok(())
            });
            for item in 0..5 {
                assert_eq!(next(&mut receiver).await, Some(item));
            }
            assert_eq!(next(&mut receiver).await, None);
            assert_eq!(next(&mut receiver).await, None);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_stream_that_was_left_alone_keeps_no_item_from_others() {
    run(async {
        let (sender, receiver) = channel(1);
        let mut stream = receiver.clone();
        assert!(
            poll_once(&mut Box::pin(next(&mut stream)))
                .await
                .is_pending()
        );
        assert_eq!(sender.statistics().tasks_waiting_recv, 1);
        sender.try_send('a').unwrap();
        assert_eq!(receiver.try_recv(), Ok('a'));
        assert!(
            poll_once(&mut Box::pin(next(&mut stream)))
                .await
                .is_pending()
        );
        let mut parked = pin!(receiver.recv());
        assert!(poll_once(&mut parked).await.is_pending());
        sender.try_send('b').unwrap();
        assert_eq!(poll_once(&mut parked).await, Poll::Ready(Some('b')));
        drop(stream);
        assert_eq!(sender.statistics().tasks_waiting_recv, 0);
    });
}

#[test]
fn a_stream_that_waits_is_room_with_capacity_zero() {
    run(async {
        let (sender, mut stream) = channel(0);
        assert!(
            poll_once(&mut Box::pin(next(&mut stream)))
                .await
                .is_pending()
        );
        assert_eq!(sender.try_send('a'), Ok(()));
        assert_eq!(sender.try_send('b'), Err(TrySendError::Full('b')));
        assert_eq!(next(&mut stream).await, Some('a'));
    });
}

#[test]
fn a_stream_hears_of_what_no_parked_receiver_is_given() {
    run(async {
        let (sender, receiver) = channel(1);
        let mut stream = receiver.clone();
        let flag = Flag::new();
        let mut parked = Box::pin(receiver.recv());
        assert!(poll_once(&mut parked).await.is_pending());
        let mut waiting = Box::pin(with_waker(waker_of(&flag), next(&mut stream)));
        assert!(poll_once(&mut waiting).await.is_pending());
        assert_eq!(sender.statistics().tasks_waiting_recv, 2);

        sender.send('a').await.unwrap();
        assert_eq!(flag.count(), 0, "it went to the one who waits in `recv`");
        drop(parked);
        assert_eq!(
            flag.count(),
            1,
            "that one is gone, and the item is anybody's"
        );
        assert_eq!(poll_once(&mut waiting).await, Poll::Ready(Some('a')));
    });
}

#[test]
fn all_streams_that_wait_hear_of_an_item() {
    run(async {
        let (sender, receiver) = channel(1);
        open_nursery(async |nursery| {
            let got = Rc::new(Cell::new(0));
            for _ in 0..3 {
                let (mut receiver, got) = (receiver.clone(), Rc::clone(&got));
                nursery.start_soon(async move {
                    while let Some(item) = next(&mut receiver).await {
                        got.set(got.get() + item);
                    }
                });
            }
            drop(receiver);
            settle().await;
            for item in 1..=10 {
                sender.send(item).await?;
            }
            settle().await;
            assert_eq!(got.get(), 55);
            drop(sender);
            ok(())
        })
        .await
        .unwrap();
    });
}

// Oneshot.

#[test]
fn a_oneshot_yields_its_value_once() {
    run(async {
        let (sender, mut receiver) = oneshot();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert!(poll_once(&mut receiver).await.is_pending());
        sender.send(5).unwrap();
        assert!(receiver.is_ready());
        assert_eq!((&mut receiver).await, Ok(5));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Ended));
    });
    let again = || {
        run(async {
            let (sender, mut receiver) = oneshot();
            sender.send(5).unwrap();
            assert_eq!((&mut receiver).await, Ok(5));
            receiver.await
        })
    };
    catch(again);
}

#[test]
fn a_oneshot_whose_sender_goes_is_an_error() {
    run(async {
        let (sender, receiver) = oneshot::<u8>();
        open_nursery(async |nursery| {
            let waiting = nursery.spawn(async { ok(receiver.await) });
            settle().await;
            drop(sender);
            assert_eq!(waiting.await?, Err(NoValue));
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_oneshot_whose_receiver_goes_gives_the_value_back() {
    run(async {
        let (mut sender, receiver) = oneshot();
        assert!(poll_once(&mut Box::pin(sender.closed())).await.is_pending());
        assert!(!sender.is_closed());
        assert_eq!(receiver.close(), None);
        sender.closed().await;
        assert_eq!(sender.send('a'), Err(SendError('a')));

        let (sender, receiver) = oneshot();
        sender.send('b').unwrap();
        assert_eq!(receiver.close(), Some('b'));
    });
}

#[test]
fn a_oneshot_that_took_effect_is_told_though_cancelled_meanwhile() {
    run(async {
        let (sender, receiver) = oneshot();
        open_nursery(async |nursery| {
            let scope = CancelScope::new();
            let handle = scope.clone();
            let waiting = nursery.spawn(async move { ok(scope.run(receiver).await.ok()) });
            settle().await;
            sender.send(1).unwrap();
            handle.cancel();
            assert_eq!(waiting.await?, Some(Ok(1)));
            ok(())
        })
        .await
        .unwrap();

        let (sender, mut receiver) = oneshot();
        sender.send(2).unwrap();
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(&mut receiver).await.is_err());
        assert_eq!(receiver.await, Ok(2));
    });
}

// Watch.

#[test]
fn a_watcher_sees_the_latest_value() {
    run(async {
        let (sender, mut receiver) = watch(0);
        assert!(!receiver.has_changed());
        assert!(
            poll_once(&mut Box::pin(receiver.changed()))
                .await
                .is_pending()
        );
        assert_eq!(receiver.statistics().tasks_waiting, 0);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert!(receiver.has_changed());
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow(), 2);
        let mut late = sender.subscribe();
        assert!(!late.has_changed());
        assert!(sender.send_if_modified(|value| {
            *value += 1;
            true
        }));
        assert!(!sender.send_if_modified(|_| false));
        assert_eq!(*late.borrow_and_update(), 3);
        assert!(!late.has_changed());
        assert!(receiver.has_changed());
        drop(sender);
        // The last value is still told.
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(receiver.changed().await, Err(Closed));
        assert!(receiver.is_closed());
        assert_eq!(late.wait_for(|value| *value == 3).await.as_deref(), Ok(&3));
        assert_eq!(late.wait_for(|value| *value == 4).await, Err(Closed));
    });
}

#[test]
fn all_watchers_are_woken() {
    run(async {
        let (sender, receiver) = watch(0);
        open_nursery(async |nursery| {
            for _ in 0..3 {
                let mut receiver = receiver.clone();
                nursery.start_soon(async move {
                    receiver.wait_for(|value| *value == 2).await?;
                    ok(())
                });
            }
            for value in 1..3 {
                settle().await;
                assert_eq!(sender.statistics().tasks_waiting, 3);
                sender.send_modify(|old| *old = value);
            }
            drop(receiver);
            sender.closed().await;
            assert_eq!(sender.send(7), Err(SendError(7)));
            assert_eq!(*sender.send_replace(8), 2);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_value_that_is_looked_at_stays_as_it_is() {
    let (sender, receiver) = watch(1);
    let old = receiver.borrow();
    sender.send_modify(|value| {
        *value = 2;
        // It may look at the channel, and even send.
        assert_eq!(*receiver.borrow(), 1);
        sender.send(5).unwrap();
        assert_eq!(*receiver.borrow(), 5);
    });
    assert_eq!((*old, *receiver.borrow()), (1, 2));
    catch(|| {
        sender.send_modify(|value| {
            *value = 3;
            panic!("half-way");
        })
    });
    assert_eq!(*receiver.borrow(), 2);
}

// Broadcast.

#[test]
fn everybody_gets_every_item() {
    run(async {
        let (sender, receiver) = broadcast(2);
        open_nursery(async |nursery| {
            let receivers = [receiver.clone(), receiver];
            for mut receiver in receivers {
                nursery.start_soon(async move {
                    for item in 0..4 {
                        assert_eq!(receiver.recv().await?, Some(item));
                    }
                    assert_eq!(receiver.recv().await?, None);
                    assert_eq!(next(&mut receiver).await, None);
                    ok(())
                });
            }
            for item in 0..4 {
                assert_eq!(sender.send(item).unwrap(), 2);
                settle().await;
                // Everybody has it.
                assert_eq!(sender.statistics().buffered, 0);
            }
            drop(sender);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_slow_receiver_is_told_what_it_missed() {
    run(async {
        let (sender, mut slow) = broadcast(2);
        let mut copy = slow.clone();
        for item in 0..5 {
            sender.send(item).unwrap();
        }
        let Err(Lagged { missed, .. }) = slow.recv().await else {
            panic!("it has missed some");
        };
        assert_eq!(missed, 3);
        assert_eq!(slow.recv().await, Ok(Some(3)));
        assert_eq!(slow.try_recv(), Ok(4));
        assert_eq!(slow.try_recv(), Err(broadcast::TryRecvError::Empty));
        assert!(matches!(
            copy.try_recv(),
            Err(broadcast::TryRecvError::Lagged(Lagged { missed: 3, .. }))
        ));
        let mut late = sender.subscribe();
        sender.send(5).unwrap();
        assert_eq!(late.recv().await, Ok(Some(5)));
        // 3 has gone.
        assert!(copy.recv().await.is_err_and(|lagged| lagged.missed == 1));
        drop(sender);
        assert_eq!(copy.recv().await, Ok(Some(4)));
        assert_eq!(copy.recv().await, Ok(Some(5)));
        assert_eq!(copy.recv().await, Ok(None));
        assert_eq!(copy.try_recv(), Err(broadcast::TryRecvError::Ended));
    });
}

#[test]
fn items_go_when_nobody_waits_for_them() {
    let (sender, receiver) = broadcast(10);
    let count = Rc::new(());
    for _ in 0..3 {
        sender.send(Rc::clone(&count)).unwrap();
    }
    let mut other = receiver.clone();
    drop(other.try_recv());
    assert_eq!(Rc::strong_count(&count), 4);
    drop(receiver);
    assert_eq!(Rc::strong_count(&count), 3);
    drop(other);
    assert_eq!(Rc::strong_count(&count), 1);
    assert!(sender.send(count).is_err());
}

#[test]
fn an_item_may_use_its_broadcast_when_it_is_dropped() {
    let (sender, receiver) = broadcast(1);
    let (inner, dropped) = (sender.clone(), Rc::new(Cell::new(false)));
    let seen = Rc::clone(&dropped);
    let look: Box<dyn FnOnce()> = Box::new(move || {
        assert_eq!(inner.statistics().receivers, 0);
        seen.set(true);
    });
    let item = Rc::new(on_drop(look));
    assert!(sender.send(item).is_ok());
    drop(receiver);
    assert!(dropped.get());
}
