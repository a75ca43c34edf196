//! Fairness: rules R1 to R3, R6 and K9, cases 6 and 47, and the budget of 128 checkpoints.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::support::{
    Counts, Either, Log, Unordered, join_all, park, run, run_with, select, settle, times, until,
    yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, RunHandle, checkpoint, ok, open_nursery, poll_proceed, sleep, sleep_forever,
};

/// The number of checkpoints that one poll of one task may pass.
const BUDGET: usize = 128;

/// An operation that could always complete at once.
async fn always_ready() {
    poll_fn(poll_proceed).await;
}

/// Wakes itself whenever it is polled, until it is dropped, and is no checkpoint.
async fn self_waking() {
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn each_ready_task_takes_one_step_a_turn() {
    let steps = RefCell::new(vec![0_usize; 20]);
    run(async {
        open_nursery(async |nursery| {
            for number in 0..20 {
                let steps = &steps;
                nursery.start_soon(async move {
                    for _ in 0..50 {
                        steps.borrow_mut()[number] += 1;
                        let (least, most) = {
                            let steps = steps.borrow();
                            (*steps.iter().min().unwrap(), *steps.iter().max().unwrap())
                        };
                        assert!(most - least <= 1, "nobody is ahead of the others");
                        checkpoint().await;
                    }
                });
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_becomes_ready_during_a_turn_waits_for_the_next() {
    let log = Log::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                log.say("first");
                nursery.start_soon(async { log.say("started in that turn") });
            });
            nursery.start_soon(async { log.say("second") });
        })
        .await
        .unwrap();
    });
    log.expect(&["first", "second", "started in that turn"]);
}

#[test]
fn a_task_that_finds_everything_ready_yields_after_128_checkpoints() {
    let passed = Cell::new(0);
    let turns = RefCell::new(Vec::new());
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for _ in 0..10 * BUDGET {
                    always_ready().await;
                    passed.set(passed.get() + 1);
                }
            });
            while passed.get() < 10 * BUDGET {
                checkpoint().await;
                turns.borrow_mut().push(passed.get());
            }
        })
        .await
        .unwrap();
    });
    let turns = turns.into_inner();
    let most = turns
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap();
    assert_eq!(most, BUDGET, "{turns:?}");
}

#[test]
fn the_budget_is_each_child_s_own() {
    // Were it the nursery's, the work of many children would take many turns.
    let done = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            for _ in 0..50 {
                nursery.start_soon(async {
                    for _ in 0..BUDGET {
                        always_ready().await;
                    }
                    done.set(done.get() + 1);
                });
            }
            yield_n(2).await;
            assert_eq!(done.get(), 50);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_does_not_spend_its_parent_s_budget() {
    run(async {
        let counts = Counts::new();
        counts
            .of(async {
                open_nursery(async |nursery| {
                    nursery.start_soon(async {
                        for _ in 0..BUDGET - 1 {
                            always_ready().await;
                        }
                    });
                    yield_n(2).await;
                })
                .await
                .unwrap();
                let before = counts.polls();
                for _ in 0..BUDGET / 2 {
                    always_ready().await;
                }
                assert_eq!(counts.polls(), before, "it did not have to yield");
            })
            .await;
    });
}

#[test]
fn awaiting_finished_children_yields_too() {
    let turns = Cell::new(0);
    run(async {
        open_nursery(async |nursery| {
            let handles: Vec<_> = (0..10 * BUDGET)
                .map(|number| nursery.spawn(async move { ok(number) }))
                .collect();
            settle().await;
            nursery.task().daemon().start_soon(async {
                loop {
                    turns.set(turns.get() + 1);
                    checkpoint().await;
                }
            });
            for handle in handles {
                handle.await.unwrap();
            }
        })
        .await
        .unwrap();
    });
    assert!(turns.get() >= 9, "{}", turns.get());
}

#[test]
fn a_self_waking_child_starves_neither_siblings_nor_the_body() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(counts.of(self_waking()));
            nursery.start_soon(yield_n(100));
            yield_n(100).await;
        })
        .await
        .unwrap();
    });
    assert!((100..=110).contains(&counts.polls()), "{counts:?}");
}

