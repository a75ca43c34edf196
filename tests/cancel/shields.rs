//! Shields and guests: what is not cut off but waited for. Rules C8 and C20, and trio's cases 18, 34,
//! 52, 141 to 143 and the shielded part of 22.
//!
//! What makes no sense in Rust:
//! * Cases 22, 24, 27 and 52 in part (a shield that is put up or taken down around something that
//!   waits): a shield is the future's, from its first poll to its end.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::{
    Boom, Counts, Log, Unordered, boom, join_all, leaves_of, on_drop, park, poll_once, run,
    run_virtual, run_with, select, settle, times, yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, CancelScope, Nursery, catch_cancel, checkpoint, current_time, is_cancelled,
    move_on_after, ok, on_cancel, open_nursery, shield, sleep, sleep_forever, statistics,
};

/// Cancels `scope` from a sibling when everything in it is parked.
fn cancel_soon<'scope>(nursery: &'scope Nursery<'scope, '_>, scope: &CancelScope) {
    let scope = scope.clone();
    nursery.start_soon(async move {
        settle().await;
        scope.cancel();
    });
}

/// Parked until it is opened.
#[derive(Default)]
struct Gate {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    async fn pass(&self) {
        while !self.open.get() {
            park(|waker| self.waiting.borrow_mut().push(waker)).await;
        }
    }

    fn open(&self) {
        self.open.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }
}

#[test]
fn a_shield_yields_its_future_s_value() {
    run(async {
        assert_eq!(shield(async { 3 }).await, 3);
        let value = shield(async {
            yield_n(5).await;
            4
        });
        assert_eq!(value.await, 4);
    });
}

#[test]
fn what_is_shielded_is_not_cut_off_and_what_comes_after_it_is() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            shield(async {
                yield_n(50).await;
                assert!(!is_cancelled());
                log.say("shielded");
            })
            .await;
            log.say("after");
            assert!(is_cancelled());
            checkpoint().await;
            log.say("never");
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    log.expect(&["shielded", "after"]);
}

#[test]
fn two_shielded_checkpoints_pass_and_the_next_one_cuts_off() {
    let passed = Cell::new(0);
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(async {
            for _ in 0..2 {
                shield(checkpoint()).await;
                passed.set(passed.get() + 1);
            }
            checkpoint().await;
            passed.set(100);
        });
        assert!(result.await.is_err());
    });
    assert_eq!(passed.get(), 2);
}

#[test]
fn a_shield_lets_a_value_come_that_is_on_its_way() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let handle = nursery.spawn(async {
            settle().await;
            settle().await;
            ok("value")
        });
        cancel_soon(nursery, &scope);
        let result = scope.run(async { shield(handle).await.unwrap() });
        assert_eq!(result.await, Ok("value"));
        assert!(scope.cancel_called() && !scope.cancelled_caught());
    }))
    .unwrap();
}

#[test]
fn a_shield_in_an_already_cancelled_context_runs_to_its_end() {
    let done = Cell::new(false);
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(async {
            shield(async {
                sleep(Duration::from_micros(1)).await;
                yield_n(10).await;
                done.set(true);
            })
            .await;
            checkpoint().await;
        });
        assert!(result.await.is_err());
    });
    assert!(done.get());
}

#[test]
fn what_is_cancelled_inside_a_shield_is_cut_off_there() {
    run(async {
        let outer = CancelScope::new();
        outer.cancel();
        let result = outer.run(shield(async {
            let inner = CancelScope::new();
            inner.cancel();
            assert!(inner.run(sleep_forever()).await.is_err());
            checkpoint().await;
            let late = CancelScope::new();
            late.cancel();
            assert!(
                catch_cancel(late.run(sleep_forever()))
                    .await
                    .unwrap()
                    .is_err()
            );
            "value"
        }));
        assert_eq!(result.await, Ok("value"));
    });
}

