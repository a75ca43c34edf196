//! The line in which tasks wait: rule P6, cases 85 to 88.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::support::{
    self, Flag, Log, PanicOnWake, catch, message_of, poll_once, run, settle, waker_of,
};
use nestling::sync::{Park, ParkingLot};
use nestling::{CancelScope, open_nursery};

fn lot() -> ParkingLot {
    ParkingLot::new("something")
}

/// Parks without a run.
fn parked<W: Copy>(park: Park<W>) -> Park<W> {
    parked_with(Waker::noop(), park)
}

fn parked_with<W: Copy>(waker: &Waker, mut park: Park<W>) -> Park<W> {
    let poll = pin!(&mut park).poll(&mut Context::from_waker(waker));
    assert!(poll.is_pending());
    assert!(park.is_parked());
    park
}

fn is_ready<W: Copy>(park: &mut Park<W>) -> bool {
    let poll = pin!(park).poll(&mut Context::from_waker(Waker::noop()));
    poll.is_ready()
}

/// Case 85.
#[test]
fn it_is_first_come_first_served() {
    let lot = lot();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for name in ["a", "b", "c"] {
            let (lot, log) = (&lot, &log);
            nursery.start_soon(async move {
                lot.park().await;
                log.say(name);
            });
        }
        settle().await;
        assert_eq!((lot.len(), lot.is_empty()), (3, false));
        assert_eq!(lot.statistics().tasks_waiting, 3);
        assert_eq!(lot.unpark(1), 1);
        assert_eq!(lot.len(), 2);
        settle().await;
        log.expect(&["a"]);
        assert_eq!(lot.unpark(0), 0);
        assert_eq!(lot.unpark(5), 2);
        settle().await;
        log.expect(&["a", "b", "c"]);
        assert_eq!(lot.unpark(1), 0, "nobody is there");
        assert_eq!(lot.unpark_all(), 0);
    }))
    .unwrap();
}

/// Case 86.
#[test]
fn one_that_is_cancelled_leaves_the_others_in_order() {
    let lot = lot();
    let log = Log::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        for name in ["a", "b", "c"] {
            let (lot, log, scope) = (&lot, &log, scope.clone());
            nursery.start_soon(async move {
                if name == "b" {
                    assert!(scope.run(lot.park()).await.is_err());
                } else {
                    lot.park().await;
                }
                log.say(name);
            });
        }
        settle().await;
        scope.cancel();
        settle().await;
        assert_eq!(lot.len(), 2);
        lot.unpark_all();
        settle().await;
        log.expect(&["b", "a", "c"]);
    }))
    .unwrap();
}

/// Cases 87 and 88.
#[test]
fn waiters_move_in_order_and_are_not_woken() {
    let (first, second) = (lot(), lot());
    let flags = [(); 3].map(|()| Flag::new());
    let mut parks: Vec<_> = flags
        .iter()
        .map(|flag| parked_with(&waker_of(flag), first.park()))
        .collect();
    let mut other = parked(second.park());
    assert_eq!(first.repark(&second, 2), 2);
    assert_eq!((first.len(), second.len()), (1, 3));
    assert!(flags.iter().all(|flag| flag.count() == 0));
    assert!(parks[0].is_parked() && parks[0].is_of(&second) && !parks[0].is_of(&first));
    assert!(parks[2].is_of(&first));
    assert!(format!("{:?}", parks[0]).contains("something"));

    assert_eq!(second.unpark(2), 2);
    assert!(is_ready(&mut other));
    assert_eq!(flags[0].count(), 1);
    assert!(parks[0].is_unparked());
    assert!(is_ready(&mut parks[0]));
    assert!(is_ready(&mut parks[0]), "and stays so");
    // Dropped, it leaves the line that it was moved to.
    drop(parks.remove(1));
    assert_eq!((first.len(), second.len()), (1, 0));
    assert_eq!(first.repark_all(&second), 1);
    assert_eq!(second.unpark_all(), 1);
    assert_eq!(first.repark_all(&second), 0);
}

#[test]
fn waiters_may_move_any_number_of_times() {
    let lots = [lot(), lot(), lot()];
    let mut park = parked(lots[0].park());
    for round in 0..10 {
        lots[round % 3].repark(&lots[(round + 1) % 3], 1);
    }
    assert!(park.is_of(&lots[1]));
    assert!(!is_ready(&mut park));
    assert_eq!(lots.each_ref().map(ParkingLot::len), [0, 1, 0]);
    lots[1].repark(&lots[2], 1);
    drop(park);
    assert_eq!(lots.each_ref().map(ParkingLot::len), [0, 0, 0]);
}

#[test]
fn a_line_may_be_moved_to_its_own_end() {
    let lot = lot();
    let parks = [(); 3].map(|()| parked(lot.park()));
    assert_eq!(lot.repark(&lot, 1), 1);
    assert_eq!(lot.unpark(1), 1);
    assert!(parks[1].is_unparked());
    assert_eq!(lot.repark_all(&lot), 2);
    assert_eq!(lot.unpark(1), 1);
    assert!(parks[2].is_unparked());
}

