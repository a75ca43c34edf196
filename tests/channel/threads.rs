//! Channels between threads and tasks.

use std::thread;
use std::time::Duration;

use nestling::channel::sync::{SendBlockingError, WouldBlockRun, channel, unbounded};
use nestling::channel::{SendError, TryRecvError, TrySendError};
use nestling::{BoxError, move_on_after, ok, open_nursery};

use crate::support::{LeakCheck, run, settle, times, until};

#[test]
fn threads_feed_a_task() {
    let _leaks = LeakCheck::begin();
    for capacity in [0, 1, 10] {
        let (sender, receiver) = channel(capacity);
        let each = times(300, 10);
        thread::scope(|scope| {
            for producer in 0..3 {
                let sender = sender.clone();
                scope.spawn(move || {
                    for at in 0..each {
                        sender.send_blocking((producer, at)).unwrap();
                    }
                });
            }
            drop(sender);
            run(async {
                let mut next = [0; 3];
                while let Some((producer, at)) = receiver.recv().await {
                    assert_eq!(at, next[producer], "in order, none lost, none twice");
                    next[producer] += 1;
                }
                assert_eq!(next, [each; 3]);
            });
        });
    }
}

#[test]
fn a_task_feeds_threads() {
    let _leaks = LeakCheck::begin();
    for capacity in [0, 1, 10] {
        let (sender, receiver) = channel(capacity);
        let count = times(600, 20);
        let mut got = thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let receiver = receiver.clone();
                    scope.spawn(move || {
                        let mut got = Vec::new();
                        while let Some(item) = receiver.recv_blocking().unwrap() {
                            got.push(item);
                        }
                        assert!(got.is_sorted());
                        got
                    })
                })
                .collect();
            drop(receiver);
            run(async {
                let sender = sender;
                for item in 0..count {
                    sender.send(item).await.unwrap();
                }
            });
            let got = threads.into_iter().map(|thread| thread.join().unwrap());
            got.flatten().collect::<Vec<_>>()
        });
        got.sort_unstable();
        assert_eq!(got, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn runs_of_two_threads_talk() {
    let _leaks = LeakCheck::begin();
    let (ping, pings) = channel(1);
    let (pong, pongs) = channel(1);
    let count = times(300, 10);
    thread::scope(|scope| {
        scope.spawn(move || {
            nestling::run(async move {
                while let Some(item) = pings.recv().await {
                    pong.send(item).await.unwrap();
                }
            });
        });
        run(async move {
            for item in 0..count {
                ping.send(item).await.unwrap();
                assert_eq!(pongs.recv().await, Some(item));
            }
        });
    });
}

#[test]
fn a_thread_hears_that_the_run_has_ended() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = channel(1);
    let (back, answers) = channel::<u8>(1);
    thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            let mut sent = 0;
            loop {
                match sender.send_blocking(sent) {
                    Ok(()) => sent += 1,
                    Err(SendBlockingError::Closed(item)) => {
                        assert_eq!(item, sent);
                        return sent;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let listener = scope.spawn(move || answers.recv_blocking());
        run(async move {
            let _back = back;
            for item in 0..3 {
                assert_eq!(receiver.recv().await, Some(item));
            }
        });
        assert!(feeder.join().unwrap() >= 3);
        assert_eq!(listener.join().unwrap(), Ok(None));
    });
}

#[test]
fn a_task_hears_that_the_thread_is_gone() {
    let _leaks = LeakCheck::begin();
    run(async {
        let (sender, receiver) = channel::<u8>(1);
        let (back, answers) = channel(0);
        open_nursery(async |nursery| {
            let waiting = nursery.spawn(async { ok(receiver.recv().await) });
            let sending = nursery.spawn(async { ok(back.send(1).await) });
            let gone = nursery.spawn(back.closed());
            settle().await;
            thread::spawn(move || drop((sender, answers)))
                .join()
                .unwrap();
            assert_eq!(waiting.await?, None);
            assert_eq!(sending.await?, Err(SendError(1)));
            gone.await?;
            ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_blocking_call_on_the_thread_of_a_run_is_refused() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = channel(0);
    run(async {
        assert_eq!(receiver.recv_blocking(), Err(WouldBlockRun));
        let refused = sender.send_blocking(1);
        assert_eq!(refused, Err(SendBlockingError::OnRunThread(1)));
        assert_eq!(refused.map_err(SendBlockingError::into_item), Err(1));
        assert_eq!(sender.statistics().tasks_waiting_send, 0);
    });
}

#[test]
fn a_task_that_is_cut_off_leaves_the_item_to_a_thread() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = channel(0);
    thread::scope(|scope| {
        let other = receiver.clone();
        run(async {
            let timed_out = move_on_after(Duration::ZERO, receiver.recv()).await;
            assert_eq!(timed_out, None);
            assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
            let thread = scope.spawn(move || other.recv_blocking());
            until(|| sender.statistics().tasks_waiting_recv == 1).await;
            sender.try_send(2).unwrap();
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(thread.join().unwrap(), Ok(Some(2)));
        });
    });
}

#[test]
fn many_threads_on_both_sides() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = channel(2);
    let each = times(200, 5);
    let total: usize = thread::scope(|scope| {
        for _ in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || {
                for item in 0..each {
                    sender.send_blocking(item).unwrap();
                }
            });
        }
        drop(sender);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                scope.spawn(move || {
                    let mut sum = 0;
                    while let Some(item) = receiver.recv_blocking().unwrap() {
                        sum += item;
                    }
                    sum
                })
            })
            .collect();
        let own = run(async {
            open_nursery(async |nursery| {
                let receiver = &receiver;
                let tasks: Vec<_> = (0..2)
                    .map(|_| {
                        nursery.spawn(async move {
                            let mut sum = 0;
                            while let Some(item) = receiver.recv().await {
                                sum += item;
                            }
                            Ok::<_, BoxError>(sum)
                        })
                    })
                    .collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await?;
                }
                ok(sum)
            })
            .await
            .unwrap()
        });
        own + threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(total, 4 * each * (each - 1) / 2);
}

#[test]
fn unsent_items_come_back_to_the_thread_that_closes() {
    let _leaks = LeakCheck::begin();
    let (sender, receiver) = unbounded();
    for item in 0..3 {
        sender.try_send(item).unwrap();
    }
    let unsent = thread::spawn(move || receiver.close()).join().unwrap();
    assert_eq!(unsent, [0, 1, 2]);
    assert_eq!(sender.send_blocking(3), Err(SendBlockingError::Closed(3)));
}

#[test]
fn ends_and_futures_may_go_to_other_threads() {
    let _leaks = LeakCheck::begin();
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let (sender, receiver) = channel::<u8>(1);
    is_send(&sender);
    is_sync(&sender);
    is_send(&receiver);
    is_sync(&receiver);
    is_send(&sender.send(1));
    is_send(&receiver.recv());
}