#[test]
fn a_self_waking_child_does_not_starve_timers() {
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(self_waking());
            sleep(Duration::from_millis(2)).await;
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_timer_is_late_by_a_bounded_number_of_polls() {
    let clock = MockClock::new();
    let polls = Counts::new();
    run_with(Builder::new().clock(clock.clone()), async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(polls.of(self_waking()));
            let sleeping = nursery.spawn(sleep(Duration::from_secs(1)));
            settle().await;
            let before = polls.polls();
            clock.jump(Duration::from_secs(1));
            sleeping.await.unwrap();
            assert!(polls.polls() - before <= 64, "{}", polls.polls() - before);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_self_waking_child_does_not_starve_wake_ups_of_other_threads() {
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(self_waking());
            for _ in 0..times(100, 3) {
                park(|waker| {
                    thread::spawn(move || waker.wake());
                })
                .await;
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_self_waking_child_does_not_starve_run_soon() {
    let called = Arc::new(AtomicBool::new(false));
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(self_waking());
            let (own, handle) = (Arc::clone(&called), RunHandle::current());
            thread::spawn(move || {
                handle
                    .run_soon(move || own.store(true, Ordering::SeqCst))
                    .unwrap()
            });
            until(|| called.load(Ordering::SeqCst)).await;
        })
        .await
        .unwrap();
    });
}

#[cfg(unix)]
#[test]
fn a_self_waking_child_does_not_starve_io() {
    use nestling::io::Io;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let server = Io::new(server).unwrap();
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(self_waking());
            for _ in 0..10 {
                let mut buffer = [0; 8];
                let reading = server.read_with(|mut stream| stream.read(&mut buffer));
                let writing = async {
                    settle().await;
                    client.write_all(b"x").unwrap();
                    sleep_forever().await;
                };
                let Either::First(count) = select(reading, writing).await else {
                    unreachable!()
                };
                assert_eq!(count.unwrap(), 1);
            }
        })
        .await
        .unwrap();
    });
}

#[cfg(unix)]
#[test]
fn io_that_is_always_ready_yields_after_128_operations() {
    use nestling::io::Io;
    use std::net::TcpListener;

    run(async {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = Io::new(socket).unwrap();
        let done = Cell::new(0);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for _ in 0..5 * BUDGET {
                    socket.write_with(|_| Ok(())).await.unwrap();
                    done.set(done.get() + 1);
                }
            });
            let mut last = 0;
            while done.get() < 5 * BUDGET {
                checkpoint().await;
                assert!(done.get() - last <= BUDGET, "{} at once", done.get() - last);
                last = done.get();
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_self_waking_body_and_a_self_waking_main_starve_nobody() {
    run(async {
        let timer = async {
            open_nursery(async |nursery| {
                nursery.start_soon(sleep(Duration::from_millis(2)));
                let body = async {
                    for _ in 0..1000 {
                        checkpoint().await;
                    }
                };
                body.await;
            })
            .await
            .unwrap();
        };
        // The main future wakes itself all the while.
        assert!(matches!(
            select(timer, self_waking()).await,
            Either::First(())
        ));
    });
}

#[test]
fn a_nursery_goes_on_within_a_poll_while_nothing_else_is_ready() {
    let counts = Counts::new();
    let nursery = open_nursery(async |nursery| {
        nursery.start_soon(yield_n(50));
    });
    run(counts.of(nursery)).unwrap();
    // And one more as it lets others run before it ends.
    assert!(counts.polls() <= 2, "{} polls", counts.polls());
}

/// Such a waker once made its nursery count as one that has something ready, for as long as it lived.
#[test]
fn a_waker_that_outlives_its_nursery_keeps_no_other_from_going_on() {
    let counts = Counts::new();
    run(async {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
        let body = open_nursery(async |_| ok(waker.await)).await.unwrap();
        body.wake_by_ref();
        let nursery = open_nursery(async |nursery| nursery.start_soon(yield_n(50)));
        counts.of(nursery).await.unwrap();
    });
    assert!(counts.polls() <= 2, "{} polls", counts.polls());
}

#[test]
fn two_busy_nurseries_of_one_task_take_turns() {
    let turns = RefCell::new(Vec::new());
    let busy = |name: char| {
        let turns = &turns;
        async move {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    for _ in 0..200 {
                        turns.borrow_mut().push(name);
                        checkpoint().await;
                    }
                });
            })
            .await
            .unwrap();
        }
    };
    run(async { join_all([busy('a'), busy('b')]).await });
    let turns = turns.into_inner();
    // The first does not know of the second before that has been polled.
    let alone = turns.iter().take_while(|&&name| name == 'a').count();
    assert!(alone <= 61, "{alone} turns");
    let both = &turns[alone..2 * (200 - alone)];
    let is_fair = both.chunks(2).all(|pair| pair == ['b', 'a']);
    assert!(is_fair, "{both:?}");
}