#[test]
fn a_shielded_scope_waits_for_its_own_cancel() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let outer = CancelScope::new();
        let inner = CancelScope::new().shielded();
        let (outer_too, inner_too) = (outer.clone(), inner.clone());
        let log = &log;
        nursery.start_soon(async move {
            settle().await;
            outer_too.cancel();
            settle().await;
            log.say("inner");
            inner_too.cancel_because("inner");
        });
        let result = outer.run(async {
            let report = inner.run(sleep_forever()).await.unwrap_err();
            assert_eq!(report.reason(), Some("inner"));
            log.say("reported");
            checkpoint().await;
            log.say("never");
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    log.expect(&["inner", "reported"]);
}

#[test]
fn a_shielded_scope_with_a_deadline_ends_at_it() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let outer = CancelScope::new();
        outer.cancel();
        let result = outer.run(async {
            let shield = CancelScope::new()
                .shielded()
                .timeout(Duration::from_secs(3));
            assert!(shield.run(sleep_forever()).await.unwrap_err().is_deadline());
            let shield = CancelScope::new()
                .shielded()
                .timeout(Duration::from_secs(3));
            assert_eq!(shield.run(sleep(Duration::from_secs(1))).await, Ok(()));
            checkpoint().await;
        });
        assert!(result.await.is_err());
    });
    assert_eq!(clock.elapsed(), Duration::from_secs(4));
}

#[test]
fn a_running_scope_that_is_shielded_late_is_waited_for() {
    let done = Cell::new(false);
    run(open_nursery(async |nursery| {
        let outer = CancelScope::new();
        cancel_soon(nursery, &outer);
        let inner = CancelScope::new();
        let result = outer.run(async {
            let result = inner.run(async {
                drop(inner.clone().shielded());
                yield_n(100).await;
                done.set(true);
            });
            assert_eq!(result.await, Ok(()));
            checkpoint().await;
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    assert!(done.get());
}

#[test]
fn a_shield_is_waited_for_though_its_siblings_in_a_join_are_not() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let log = &log;
        let branch = |number: usize| -> Pin<Box<dyn Future<Output = ()> + '_>> {
            if number == 37 {
                Box::pin(async move {
                    shield(yield_n(100)).await;
                    log.say("shielded");
                })
            } else {
                Box::pin(async move {
                    let _cut = log.at_drop("cut");
                    sleep_forever().await;
                })
            }
        };
        let result = scope.run(join_all((0..100).map(branch)));
        assert!(result.await.is_err());
    }))
    .unwrap();
    let entries = log.entries();
    assert_eq!(log.count("cut"), 99);
    assert_eq!(entries.first().map(String::as_str), Some("shielded"));
}

#[test]
fn shields_in_a_set_that_polls_only_who_was_woken_are_all_waited_for() {
    let count = times(100, 10);
    let done = Cell::new(0);
    let gates: Vec<Gate> = (0..count).map(|_| Gate::default()).collect();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let canceller = scope.clone();
        let (gates, done) = (&gates, &done);
        nursery.start_soon(async move {
            settle().await;
            canceller.cancel();
            for gate in gates.iter().rev() {
                settle().await;
                gate.open();
            }
        });
        let result = scope.run(async {
            let mut set = Unordered::new();
            for gate in gates {
                set.push(async {
                    shield(gate.pass()).await;
                    done.set(done.get() + 1);
                    // Nothing after it is waited for.
                    checkpoint().await;
                    unreachable!();
                });
            }
            set.next().await
        });
        assert!(result.await.is_err());
        assert_eq!(done.get(), count);
    }))
    .unwrap();
}

#[test]
fn one_shield_among_a_hundred_branches_that_nobody_polls_is_waited_for() {
    for place in [0, 50, 99] {
        let counts = Counts::new();
        let done = Cell::new(false);
        run(open_nursery(async |nursery| {
            let scope = CancelScope::new();
            cancel_soon(nursery, &scope);
            let result = scope.run(async {
                let mut set = Unordered::new();
                for number in 0..100 {
                    if number == place {
                        set.push(Box::pin(shield(async {
                            yield_n(64).await;
                            assert_eq!(counts.drops(), 0, "the set is still whole");
                            done.set(true);
                        }))
                            as Pin<Box<dyn Future<Output = ()> + '_>>);
                    } else {
                        set.push(Box::pin(counts.of(pending())));
                    }
                }
                set.next().await.unwrap();
                sleep_forever().await;
            });
            assert!(result.await.is_err());
        }))
        .unwrap();
        assert!(done.get());
        assert_eq!((counts.drops(), counts.polls()), (99, 99));
    }
}

#[test]
fn a_select_is_cut_off_when_its_shielded_branch_is_done() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(select(
            async {
                let _other = log.at_drop("the other branch");
                sleep_forever().await;
            },
            async {
                shield(yield_n(50)).await;
                log.say("the shield");
                sleep_forever().await;
            },
        ));
        assert!(result.await.is_err());
    }))
    .unwrap();
    log.expect(&["the shield", "the other branch"]);
}

