//! Channels: hand-off, order, ends, and what is left by those who are cut off.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nestling::channel::{
    Closed, Receiver, SendError, Sender, TryRecvError, TrySendError, channel, unbounded,
};
use nestling::{
    BoxError, CancelScope, catch_cancel, checkpoint, move_on_after, ok, open_nursery, sleep,
};

use crate::support::{
    Counts, Flag, PanicOnWake, catch, leak, message_of, poll_once, run, run_virtual, settle,
    waker_of, with_waker,
};

const TICK: Duration = Duration::from_millis(1);

/// The figures that most tests look at: buffered, and waiting to send and to receive.
fn figures<T>(sender: &Sender<T>) -> (usize, usize, usize) {
    let now = sender.statistics();
    (now.buffered, now.tasks_waiting_send, now.tasks_waiting_recv)
}

#[test]
fn items_come_out_in_order() {
    run(async {
        let (sender, receiver) = channel(3);
        for item in 0..3 {
            sender.send(item).await.unwrap();
        }
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        for item in 0..3 {
            assert_eq!(receiver.recv().await, Some(item));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn the_last_sender_ends_the_channel_for_ever() {
    run(async {
        let (sender, receiver) = channel(3);
        let clone = sender.clone();
        sender.send(1).await.unwrap();
        drop(sender);
        assert!(!receiver.is_ended());
        clone.send(2).await.unwrap();
        clone.close();
        let other = receiver.clone();
        assert!(!receiver.is_ended());
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(other.try_recv(), Ok(2));
        for _ in 0..3 {
            assert!(receiver.is_ended());
            assert_eq!(receiver.recv().await, None);
            assert_eq!(other.recv().await, None);
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Ended));
        }
    });
}

#[test]
fn the_last_receiver_gives_errors_to_senders_for_ever() {
    run(async {
        let (sender, receiver) = channel(1);
        let other = receiver.clone();
        sender.send("buffered").await.unwrap();
        assert_eq!(receiver.close(), Vec::<&str>::new());
        assert!(!sender.is_closed());
        let mut parked = pin!(sender.send("parked"));
        let mut reserving = Box::pin(sender.reserve());
        let mut closed = pin!(sender.closed());
        assert!(poll_once(&mut parked).await.is_pending());
        assert!(poll_once(&mut reserving).await.is_pending());
        assert!(poll_once(&mut closed).await.is_pending());
        assert_eq!(figures(&sender), (1, 2, 0));
        assert_eq!(other.close(), ["buffered"]);
        assert_eq!(
            poll_once(&mut parked).await,
            Poll::Ready(Err(SendError("parked")))
        );
        assert!(matches!(
            poll_once(&mut reserving).await,
            Poll::Ready(Err(Closed))
        ));
        closed.await;
        assert!(sender.is_closed());
        for _ in 0..2 {
            assert_eq!(sender.send("late").await, Err(SendError("late")));
            assert_eq!(sender.try_send("late"), Err(TrySendError::Closed("late")));
            assert!(sender.reserve().await.is_err());
            sender.closed().await;
        }
        assert_eq!(figures(&sender), (0, 0, 0));
    });
}

#[test]
fn a_parked_receiver_hears_of_the_last_sender() {
    run(async {
        let (sender, receiver) = channel::<()>(0);
        open_nursery(async |nursery| {
            let clone = sender.clone();
            nursery.start_soon(async {
                assert_eq!(receiver.recv().await, None);
            });
            settle().await;
            drop(sender);
            settle().await;
            assert_eq!(nursery.len(), 1);
            drop(clone);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_closed_end_of_one_task_wakes_nobody_else() {
    run(async {
        let (sender, receiver) = channel::<u8>(0);
        let (counts, other) = (Counts::new(), receiver.clone());
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                counts.of(async { receiver.recv().await }).await;
            });
            settle().await;
            drop(other);
            drop(sender.clone());
            settle().await;
            assert_eq!(counts.polls(), 1);
            sender.try_send(1).unwrap();
        })
        .await
        .unwrap();
    });
}

#[test]
fn nothing_is_held_with_capacity_zero() {
    run(async {
        let (sender, receiver) = channel(0);
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        let mut parked = pin!(sender.send(2));
        assert!(poll_once(&mut parked).await.is_pending());
        assert_eq!(figures(&sender), (0, 1, 0));
        // It is taken from the sender itself.
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(poll_once(&mut parked).await, Poll::Ready(Ok(())));

        let mut first = pin!(receiver.recv());
        let mut second = pin!(receiver.recv());
        assert!(poll_once(&mut first).await.is_pending());
        assert_eq!(figures(&sender), (0, 0, 1));
        sender.try_send(3).unwrap();
        // One receiver, one item.
        assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)));
        assert_eq!(figures(&sender), (0, 0, 0));
        assert!(poll_once(&mut second).await.is_pending());
        sender.send(5).await.unwrap();
        assert_eq!(first.await, Some(3));
        assert_eq!(second.await, Some(5));
        assert_eq!(sender.statistics().peak_buffered, 0);
    });
}

