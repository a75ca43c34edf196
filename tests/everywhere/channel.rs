//! Every future of the channels, cancelled, dropped and made to panic at each of its awaits.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use nestling::channel::{WorkQueue, broadcast, channel, oneshot, sync, watch};
use nestling::{BoxError, Nursery, checkpoint, ok, open_nursery};

use crate::probe::{Probe, Time, everywhere, everywhere_in};
use crate::support::select;

/// An item that knows where all of its kind are.
struct Item(#[expect(dead_code, reason = "counts the items")] Rc<()>);

/// That it was cancelled is known; nothing fails but for want of the other side.
fn report(_: Result<(), nestling::NurseryError>) {}

#[test]
fn sending_and_receiving() {
    for capacity in [0, 1, 3] {
        let items = &Rc::new(());
        everywhere(async |probe| {
            let (sender, receiver) = channel(capacity);
            let sent = RefCell::new(Vec::new());
            let got = RefCell::new(Vec::new());
            let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
                let (sent, got) = (&sent, &got);
                for producer in 0..2 {
                    let sender = sender.clone();
                    nursery.start_soon(async move {
                        let _guard = probe.guard();
                        for at in 0..2 {
                            let item = (10 * producer + at, Item(Rc::clone(items)));
                            let number = item.0;
                            probe.at(sender.send(item)).await.map_err(|_| "closed")?;
                            sent.borrow_mut().push(number);
                        }
                        Ok::<_, BoxError>(())
                    });
                }
                for _ in 0..2 {
                    let receiver = receiver.clone();
                    nursery.start_soon(async move {
                        let _guard = probe.guard();
                        while let Some((number, _item)) = probe.at(receiver.recv()).await {
                            got.borrow_mut().push(number);
                            probe.at(checkpoint()).await;
                        }
                    });
                }
                let sender = sender;
                let permit = probe.at(sender.reserve()).await?;
                permit
                    .send((100, Item(Rc::clone(items))))
                    .map_err(|_| "closed")?;
                sent.borrow_mut().push(100);
                ok(())
            });
            report(probe.at(nursery).await);
            // What was sent was received, or is still there.
            let mut all = got.take();
            all.extend(receiver.close().iter().map(|(number, _)| *number));
            for number in sent.take() {
                assert!(all.contains(&number), "{number} is lost");
            }
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "an item was received twice");
        });
        assert_eq!(Rc::strong_count(items), 1, "an item is left");
    }
}

#[test]
fn waiting_that_is_given_up() {
    everywhere(async |probe| {
        let (sender, receiver) = channel(0);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (sender, receiver) = (&sender, &receiver);
            for _ in 0..2 {
                nursery.start_soon(async move {
                    let _guard = probe.guard();
                    select(probe.at(receiver.recv()), probe.at(checkpoint())).await;
                    select(probe.at(checkpoint()), probe.at(receiver.recv())).await;
                    select(probe.at(sender.send(1)), probe.at(checkpoint())).await;
                    select(probe.at(sender.reserve()), probe.at(checkpoint())).await;
                    select(probe.at(sender.closed()), probe.at(checkpoint())).await;
                });
            }
        });
        report(probe.at(nursery).await);
        let now = sender.statistics();
        assert_eq!((now.tasks_waiting_send, now.tasks_waiting_recv), (0, 0));
    });
}

async fn next<S: futures_core::Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[test]
fn streams() {
    everywhere(async |probe| {
        let (sender, mut receiver) = channel(0);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(async move {
                let _guard = probe.guard();
                for item in 0..3 {
                    probe.at(sender.send(item)).await.ok();
                }
            });
            let mut expected = 0;
            while let Some(item) = probe.at(next(&mut receiver)).await {
                assert_eq!(item, expected);
                expected += 1;
            }
            assert_eq!(expected, 3);
        });
        report(probe.at(nursery).await);
    });
}