#[test]
fn what_stands_beside_a_busy_nursery_in_its_task_is_polled_within_61_polls() {
    let (polls, most) = (Cell::new(0), Cell::new(0));
    let busy = async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                loop {
                    polls.set(polls.get() + 1);
                    checkpoint().await;
                }
            });
        })
        .await
    };
    let beside = async {
        for _ in 0..100 {
            most.set(most.get().max(polls.take()));
            checkpoint().await;
        }
    };
    run(async { assert!(matches!(select(busy, beside).await, Either::Second(()))) });
    assert!(most.get() > 0, "they take turns");
    assert!(most.get() <= 61, "{} polls at a time", most.get());
}

#[test]
fn a_busy_nursery_lets_messages_in_between_two_turns() {
    let arrived = Arc::new(AtomicBool::new(false));
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for _ in 0..200 {
                    arrived.store(false, Ordering::SeqCst);
                    let arrived = Arc::clone(&arrived);
                    let arrives = Arc::clone(&arrived);
                    RunHandle::current()
                        .run_soon(move || arrives.store(true, Ordering::SeqCst))
                        .unwrap();
                    checkpoint().await;
                    assert!(arrived.load(Ordering::SeqCst));
                }
            });
        })
        .await
        .unwrap();
    });
}

#[test]
fn busy_children_of_two_nurseries_share_the_turns() {
    let (left, right) = (Counts::new(), Counts::new());
    run(async {
        open_nursery(async |outer| {
            for counts in [&left, &right] {
                outer.task().daemon().start_soon(async move {
                    open_nursery(async |nursery| {
                        for _ in 0..3 {
                            nursery.start_soon(counts.of(self_waking()));
                        }
                    })
                    .await
                });
            }
            yield_n(100).await;
        })
        .await
        .unwrap();
    });
    let (left, right) = (left.polls(), right.polls());
    assert!(left.abs_diff(right) <= 6, "{left} and {right}");
    assert!(left >= 270, "{left}");
}

#[test]
fn a_deeply_nested_busy_task_does_not_starve_a_shallow_one() {
    fn nest<'a>(
        depth: usize,
        counts: &'a Counts,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            if depth == 0 {
                return counts.of(self_waking()).await;
            }
            let _out =
                open_nursery(async |nursery| nursery.start_soon(nest(depth - 1, counts))).await;
        })
    }
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(nest(20, &counts));
            until(|| counts.polls() > 0).await;
            let before = counts.polls();
            yield_n(100).await;
            let polls = counts.polls() - before;
            assert!((90..=110).contains(&polls), "{polls}");
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_hundred_futures_in_a_foreign_join_inside_one_task_are_all_served() {
    // They share the task's budget, so this is where a set that trusts its budget starves.
    let done = Cell::new(0);
    run(async {
        join_all((0..100).map(|_| async {
            for _ in 0..20 {
                always_ready().await;
            }
            done.set(done.get() + 1);
        }))
        .await;
    });
    assert_eq!(done.get(), 100);
}

#[test]
fn a_foreign_set_inside_one_task_serves_all_its_members() {
    let done = Cell::new(0);
    run(async {
        let mut set = Unordered::new();
        for _ in 0..100 {
            set.push(async {
                for _ in 0..20 {
                    always_ready().await;
                }
                done.set(done.get() + 1);
            });
        }
        while set.next().await.is_some() {}
    });
    assert_eq!(done.get(), 100);
}

#[test]
fn an_endless_chain_of_children_starves_nobody() {
    fn next<'scope>(
        nursery: &'scope nestling::Nursery<'scope, '_>,
        count: &'scope Cell<usize>,
        enough: &'scope Cell<bool>,
    ) {
        if enough.get() {
            return;
        }
        count.set(count.get() + 1);
        nursery.start_soon(async move { next(nursery, count, enough) });
    }
    let (count, enough) = (Cell::new(0), Cell::new(false));
    run(async {
        open_nursery(async |nursery| {
            next(nursery, &count, &enough);
            yield_n(100).await;
            sleep(Duration::from_millis(1)).await;
            enough.set(true);
        })
        .await
        .unwrap();
    });
    assert!(count.get() >= 100);
}