#[test]
fn one_that_was_moved_and_then_cancelled_leaves_the_new_line() {
    let (first, second) = (lot(), lot());
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { assert!(scope.run(first.park()).await.is_err()) });
        settle().await;
        first.repark(&second, 1);
        scope.cancel();
        settle().await;
        assert_eq!((first.len(), second.len()), (0, 0));
    }))
    .unwrap();
}

#[test]
fn one_that_was_cancelled_first_is_not_moved() {
    let (first, second) = (lot(), lot());
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async { assert!(scope.run(first.park()).await.is_err()) });
        nursery.start_soon(async { first.park().await });
        settle().await;
        scope.cancel();
        assert_eq!(first.len(), 2);
        assert_eq!(first.repark(&second, 1), 1);
        assert_eq!((first.len(), second.len()), (0, 1));
        assert_eq!(second.unpark(1), 1);
    }))
    .unwrap();
}

#[test]
fn those_who_are_cancelled_can_be_dismissed() {
    let lot = lot();
    assert_eq!(lot.dismiss_cancelled(), 0);
    let scopes = [(); 5].map(|()| CancelScope::new());
    let log = Log::new();
    run(open_nursery(async |nursery| {
        for (number, scope) in scopes.iter().enumerate() {
            let (lot, log) = (&lot, &log);
            nursery.start_soon(async move {
                let end = scope.run(lot.park()).await;
                log.say(format!("{number} {}", end.is_ok()));
            });
        }
        settle().await;
        for number in [0, 2, 4] {
            scopes[number].cancel();
        }
        assert_eq!(lot.len(), 5);
        assert_eq!(lot.dismiss_cancelled(), 2);
        assert_eq!(lot.len(), 2);
        settle().await;
        log.expect(&["0 false", "2 false", "4 false"]);
        assert_eq!(lot.unpark_all(), 2);
        settle().await;
        assert_eq!(log.entries()[3..], ["1 true", "3 true"]);
    }))
    .unwrap();
}

#[test]
fn requests_are_asked_in_order_and_the_account_is_settled_before_anybody_wakes() {
    thread_local! {
        static LEFT: Cell<usize> = const { Cell::new(10) };
        static SEEN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    struct Waking;
    impl Wake for Waking {
        fn wake(self: Arc<Self>) {
            SEEN.set(SEEN.get().or(Some(LEFT.get())));
        }
    }
    let lot = ParkingLot::<usize>::new("memory");
    let waker = waker_of(&Arc::new(Waking));
    let parks = [3, 4, 8, 1].map(|wanted| parked_with(&waker, lot.park_with(wanted)));
    let served = lot.unpark_while(|wanted| match LEFT.get().checked_sub(wanted) {
        Some(rest) => {
            LEFT.set(rest);
            true
        }
        None => false,
    });
    assert_eq!((served, LEFT.get()), (2, 3));
    assert_eq!(SEEN.get(), Some(3), "the first who is woken sees it");
    assert_eq!(
        parks.each_ref().map(Park::is_unparked),
        [true, true, false, false]
    );
}

#[test]
fn the_first_alone_can_be_asked() {
    let lot: ParkingLot<u32> = ParkingLot::new("a number");
    assert!(!lot.unpark_first(|_| unreachable!("nobody waits")));
    let flags = [(); 2].map(|()| Flag::new());
    let mut parks = [7, 8].map(|number| {
        let flag = &flags[number as usize - 7];
        parked_with(&waker_of(flag), lot.park_with(number))
    });
    assert!(!lot.unpark_first(|number| number == 8));
    assert_eq!(lot.len(), 2);
    assert!(lot.unpark_first(|number| number == 7));
    assert_eq!(flags.each_ref().map(|flag| flag.count()), [1, 0]);
    assert_eq!(parks.each_mut().map(is_ready), [true, false]);
}

#[test]
fn the_first_who_is_not_cancelled_can_be_asked() {
    let lot: ParkingLot<u32> = ParkingLot::new("a number");
    let log = Log::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        for number in [1, 2, 3] {
            let (lot, log, scope) = (&lot, &log, scope.clone());
            nursery.start_soon(async move {
                if number == 1 {
                    assert!(scope.run(lot.park_with(number)).await.is_err());
                    return;
                }
                lot.park_with(number).await;
                log.say(if number == 2 { "second" } else { "third" });
            });
        }
        settle().await;
        scope.cancel();
        assert!(!lot.unpark_first(|number| number != 2));
        assert!(lot.unpark_first(|number| number == 2));
        settle().await;
        log.expect(&["second"]);
        assert!(lot.unpark_first(|number| number == 3));
    }))
    .unwrap();
}