/// A nursery that goes on within a poll once used up all the polls in which a guest has to be polled, before what
/// stands beside it had its turn.
#[test]
fn a_shield_is_waited_for_though_what_stands_beside_the_nursery_has_it_polled() {
    let (first, open, done) = (Cell::new(true), Cell::new(false), Cell::new(false));
    let waker: Cell<Option<Waker>> = Cell::default();
    let scope = CancelScope::new();
    let nursery = async {
        let gated = async {
            let mut shielded = Box::pin(shield(async {
                yield_n(3).await;
                done.set(true);
            }));
            poll_fn(|cx| {
                waker.set(Some(cx.waker().clone()));
                if first.replace(false) || open.get() {
                    return shielded.as_mut().poll(cx);
                }
                Poll::Pending
            })
            .await;
        };
        open_nursery(async |nursery| {
            nursery.start_soon(async { assert!(scope.run(gated).await.is_ok()) });
        })
        .await
        .unwrap();
    };
    let beside = async {
        yield_n(2).await;
        scope.cancel();
        yield_n(3).await;
        open.set(true);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    };
    let both: [Pin<Box<dyn Future<Output = ()> + '_>>; 2] = [Box::pin(nursery), Box::pin(beside)];
    run(async { join_all(both).await });
    assert!(done.get());
}

#[test]
fn guests_of_inner_frames_hold_all_frames_around_them() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scopes: Vec<_> = (0..20).map(|_| CancelScope::new()).collect();
        cancel_soon(nursery, &scopes[0]);
        let mut nested: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async {
            shield(yield_n(60)).await;
            log.say("shielded");
            sleep_forever().await;
        });
        for scope in scopes.iter().skip(1).rev() {
            let log = &log;
            nested = Box::pin(async move {
                let _cut = log.at_drop("cut");
                let _never = scope.run(nested).await;
                unreachable!("the outermost one reports");
            });
        }
        assert!(scopes[0].run(nested).await.is_err());
    }))
    .unwrap();
    assert_eq!(log.entries().first().map(String::as_str), Some("shielded"));
    assert_eq!(log.count("cut"), 19);
}