#[test]
fn a_send_with_capacity_zero_returns_when_its_item_was_taken() {
    run_virtual(async {
        let (sender, receiver) = channel(0);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                sleep(TICK).await;
                assert_eq!(receiver.recv().await, Some('a'));
                sleep(TICK).await;
                assert_eq!(receiver.recv().await, Some('b'));
            });
            let start = nestling::current_time();
            sender.send('a').await?;
            assert_eq!(nestling::current_time() - start, TICK);
            sender.send('b').await?;
            assert_eq!(nestling::current_time() - start, 2 * TICK);
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn many_producers() {
    run(async {
        let (sender, receiver) = channel(0);
        let mut items = open_nursery(async |nursery| {
            for producer in 0..10 {
                let sender = sender.clone();
                nursery.start_soon(async move {
                    for at in 0..3 {
                        sender.send(3 * producer + at).await?;
                    }
                    Ok::<_, BoxError>(())
                });
            }
            drop(sender);
            let mut items = Vec::new();
            while let Some(item) = receiver.recv().await {
                items.push(item);
            }
            ok(items)
        })
        .await
        .unwrap();
        items.sort_unstable();
        assert_eq!(items, (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn many_consumers_take_turns() {
    run(async {
        let (sender, receiver) = channel(1);
        let got = RefCell::new(vec![Vec::new(); 5]);
        open_nursery(async |nursery| {
            let got = &got;
            for consumer in 0..5 {
                let receiver = receiver.clone();
                nursery.start_soon(async move {
                    while let Some(item) = receiver.recv().await {
                        got.borrow_mut()[consumer].push(item);
                    }
                });
            }
            drop(receiver);
            settle().await;
            for item in 0..10 {
                sender.send(item).await?;
                settle().await;
            }
            drop(sender);
            ok(())
        })
        .await
        .unwrap();
        for (consumer, got) in got.borrow().iter().enumerate() {
            assert_eq!(got, &[consumer, consumer + 5]);
        }
    });
}

#[test]
fn a_parked_receiver_owns_the_next_item() {
    run(async {
        let (sender, receiver) = channel(1);
        let mut parked = pin!(receiver.recv());
        assert!(poll_once(&mut parked).await.is_pending());
        sender.try_send('a').unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(figures(&sender), (0, 0, 0));
        // What comes after it is free.
        sender.try_send('b').unwrap();
        assert_eq!(receiver.try_recv(), Ok('b'));
        let mut late = pin!(receiver.recv());
        assert!(poll_once(&mut late).await.is_pending());
        assert_eq!(parked.await, Some('a'));
    });
}

#[test]
fn a_parked_sender_owns_the_next_slot() {
    run(async {
        let (sender, receiver) = channel(1);
        sender.try_send('a').unwrap();
        let mut parked = pin!(sender.send('b'));
        let mut behind = pin!(sender.send('c'));
        assert!(poll_once(&mut parked).await.is_pending());
        assert!(poll_once(&mut behind).await.is_pending());
        assert_eq!(receiver.try_recv(), Ok('a'));
        assert_eq!(sender.try_send('x'), Err(TrySendError::Full('x')));
        assert_eq!(figures(&sender), (1, 1, 0));
        assert_eq!(receiver.recv().await, Some('b'));
        assert_eq!(receiver.recv().await, Some('c'));
        assert_eq!(parked.await, Ok(()));
        assert_eq!(behind.await, Ok(()));
    });
}

#[test]
fn receivers_get_their_own_items_in_whatever_order_they_are_polled() {
    run(async {
        let (sender, receiver) = channel(0);
        let mut parked: Vec<_> = (0..4).map(|_| receiver.recv()).collect();
        for future in &mut parked {
            assert!(poll_once(future).await.is_pending());
        }
        for item in 0..4 {
            sender.try_send(item).unwrap();
        }
        for at in [2, 0, 3, 1] {
            assert_eq!(poll_once(&mut parked[at]).await, Poll::Ready(Some(at)));
        }
    });
}

#[test]
fn an_item_of_a_receiver_that_is_dropped_goes_on_in_order() {
    run(async {
        let (sender, receiver) = channel(0);
        let mut parked: Vec<_> = (0..3).map(|_| Box::pin(receiver.recv())).collect();
        for future in &mut parked {
            assert!(poll_once(future).await.is_pending());
        }
        sender.try_send('a').unwrap();
        sender.try_send('b').unwrap();
        // The second one moves up to the first item, the third to the second.
        drop(parked.remove(0));
        assert_eq!(poll_once(&mut parked[1]).await, Poll::Ready(Some('b')));
        drop(parked);
        // It is the next one again; nobody sends over it.
        assert_eq!(figures(&sender), (1, 0, 0));
        assert_eq!(sender.try_send('c'), Err(TrySendError::Full('c')));
        assert_eq!(receiver.try_recv(), Ok('a'));
    });
}

/// The first in an empty line is handed its item without the line; those behind it stand in the line.
#[test]
fn one_that_waited_alone_gives_its_item_back_in_order() {
    run(async {
        let (sender, receiver) = channel(2);
        let mut alone = Box::pin(receiver.recv());
        assert!(poll_once(&mut alone).await.is_pending());
        assert_eq!(figures(&sender), (0, 0, 1));
        for item in ['a', 'b', 'c'] {
            sender.send(item).await.unwrap();
        }
        assert_eq!(sender.try_send('d'), Err(TrySendError::Full('d')));
        assert_eq!(figures(&sender), (2, 0, 0));
        drop(alone);
        assert_eq!(figures(&sender), (3, 0, 0));
        for item in ['a', 'b', 'c'] {
            assert_eq!(receiver.recv().await, Some(item));
        }
    });
}

#[test]
fn one_that_comes_while_others_wait_stands_behind_them() {
    run(async {
        let (sender, receiver) = channel(1);
        let [mut first, mut second, mut third] = [(); 3].map(|()| Box::pin(receiver.recv()));
        assert!(poll_once(&mut first).await.is_pending());
        assert!(poll_once(&mut second).await.is_pending());
        sender.send('a').await.unwrap();
        assert_eq!(poll_once(&mut first).await, Poll::Ready(Some('a')));
        // The place of the first one is empty, but the line is not.
        assert!(poll_once(&mut third).await.is_pending());
        assert_eq!(figures(&sender), (0, 0, 2));
        sender.send('b').await.unwrap();
        assert!(poll_once(&mut third).await.is_pending());
        assert_eq!(poll_once(&mut second).await, Poll::Ready(Some('b')));
        sender.send('c').await.unwrap();
        assert_eq!(poll_once(&mut third).await, Poll::Ready(Some('c')));
    });
}

#[test]
fn one_that_waits_alone_is_woken_through_its_newest_waker() {
    run(async {
        let (sender, receiver) = channel(1);
        let flags = [(); 2].map(|()| Flag::new());
        let mut parked = pin!(receiver.recv());
        for flag in &flags {
            let mut polled = pin!(with_waker(waker_of(flag), parked.as_mut()));
            assert!(poll_once(&mut polled).await.is_pending());
        }
        assert_eq!(Arc::strong_count(&flags[0]), 1, "nobody keeps the old one");
        sender.send('a').await.unwrap();
        assert_eq!(flags.each_ref().map(|flag| flag.count()), [0, 1]);
        assert_eq!(parked.await, Some('a'));
    });
}

#[test]
fn permits_are_kept_from_one_that_waits_alone() {
    run(async {
        let (sender, receiver) = channel(1);
        let mut parked = pin!(receiver.recv());
        assert!(poll_once(&mut parked).await.is_pending());
        let permits = [(); 2].map(|()| sender.try_reserve().unwrap());
        // Its waiting is room as well; both are reserved.
        assert_eq!(sender.try_send('x'), Err(TrySendError::Full('x')));
        let mut sending = pin!(sender.send('c'));
        assert!(poll_once(&mut sending).await.is_pending());
        let [first, second] = permits;
        first.send('a').unwrap();
        assert!(poll_once(&mut sending).await.is_pending());
        assert_eq!(parked.await, Some('a'));
        second.send('b').unwrap();
        assert_eq!(receiver.recv().await, Some('b'));
        assert_eq!(sending.await, Ok(()));
        assert_eq!(receiver.recv().await, Some('c'));
    });
}

/// A future that is leaked after it was handed its item holds on to it only as long as somebody may ask.
#[test]
fn closing_gives_back_what_a_leaked_receive_owned() {
    run(async {
        let (sender, receiver) = channel(2);
        let mut leaked = Box::pin(receiver.recv());
        assert!(poll_once(&mut leaked).await.is_pending());
        leak(leaked);
        for item in ['a', 'b'] {
            sender.send(item).await.unwrap();
        }
        assert_eq!(receiver.close(), ['a', 'b']);
    });
}

#[test]
fn the_end_is_not_told_while_an_item_may_come_back() {
    run(async {
        let (sender, receiver) = channel(0);
        let mut first = Box::pin(receiver.recv());
        let mut second = pin!(receiver.recv());
        assert!(poll_once(&mut first).await.is_pending());
        assert!(poll_once(&mut second).await.is_pending());
        sender.try_send('a').unwrap();
        drop(sender);
        assert!(!receiver.is_ended());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert!(poll_once(&mut second).await.is_pending());
        drop(first);
        assert_eq!(second.await, Some('a'));
        assert_eq!(receiver.recv().await, None);
    });
}

#[test]
fn a_receiver_waits_for_the_end_behind_one_that_takes_the_last_item() {
    run(async {
        let (sender, receiver) = channel(0);
        open_nursery(async |nursery| {
            let first = nursery.spawn(async { ok(receiver.recv().await) });
            let second = nursery.spawn(async { ok(receiver.recv().await) });
            settle().await;
            sender.try_send('a').unwrap();
            drop(sender);
            assert_eq!(first.await?, Some('a'));
            assert_eq!(second.await?, None);
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_receive_that_timed_out_eats_nothing() {
    run_virtual(async {
        let (sender, receiver) = channel(0);
        assert_eq!(move_on_after(TICK, receiver.recv()).await, None);
        assert_eq!(figures(&sender), (0, 0, 0));
        assert!(sender.try_send(1).is_err());
        assert_eq!(move_on_after(TICK, sender.send(2)).await, None);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        open_nursery(async |nursery| {
            nursery.start_soon(async { sender.send(3).await });
            assert_eq!(receiver.recv().await, Some(3));
        })
        .await
        .unwrap();
    });
}

#[test]
fn in_a_cancelled_context_nothing_is_sent_or_received() {
    run(async {
        let (sender, receiver) = channel(2);
        sender.try_send(1).unwrap();
        let cancelled = || {
            let scope = CancelScope::new();
            scope.cancel();
            scope
        };
        assert!(cancelled().run(sender.send(2)).await.is_err());
        assert!(cancelled().run(receiver.recv()).await.is_err());
        assert!(cancelled().run(sender.reserve()).await.is_err());
        assert!(cancelled().run(sender.closed()).await.is_err());
        assert_eq!(figures(&sender), (1, 0, 0));
    });
}

#[test]
fn what_took_effect_is_told_though_cancelled_meanwhile() {
    run(async {
        let (sender, receiver) = channel(0);
        open_nursery(async |nursery| {
            let scope = CancelScope::new();
            let (handle, receiver) = (scope.clone(), &receiver);
            let task = nursery.spawn(async move { ok(scope.run(receiver.recv()).await) });
            settle().await;
            sender.try_send('a').unwrap();
            handle.cancel();
            assert_eq!(task.await?.ok(), Some(Some('a')));

            let scope = CancelScope::new();
            let (handle, sender) = (scope.clone(), &sender);
            let task = nursery.spawn(async move { ok(scope.run(sender.send('b')).await) });
            settle().await;
            assert_eq!(receiver.try_recv(), Ok('b'));
            handle.cancel();
            assert_eq!(task.await?.ok(), Some(Ok(())));
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_permit_is_room_for_one() {
    run(async {
        let (sender, receiver) = channel(1);
        let permit = sender.reserve().await.unwrap();
        assert_eq!(sender.try_send('x'), Err(TrySendError::Full('x')));
        assert!(sender.try_reserve().is_err_and(|error| error.is_full()));
        assert_eq!(figures(&sender), (0, 0, 0));
        let mut next = Box::pin(sender.reserve());
        assert!(poll_once(&mut next).await.is_pending());
        permit.send('a').unwrap();
        assert!(poll_once(&mut next).await.is_pending());
        assert_eq!(receiver.try_recv(), Ok('a'));
        let Poll::Ready(Ok(permit)) = poll_once(&mut next).await else {
            panic!("there is room");
        };
        drop(permit);
        sender.try_send('b').unwrap();
        let mut reserving = Box::pin(sender.reserve());
        let mut sending = pin!(sender.send('c'));
        assert!(poll_once(&mut reserving).await.is_pending());
        assert!(poll_once(&mut sending).await.is_pending());
        assert_eq!(receiver.try_recv(), Ok('b'));
        // It has been given the room, and gives it to the next one.
        drop(reserving);
        assert_eq!(poll_once(&mut sending).await, Poll::Ready(Ok(())));
        assert_eq!(receiver.try_recv(), Ok('c'));
    });
}

#[test]
fn a_permit_of_capacity_zero_is_a_receiver_that_waits() {
    run(async {
        let (sender, receiver) = channel(0);
        assert!(sender.try_reserve().is_err());
        let mut reserving = Box::pin(sender.reserve());
        assert!(poll_once(&mut reserving).await.is_pending());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let mut parked = Box::pin(receiver.recv());
        assert!(poll_once(&mut parked).await.is_pending());
        let Poll::Ready(Ok(permit)) = poll_once(&mut reserving).await else {
            panic!("a receiver waits");
        };
        assert!(sender.try_send('x').is_err());
        drop(parked);
        permit.send('a').unwrap();
        assert_eq!(receiver.recv().await, Some('a'));
    });
}

#[test]
fn a_permit_of_a_closed_channel_gives_the_item_back() {
    run(async {
        let (sender, receiver) = channel(1);
        let permit = sender.reserve().await.unwrap();
        let unused = sender.try_reserve();
        assert!(unused.is_err());
        drop(receiver);
        assert_eq!(permit.send('a'), Err(SendError('a')));
    });
}

#[test]
fn figures_are_told() {
    run(async {
        let (sender, receiver) = channel(2);
        let (second, other) = (sender.clone(), receiver.clone());
        for item in 0..2 {
            sender.try_send(item).unwrap();
        }
        let mut parked = Box::pin(sender.send(2));
        assert!(poll_once(&mut parked).await.is_pending());
        let now = sender.statistics();
        assert_eq!(now, receiver.statistics());
        assert_eq!((now.buffered, now.capacity), (2, Some(2)));
        assert_eq!((now.senders, now.receivers), (2, 2));
        assert_eq!((now.tasks_waiting_send, now.tasks_waiting_recv), (1, 0));
        assert_eq!(format!("{sender:?}"), "Sender of Channel(2 of 2)");
        drop(parked);
        drop((second, other));
        while receiver.try_recv().is_ok() {}
        let now = sender.statistics();
        assert_eq!((now.senders, now.receivers), (1, 1));
        assert_eq!((now.buffered, now.peak_buffered), (0, 2));
    });
}

#[test]
fn an_unbounded_channel_never_waits() {
    run(async {
        let (sender, receiver) = unbounded();
        for item in 0..1000 {
            sender.try_send(item).unwrap();
        }
        assert_eq!(sender.statistics().capacity, None);
        assert_eq!(sender.statistics().peak_buffered, 1000);
        assert_eq!(receiver.close().len(), 1000);
    });
}

#[test]
fn a_channel_outlives_its_run() {
    let (sender, receiver) = channel(1);
    run(async { sender.send(1).await.unwrap() });
    run(async { assert_eq!(receiver.recv().await, Some(1)) });
    assert_eq!(sender.statistics().buffered, 0);
}

#[test]
fn a_loop_over_a_full_channel_lets_others_run() {
    run(async {
        let (sender, receiver) = unbounded();
        let turns = Cell::new(0);
        for item in 0..1000 {
            sender.try_send(item).unwrap();
        }
        drop(sender);
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                loop {
                    turns.set(turns.get() + 1);
                    checkpoint().await;
                }
            });
            while receiver.recv().await.is_some() {}
        })
        .await
        .unwrap();
        assert!(turns.get() >= 1000 / 128, "{turns:?}");
    });
}

/// An item that panics when it is dropped, and counts that.
struct Bomb(Rc<Cell<usize>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("an item panics when it is dropped");
    }
}

#[test]
fn items_that_panic_when_they_are_dropped_are_all_dropped() {
    let drops = Rc::new(Cell::new(0));
    let (sender, receiver) = channel(3);
    for _ in 0..3 {
        assert!(sender.try_send(Bomb(Rc::clone(&drops))).is_ok());
    }
    let message = message_of(|| drop(receiver));
    assert_eq!(message, "an item panics when it is dropped");
    assert_eq!(drops.get(), 3);
    let Err(error) = sender.try_send(Bomb(Rc::clone(&drops))) else {
        panic!("it is closed");
    };
    assert!(error.is_closed());
    catch(|| drop(error));
}

#[test]
fn an_item_may_use_its_channel_when_it_is_dropped() {
    struct Reentrant(Rc<RefCell<Option<Sender<Reentrant>>>>, Rc<Cell<bool>>);
    impl Drop for Reentrant {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                assert!(sender.is_closed());
                let more = Reentrant(Rc::default(), Rc::clone(&self.1));
                assert!(sender.try_send(more).is_err());
                drop(sender.clone());
                self.1.set(true);
            }
        }
    }
    let (sender, receiver) = channel(1);
    let done = Rc::new(Cell::new(false));
    let inside = Rc::new(RefCell::new(Some(sender.clone())));
    let item = Reentrant(inside, Rc::clone(&done));
    assert!(sender.try_send(item).is_ok());
    drop(receiver);
    assert!(done.get());
}

#[test]
fn a_waker_that_panics_leaves_the_others_to_be_woken() {
    run(async {
        let (sender, receiver) = channel::<u8>(0);
        let flag = Flag::new();
        let bad = waker_of(&std::sync::Arc::new(PanicOnWake));
        let good = waker_of(&flag);
        let mut first = Box::pin(with_waker(bad, receiver.recv()));
        let mut second = Box::pin(with_waker(good, receiver.recv()));
        assert!(poll_once(&mut first).await.is_pending());
        assert!(poll_once(&mut second).await.is_pending());
        catch(|| drop(sender));
        assert_eq!(flag.count(), 1);
        assert_eq!(first.await, None);
        assert_eq!(second.await, None);
    });
}

#[test]
fn a_receiver_that_wakes_another_one_may_panic_in_that() {
    run(async {
        let (sender, receiver) = channel::<u8>(0);
        let bad = waker_of(&std::sync::Arc::new(PanicOnWake));
        let mut first = Box::pin(receiver.recv());
        let mut second = Box::pin(with_waker(bad, receiver.recv()));
        assert!(poll_once(&mut first).await.is_pending());
        assert!(poll_once(&mut second).await.is_pending());
        sender.try_send(1).unwrap();
        drop(sender);
        // It takes the last item, and so tells the other one of the end.
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        catch(|| first.as_mut().poll(&mut cx));
        drop(first);
        assert_eq!(second.await, None);
        assert_eq!(receiver.statistics().tasks_waiting_recv, 0);
    });
}

#[test]
fn a_send_whose_waker_panics_has_sent() {
    run(async {
        let (sender, receiver) = channel::<u8>(0);
        let bad = waker_of(&std::sync::Arc::new(PanicOnWake));
        let mut first = Box::pin(with_waker(bad, receiver.recv()));
        assert!(poll_once(&mut first).await.is_pending());
        catch(|| sender.try_send(1));
        assert_eq!(first.await, Some(1));
    });
}

#[test]
fn a_cut_off_task_hands_its_item_on() {
    run(async {
        let (sender, receiver) = channel(0);
        open_nursery(async |nursery| {
            let scope = CancelScope::new();
            let handle = scope.clone();
            let receiver: &Receiver<u8> = &receiver;
            nursery.start_soon(async move {
                // It is handed an item, but polled no more: the future around it ends first.
                let caught = catch_cancel(async {
                    let mut parked = receiver.recv();
                    assert!(poll_once(&mut parked).await.is_pending());
                    sleep(Duration::from_secs(3600)).await;
                    parked.await
                });
                // Cut off, as is known.
                scope.run(caught).await.ok();
            });
            settle().await;
            sender.try_send(1).unwrap();
            handle.cancel();
            assert_eq!(receiver.recv().await, Some(1));
        })
        .await
        .unwrap();
    });
}