#[test]
fn oneshots() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let (sender, receiver) = oneshot();
            let (mut unused, unsent) = oneshot::<u8>();
            nursery.start_soon(async move {
                let _guard = probe.guard();
                probe.at(checkpoint()).await;
                sender.send(7).ok();
                probe.at(unused.closed()).await;
            });
            assert_eq!(probe.at(receiver).await, Ok(7));
            drop(unsent);
            ok(())
        });
        report(probe.at(nursery).await);
    });
}

#[test]
fn broadcasts() {
    everywhere(async |probe| {
        let (sender, receiver) = broadcast(2);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            for _ in 0..2 {
                let mut receiver = sender.subscribe();
                nursery.start_soon(async move {
                    let _guard = probe.guard();
                    for item in 0..3 {
                        assert_eq!(probe.at(receiver.recv()).await, Ok(Some(item)));
                    }
                    assert_eq!(probe.at(receiver.recv()).await, Ok(None));
                });
            }
            drop(receiver);
            let sender = sender;
            for item in 0..3 {
                sender.send(item).ok();
                probe.at(checkpoint()).await;
                probe.at(checkpoint()).await;
            }
        });
        report(probe.at(nursery).await);
    });
}

#[test]
fn watching() {
    everywhere(async |probe| {
        let (sender, mut receiver) = watch(0);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            let mut other = receiver.clone();
            nursery.start_soon(async move {
                let _guard = probe.guard();
                probe.at(other.wait_for(|value| *value == 2)).await?;
                Ok::<_, BoxError>(())
            });
            nursery.start_soon(async move {
                let _guard = probe.guard();
                while probe.at(receiver.changed()).await.is_ok() {}
            });
            let sender = sender;
            let waiter = sender.clone();
            nursery.task().daemon().start_soon(async move {
                let _guard = probe.guard();
                probe.at(waiter.closed()).await;
            });
            for value in 1..3 {
                probe.at(checkpoint()).await;
                sender.send_modify(|old| *old = value);
            }
            probe.at(checkpoint()).await;
            nursery.cancel();
        });
        report(probe.at(nursery).await);
    });
}

async fn work(probe: &Probe, queue: &WorkQueue<u32>) {
    let _guard = probe.guard();
    while let Some(_job) = probe.at(queue.get()).await {
        probe.at(checkpoint()).await;
    }
}

#[test]
fn work_queues() {
    everywhere(async |probe| {
        let queue = WorkQueue::priority(1);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            for _ in 0..2 {
                nursery.start_soon(work(probe, &queue));
            }
            for job in 0..4 {
                probe.at(queue.put(job)).await.map_err(|_| "shut down")?;
            }
            probe.at(queue.join()).await;
            queue.shutdown();
            assert!(probe.at(queue.put(9)).await.is_err());
            ok(())
        });
        report(probe.at(nursery).await);
        let now = queue.statistics();
        assert_eq!(
            now.unfinished, now.queued,
            "a job is neither queued nor done"
        );
        assert_eq!(
            (
                now.tasks_waiting_put,
                now.tasks_waiting_get,
                now.tasks_waiting_join
            ),
            (0, 0, 0)
        );
        // Room and jobs are where they were.
        while queue.try_get().is_ok() {}
        if !queue.is_shut_down() {
            assert!(queue.try_put(1).is_ok());
            assert!(queue.try_put(1).is_err());
        }
    });
}

#[test]
fn channels_between_threads() {
    everywhere_in(Time::Real, async |probe| {
        let (sender, receiver) = sync::channel(1);
        let nursery = open_nursery(async |nursery: &Nursery<'_, '_>| {
            nursery.start_soon(async move {
                let _guard = probe.guard();
                for item in 0..3 {
                    probe.at(sender.send(item)).await.ok();
                }
                probe.at(sender.closed()).await;
            });
            for item in 0..3 {
                assert_eq!(probe.at(receiver.recv()).await, Some(item));
            }
            drop(receiver);
        });
        report(probe.at(nursery).await);
    });
}