#[test]
fn changing_the_line_while_the_first_is_asked_is_an_error_too() {
    let lot = lot();
    let mut parks = vec![parked(lot.park()), parked(lot.park())];
    let text = message_of(|| {
        lot.unpark_first(|()| {
            drop(parks.remove(0));
            true
        })
    });
    assert!(text.contains("only look at the request"), "{text}");
    assert_eq!(lot.unpark_all(), 1);
}

#[test]
fn changing_the_line_while_it_is_asked_is_an_error_that_costs_nobody_anything() {
    let lot = lot();
    let flags = [(); 3].map(|()| Flag::new());
    let mut parks: Vec<_> = flags
        .iter()
        .map(|flag| parked_with(&waker_of(flag), lot.park()))
        .collect();
    let text = message_of(|| {
        let mut asked = 0;
        lot.unpark_while(|()| {
            asked += 1;
            if asked == 2 {
                drop(parks.remove(1));
            }
            true
        })
    });
    assert!(text.contains("only look at the request"), "{text}");
    assert_eq!(flags.each_ref().map(|flag| flag.count()), [1, 0, 0]);
    assert_eq!(lot.len(), 1);
    assert_eq!(lot.unpark_all(), 1);
}

#[test]
fn one_panicking_waker_does_not_keep_the_others_asleep() {
    let lot = lot();
    let flag = Flag::new();
    let first = parked_with(&waker_of(&Arc::new(PanicOnWake)), lot.park());
    let second = parked_with(&waker_of(&flag), lot.park());
    catch(|| lot.unpark_all());
    assert!(first.is_unparked() && second.is_unparked());
    assert_eq!(flag.count(), 1);
}

/// A waker may drop those who are about to be woken, park anew, and unpark.
#[test]
fn a_waker_may_come_back() {
    thread_local! {
        static CALL: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }
    struct Caller;
    impl Wake for Caller {
        fn wake(self: Arc<Self>) {
            if let Some(call) = CALL.take() {
                call();
            }
        }
    }
    let lot = Rc::new(lot());
    let first = parked_with(&waker_of(&Arc::new(Caller)), lot.park());
    let second = parked(lot.park());
    let third = Rc::new(RefCell::new(None));
    CALL.set(Some(Box::new({
        let (lot, third) = (Rc::clone(&lot), Rc::clone(&third));
        move || {
            drop(second);
            let park = parked(lot.park());
            lot.unpark(1);
            assert!(park.is_unparked());
            *third.borrow_mut() = Some(parked(lot.park()));
        }
    })));
    assert_eq!(lot.unpark_all(), 2);
    assert!(first.is_unparked());
    assert_eq!(lot.len(), 1, "who came later has to wait");
    third.take();
    assert_eq!(lot.len(), 0);
}

#[test]
fn a_changed_waker_does_not_hide_that_it_was_unparked() {
    let lot = lot();
    let mut park = parked(lot.park());
    lot.unpark(1);
    let flag = Flag::new();
    let waker = waker_of(&flag);
    let poll = pin!(&mut park).poll(&mut Context::from_waker(&waker));
    assert_eq!(poll, Poll::Ready(()));
    assert_eq!(Arc::strong_count(&flag), 2, "nobody keeps the new one");
}

#[test]
fn it_works_outside_a_run_and_outlives_its_lot() {
    let lot = lot();
    let mut park = parked(lot.park());
    drop(lot);
    assert!(!is_ready(&mut park));
    assert!(park.is_parked());
}

#[test]
fn being_unparked_is_told_to_the_one_who_drops_it() {
    let lot = lot();
    let park = lot.park();
    assert!(!park.is_parked() && !park.is_unparked() && park.is_of(&lot));
    let park = parked(park);
    lot.unpark(1);
    assert!(!park.is_parked() && park.is_unparked());
}

#[test]
fn in_a_cancelled_context_nobody_joins_the_line() {
    run(async {
        let lot = lot();
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(lot.park()).await.is_err());
        assert_eq!(lot.len(), 0);
        let scope = CancelScope::new();
        scope.cancel();
        let mut park = lot.park();
        assert_eq!(scope.run(poll_once(&mut park)).await, Ok(Poll::Pending));
        assert!(!park.is_parked() && lot.is_empty());
    });
}

#[test]
fn debug_says_what_it_is_and_where() {
    let lot = lot();
    let text = format!("{lot:?}");
    assert!(text.contains("something"), "{text}");
    assert!(text.contains("sync/parking_lot.rs:"), "{text}");
    assert!(text.contains("tasks_waiting: 0"), "{text}");
    assert!(lot.site().file().ends_with("sync/parking_lot.rs"));
}

#[test]
fn many_come_and_go() {
    let lot = lot();
    let mut parks: Vec<_> = (0..support::times(100_000, 500))
        .map(|_| parked(lot.park()))
        .collect();
    let mut at = 0;
    parks.retain(|_| {
        at += 1;
        at % 3 == 0
    });
    assert_eq!(lot.len(), parks.len());
    assert_eq!(lot.unpark_all(), parks.len());
    assert!(parks.iter_mut().all(is_ready));
}