#[test]
fn a_nursery_with_children_in_a_set_is_waited_for_and_its_children_unwind() {
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let mut set = Unordered::new();
            set.push(Box::pin(pending()) as Pin<Box<dyn Future<Output = ()> + '_>>);
            for _ in 0..5 {
                set.push(Box::pin(async {
                    let _owner = log.at_drop("owner");
                    let _never = open_nursery(async |inner| {
                        for _ in 0..3 {
                            inner.start_soon(on_cancel(sleep_forever(), async || {
                                settle().await;
                                log.say("clean-up");
                            }));
                        }
                    })
                    .await;
                    checkpoint().await;
                }));
            }
            set.next().await
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
    let entries = log.entries();
    assert_eq!(log.count("clean-up"), 15);
    assert!(
        entries[15..].iter().all(|entry| entry == "owner"),
        "{entries:?}"
    );
    assert_eq!(entries.len(), 20);
}

#[test]
fn a_task_that_was_cancelled_goes_on_holding_its_nursery_while_it_is_shielded() {
    let log = Log::new();
    run(async {
        let result = open_nursery(async |nursery| {
            nursery.start_soon(async {
                shield(yield_n(40)).await;
                log.say("shielded");
                checkpoint().await;
                log.say("never");
            });
            settle().await;
            nursery.cancel();
        });
        result.await.unwrap();
        log.say("closed");
    });
    log.expect(&["shielded", "closed"]);
}

#[test]
fn a_shield_that_is_over_does_not_hold_any_more() {
    run(async {
        let scope = CancelScope::new();
        let result = scope.run(async {
            let mut shields: Vec<_> = (0..10).map(|_| Box::pin(shield(checkpoint()))).collect();
            for shield in &mut shields {
                shield.await;
            }
            scope.cancel();
            sleep_forever().await;
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn a_shield_that_was_dropped_does_not_hold_any_more() {
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        cancel_soon(nursery, &scope);
        let result = scope.run(async {
            let mut dropped = Box::pin(shield(sleep_forever()));
            assert!(poll_once(&mut dropped).await.is_pending());
            drop(dropped);
            sleep_forever().await;
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
}

#[test]
fn a_shield_that_is_dropped_by_someone_else_lets_a_waiting_scope_go() {
    let held = RefCell::new(None);
    run(open_nursery(async |nursery| {
        let scope = CancelScope::new();
        let canceller = scope.clone();
        let held = &held;
        nursery.start_soon(async move {
            settle().await;
            canceller.cancel();
            settle().await;
            assert!(!canceller.cancelled_caught(), "it waits");
            drop(held.take());
        });
        let result = scope.run(async {
            let mut shield = Box::pin(shield(sleep_forever()));
            assert!(poll_once(&mut shield).await.is_pending());
            *held.borrow_mut() = Some(shield);
            sleep_forever().await;
        });
        assert!(result.await.is_err());
    }))
    .unwrap();
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[test]
fn a_guest_that_moves_to_another_task_holds_that_one_and_no_longer_the_first() {
    let log = Log::new();
    let gate = Gate::default();
    let moving: RefCell<Option<Task<'_>>> = RefCell::default();
    run(open_nursery(async |nursery| {
        let (log, gate, moving) = (&log, &gate, &moving);
        let (first, second) = (CancelScope::new(), CancelScope::new());
        let (cancel_first, cancel_second) = (first.clone(), second.clone());
        nursery.start_soon(async move {
            let result = first.run(async {
                let mut guest: Task<'_> = Box::pin(shield(gate.pass()));
                assert!(poll_once(&mut guest).await.is_pending());
                *moving.borrow_mut() = Some(guest);
                sleep_forever().await;
            });
            assert!(result.await.is_err());
            log.say("first");
        });
        nursery.start_soon(async move {
            yield_n(4).await;
            let result = second.run(async {
                let guest = moving.take().unwrap();
                guest.await;
                log.say("guest");
                sleep_forever().await;
            });
            assert!(result.await.is_err());
            log.say("second");
        });
        settle().await;
        cancel_first.cancel();
        settle().await;
        log.expect(&["first"]);
        cancel_second.cancel();
        settle().await;
        log.expect(&["first"]);
        gate.open();
        settle().await;
        log.expect(&["first", "guest", "second"]);
    }))
    .unwrap();
}

#[test]
fn a_cancelled_scope_is_let_go_when_its_guest_is_polled_elsewhere() {
    let log = Log::new();
    let gate = Gate::default();
    let moving: RefCell<Option<Task<'_>>> = RefCell::default();
    run(open_nursery(async |nursery| {
        let (log, gate, moving) = (&log, &gate, &moving);
        let first = CancelScope::new();
        let cancel_first = first.clone();
        nursery.start_soon(async move {
            let result = first.run(async {
                let mut guest: Task<'_> = Box::pin(shield(gate.pass()));
                assert!(poll_once(&mut guest).await.is_pending());
                *moving.borrow_mut() = Some(guest);
                sleep_forever().await;
            });
            assert!(result.await.is_err());
            log.say("first");
        });
        settle().await;
        cancel_first.cancel();
        settle().await;
        log.expect(&[]);
        let mut guest = moving.take().unwrap();
        assert!(poll_once(&mut guest).await.is_pending());
        settle().await;
        log.expect(&["first"]);
        gate.open();
        guest.await;
    }))
    .unwrap();
}

#[test]
fn a_guest_that_outlives_the_task_it_was_polled_in_lives_on() {
    let gate = Gate::default();
    let moving: RefCell<Option<Task<'_>>> = RefCell::default();
    run(open_nursery(async |nursery| {
        let (gate, moving) = (&gate, &moving);
        for ended_by_cancel in [false, true] {
            gate.open.set(false);
            nursery.start_soon(async move {
                let scope = CancelScope::new();
                if ended_by_cancel {
                    scope.cancel();
                }
                let result = scope.run(async {
                    let mut guest: Task<'_> = Box::pin(shield(async {
                        gate.pass().await;
                        checkpoint().await;
                    }));
                    assert!(poll_once(&mut guest).await.is_pending());
                    *moving.borrow_mut() = Some(guest);
                });
                assert_eq!(result.await, Ok(()));
            });
            settle().await;
            let guest = moving.take().unwrap();
            gate.open();
            guest.await;
        }
    }))
    .unwrap();
}

#[test]
fn a_nursery_that_moves_takes_its_hold_along() {
    let log = Log::new();
    run(async {
        let (first, second) = (CancelScope::new(), CancelScope::new());
        let mut nursery = Box::pin(open_nursery(async |nursery| {
            nursery.start_soon(on_cancel(sleep_forever(), async || {
                settle().await;
                log.say("cleaned up");
            }));
            sleep_forever().await;
        }));
        let result = first.run(async {
            assert!(poll_once(&mut nursery).await.is_pending());
            yield_n(2).await;
            assert!(poll_once(&mut nursery).await.is_pending());
        });
        assert_eq!(result.await, Ok(()));
        first.cancel();
        let result = second.run(async {
            assert!(poll_once(&mut nursery).await.is_pending());
            second.cancel();
            let _never = (&mut nursery).await;
            unreachable!();
        });
        assert!(result.await.is_err());
        log.expect(&["cleaned up"]);
    });
}

#[test]
fn an_error_that_comes_out_of_a_shield_in_a_cancelled_nursery_is_kept() {
    let error = run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            shield(async {
                yield_n(20).await;
                boom::<()>("saving failed")
            })
            .await
        });
        settle().await;
        nursery.cancel();
    }))
    .unwrap_err();
    assert_eq!(leaves_of(&error), ["saving failed"]);
    assert!(error.find::<Boom>().is_some());
}

#[test]
fn a_shield_hides_all_levels_of_cancellation_until_its_end() {
    run(async {
        let scopes: Vec<_> = (0..3).map(|_| CancelScope::new()).collect();
        let innermost = scopes[2].run(async {
            shield(async {
                for scope in scopes.iter().rev() {
                    scope.cancel();
                    yield_n(3).await;
                    assert!(!is_cancelled());
                }
            })
            .await;
            assert!(is_cancelled());
        });
        let result = scopes[0].run(scopes[1].run(innermost)).await;
        assert_eq!(result, Ok(Ok(Ok(()))));
    });
}

#[test]
fn shields_nest() {
    run(async {
        let scope = CancelScope::new();
        scope.cancel();
        let result = scope.run(async {
            let inside = shield(shield(async {
                yield_n(3).await;
                shield(checkpoint()).await;
                1
            }));
            assert_eq!(inside.await, 1);
            sleep_forever().await;
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn a_shielded_deadline_counts_while_the_outer_one_has_passed() {
    run_virtual(async {
        let start = current_time();
        let result = move_on_after(Duration::from_secs(1), async {
            let inner = move_on_after(Duration::from_secs(2), async {
                let result = shield(move_on_after(Duration::from_secs(3), sleep_forever()));
                assert_eq!(result.await, None);
            });
            // The shield is done, and nothing else is waited for.
            inner.await
        });
        assert_eq!(result.await, Some(Some(())));
        assert_eq!(current_time(), start + Duration::from_secs(3));
    });
}

#[test]
fn no_shield_is_left_in_the_tree() {
    run(async {
        let before = statistics().frames;
        let unpolled = shield(pending::<()>());
        assert_eq!(statistics().frames, before, "not before the first poll");
        drop(unpolled);
        let mut shields: Vec<_> = (0..100)
            .map(|_| Box::pin(shield(pending::<()>())))
            .collect();
        for shield in &mut shields {
            assert!(poll_once(shield).await.is_pending());
        }
        assert_eq!(statistics().frames, before + 100);
        drop(shields);
        assert_eq!(statistics().frames, before);
        let mut done = Box::pin(shield(checkpoint()));
        (&mut done).await;
        assert_eq!(statistics().frames, before, "not after its end");
    });
}

#[test]
fn a_shield_around_a_destructor_that_shields_again_ends() {
    let gone = Rc::new(Cell::new(0));
    run(open_nursery(async |nursery| {
        let gone = Rc::clone(&gone);
        nursery.start_soon(shield(async move {
            let _local = on_drop(|| {
                let mut inside = Box::pin(shield(pending::<()>()));
                let mut context = Context::from_waker(Waker::noop());
                assert!(inside.as_mut().poll(&mut context).is_pending());
                gone.set(gone.get() + 1);
            });
            yield_n(20).await;
        }));
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    assert_eq!(gone.get(), 1);
}

/// Futures that are polled by hand, from wherever they are to be a part of.
struct Slots(Vec<RefCell<Option<Task<'static>>>>);

impl Slots {
    fn new(count: usize) -> Rc<Slots> {
        Rc::new(Slots((0..count).map(|_| RefCell::default()).collect()))
    }

    fn poll(&self, at: usize, cx: &mut Context<'_>) {
        let taken = self.0[at].take();
        if let Some(mut future) = taken {
            if future.as_mut().poll(cx).is_pending() {
                *self.0[at].borrow_mut() = Some(future);
            }
        }
    }

    fn clear(&self) {
        for slot in &self.0 {
            drop(slot.take());
        }
    }
}

/// Two outer scopes with two inner ones each.
const PARENTS: [Option<usize>; 6] = [None, None, Some(0), Some(0), Some(1), Some(1)];

/// Guests are polled in scopes, and scopes are cancelled, at random. A cancelled scope must end as
/// soon as nothing in it is a guest, and not before.
///
/// Returns how many scopes have ended.
async fn move_guests_at_random(seed: u64, steps: usize) -> usize {
    let mut state = seed;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let scopes = PARENTS.map(|_| CancelScope::new());
    let futures = Slots::new(scopes.len());
    let guests = Slots::new(8);
    // Where each guest was polled last, and is polled on: one that nobody polls is not waited for.
    let places: Rc<Cell<[Option<usize>; 8]>> = Rc::default();
    // Which guest is to be polled in which scope.
    let errand: Rc<Cell<Option<(usize, usize)>>> = Rc::default();
    for (at, scope) in scopes.iter().enumerate() {
        let inner = [0, 1, 2, 3, 4, 5].map(|inner| PARENTS[inner] == Some(at));
        let (futures_too, guests, errand) = (futures.clone(), guests.clone(), errand.clone());
        let places = places.clone();
        let inside = poll_fn(move |cx| {
            for (inner, _) in inner.iter().enumerate().filter(|(_, inner)| **inner) {
                futures_too.poll(inner, cx);
            }
            if let Some((guest, _)) = errand.get().filter(|(_, place)| *place == at) {
                errand.set(None);
                let mut now = places.get();
                now[guest] = Some(at);
                places.set(now);
            }
            for (guest, place) in places.get().iter().enumerate() {
                if *place == Some(at) {
                    guests.poll(guest, cx);
                }
            }
            Poll::<()>::Pending
        });
        let cut = scope.run(inside);
        *futures.0[at].borrow_mut() = Some(Box::pin(async { drop(cut.await.unwrap_err()) }));
    }
    for _ in 0..steps {
        let guest = random(places.get().len());
        match random(10) {
            0 => scopes[random(scopes.len())].cancel(),
            1..=3 => {
                drop(guests.0[guest].take());
                let mut now = places.get();
                now[guest] = None;
                places.set(now);
            }
            _ => {
                let mut slot = guests.0[guest].borrow_mut();
                slot.get_or_insert_with(|| Box::pin(shield(pending())));
                errand.set(Some((guest, random(scopes.len()))));
            }
        }
        for _ in 0..2 {
            for outer in [0, 1] {
                poll_fn(|cx| {
                    futures.poll(outer, cx);
                    Poll::Ready(())
                })
                .await;
            }
        }
        // If it is still there, that scope has been cut off before.
        errand.set(None);
        let now = places.get();
        for (at, scope) in scopes.iter().enumerate() {
            let is_held = now.iter().any(|place| {
                *place == Some(at) || place.is_some_and(|at_| PARENTS[at_] == Some(at))
            });
            let outer_reports = PARENTS[at].is_some_and(|outer| scopes[outer].cancel_called());
            if !outer_reports {
                let must_end = scope.cancel_called() && !is_held;
                assert_eq!(
                    scope.cancelled_caught(),
                    must_end,
                    "seed {seed}, scope {at}"
                );
            }
        }
    }
    futures.clear();
    guests.clear();
    scopes
        .iter()
        .filter(|scope| scope.cancelled_caught())
        .count()
}

#[test]
fn guests_that_move_at_random_hold_whom_they_were_polled_in_last() {
    run(async {
        let (seeds, mut ended) = (times(2_000, 3), 0);
        for seed in 0..seeds {
            ended += move_guests_at_random(seed as u64, times(60, 20)).await;
        }
        assert!(ended > 0, "some must end");
    });
}
