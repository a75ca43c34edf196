//! Time: `sleep`, `sleep_until`, `interval`, `current_time`. Rules C4 and K1, cases 12, 33, 38,
//! 138 and 140; in virtual time wherever the clock itself is not what is tested.
//!
//! What makes no sense in Rust: negative and NaN durations (case 145), and rescheduling a task that
//! sleeps for ever by hand (case 140): there is no such call, and a stray wake-up is harmless.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::support::{
    self, Counts, Either, LeakCheck, Log, park, poll_once, run, run_virtual, run_with, select,
    settle, times, yield_n,
};
use nestling::testing::MockClock;
use nestling::{
    Builder, Clock, checkpoint, current_time, interval, ok, open_nursery, sleep, sleep_forever,
    sleep_until, statistics,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

#[test]
fn sleep_takes_exactly_its_time_by_the_run_s_clock() {
    run_virtual(async {
        let begin = current_time();
        sleep(Duration::from_millis(3150)).await;
        assert_eq!(current_time() - begin, Duration::from_millis(3150));
        sleep_until(begin + 10 * SECOND).await;
        assert_eq!(current_time() - begin, 10 * SECOND);
    });
}

#[test]
fn sleep_counts_from_its_first_poll() {
    run_virtual(async {
        let begin = current_time();
        let sleeping = sleep(SECOND);
        sleep(2 * SECOND).await;
        sleeping.await;
        assert_eq!(current_time() - begin, 3 * SECOND);
    });
}

#[test]
fn no_real_sleep_is_ever_early() {
    run(async {
        open_nursery(async |nursery| {
            for number in 0..times(200, 5) as u32 {
                nursery.start_soon(async move {
                    for round in 0..5 {
                        let duration =
                            Duration::from_micros(u64::from((number * 37 + round * 501) % 4000));
                        let begin = Instant::now();
                        sleep(duration).await;
                        assert!(
                            begin.elapsed() >= duration,
                            "{duration:?} took {:?}",
                            begin.elapsed()
                        );
                    }
                });
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn sleep_until_with_the_system_s_clock_is_never_early_either() {
    run(async {
        for nanos in [1, 999, 1_000, 1_001, 65_537, 999_999, 1_000_001, 1_500_000] {
            let deadline = Instant::now() + Duration::from_nanos(nanos);
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline, "{nanos} ns");
        }
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    let log = Log::new();
    run_virtual(async {
        open_nursery(async |nursery| {
            for (name, seconds) in [("c", 3), ("a", 1), ("d", 4), ("b", 2)] {
                let log = &log;
                nursery.start_soon(async move {
                    sleep(SECOND * seconds).await;
                    log.say(name);
                });
            }
        })
        .await
        .unwrap();
    });
    log.expect(&["a", "b", "c", "d"]);
}

#[test]
fn sleepers_of_one_deadline_wake_in_one_turn() {
    let log = Log::new();
    run_virtual(async {
        let deadline = current_time() + SECOND;
        open_nursery(async |nursery| {
            for _ in 0..5 {
                nursery.start_soon(async {
                    sleep_until(deadline).await;
                    assert_eq!(log.count("next turn"), 0);
                    log.say("awake");
                    checkpoint().await;
                    log.say("next turn");
                });
            }
        })
        .await
        .unwrap();
    });
    log.expect_batches(&[&["awake"; 5], &["next turn"; 5]]);
}

#[test]
fn a_sleep_of_zero_gives_everybody_else_a_turn() {
    for past in [false, true] {
        let log = Log::new();
        run_virtual(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async { log.say("other") });
                if past {
                    sleep_until(current_time() - MILLI).await;
                } else {
                    sleep(Duration::ZERO).await;
                }
                log.say("slept");
            })
            .await
            .unwrap();
        });
        log.expect(&["other", "slept"]);
    }
}

#[test]
fn a_sleep_of_zero_takes_no_time() {
    run_virtual(async {
        let begin = current_time();
        for _ in 0..100 {
            sleep(Duration::ZERO).await;
        }
        assert_eq!(current_time(), begin);
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn durations_too_long_to_be_told_neither_panic_nor_wake_early() {
    run(async {
        for forever in [
            Duration::MAX,
            Duration::from_secs(u64::MAX),
            Duration::from_secs(1 << 40),
        ] {
            assert!(matches!(
                select(sleep(forever), yield_n(3)).await,
                Either::Second(())
            ));
            // Alone, so that the loop really waits with it.
            assert!(matches!(
                select(sleep(forever), sleep(MILLI)).await,
                Either::Second(())
            ));
        }
    });
}

#[test]
fn moments_centuries_away_neither_panic_nor_wake_early() {
    run(async {
        let far = [50_u64, 584, 585, 10_000, 1_000_000]
            .into_iter()
            .filter_map(|years| {
                current_time().checked_add(Duration::from_secs(years * 365 * 86_400))
            });
        for moment in far {
            assert!(matches!(
                select(sleep_until(moment), sleep(MILLI)).await,
                Either::Second(())
            ));
        }
    });
}

#[test]
fn a_thread_wakes_a_loop_that_waits_for_a_moment_centuries_away() {
    run(async {
        let woken = park(|waker| {
            std::thread::spawn(move || waker.wake());
        });
        assert!(matches!(
            select(woken, sleep(Duration::MAX)).await,
            Either::First(())
        ));
    });
}

#[test]
fn a_moment_before_the_run_began_is_past() {
    let before = Instant::now();
    run(async {
        sleep_until(before).await;
        if let Some(long_ago) = before.checked_sub(Duration::from_secs(3600)) {
            sleep_until(long_ago).await;
        }
    });
}

#[test]
fn a_dropped_sleep_leaves_no_timer() {
    run(async {
        for _ in 0..times(1000, 20) {
            let mut sleeping = Box::pin(sleep(Duration::from_secs(3600)));
            assert!(poll_once(&mut sleeping).await.is_pending());
            assert_eq!(statistics().timers, 1);
            drop(sleeping);
            // A new budget of checkpoints.
            checkpoint().await;
        }
        assert_eq!(statistics().timers, 0);
    });
}

#[test]
fn a_sleep_is_woken_through_the_waker_of_its_last_poll() {
    run_virtual(async {
        open_nursery(async |nursery| {
            let mut sleeping = Box::pin(sleep(SECOND));
            assert!(poll_once(&mut sleeping).await.is_pending());
            // Another task goes on with it.
            let begin = current_time();
            nursery
                .spawn(async move {
                    sleeping.await;
                    assert_eq!(current_time() - begin, SECOND);
                })
                .await
                .unwrap();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_stray_wake_up_does_not_end_a_sleep() {
    run_virtual(async {
        let waker = RefCell::new(None);
        let begin = current_time();
        let sleeping = async {
            sleep(SECOND).await;
            current_time()
        };
        let mut sleeping = Box::pin(sleeping);
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                std::future::poll_fn(|cx| {
                    *waker.borrow_mut() = Some(cx.waker().clone());
                    sleeping.as_mut().poll(cx)
                })
                .await;
                assert_eq!(current_time() - begin, SECOND);
            });
            for _ in 0..5 {
                checkpoint().await;
                waker.borrow().as_ref().unwrap().wake_by_ref();
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_sleep_that_fired_is_ready_though_it_is_polled_much_later() {
    run_virtual(async {
        let begin = current_time();
        let mut sleeping = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut sleeping).await.is_pending());
        sleep(5 * SECOND).await;
        assert!(matches!(poll_once(&mut sleeping).await, Poll::Ready(())));
        assert_eq!(current_time() - begin, 5 * SECOND);
    });
}

#[test]
fn a_sleep_of_an_earlier_run_goes_on_in_the_next() {
    let _leaks = LeakCheck::begin();
    let clock = MockClock::new();
    let mut sleeping = Box::pin(sleep(5 * SECOND));
    let builder = Builder::new().clock(clock.clone());
    builder.clone().run(async {
        assert!(matches!(
            select(&mut sleeping, sleep(SECOND)).await,
            Either::Second(())
        ));
    });
    assert_eq!(clock.elapsed(), SECOND);
    builder.run(sleeping);
    assert_eq!(clock.elapsed(), 5 * SECOND);
}

#[test]
fn sleep_forever_is_ended_by_a_cancel_only() {
    let counts = Counts::new();
    run_virtual(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(sleep_forever()));
            sleep(Duration::from_secs(1_000_000)).await;
            assert_eq!(counts.drops(), 0);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
    assert_eq!(counts.drops(), 1);
}

#[test]
fn an_interval_ticks_at_once_and_then_on_a_grid() {
    run_virtual(async {
        let begin = current_time();
        let mut ticks = interval(SECOND);
        assert_eq!(ticks.period(), SECOND);
        for number in 0..5 {
            let due = ticks.tick().await;
            assert_eq!(due - begin, SECOND * number);
            // Work that takes a part of the period moves nothing.
            sleep(MILLI * 300).await;
        }
        assert_eq!(current_time() - begin, SECOND * 4 + MILLI * 300);
    });
}

#[test]
fn an_interval_leaves_out_ticks_that_were_missed_and_stays_on_its_grid() {
    run_virtual(async {
        let begin = current_time();
        let mut ticks = interval(SECOND);
        ticks.tick().await;
        sleep(MILLI * 3500).await;
        let late = ticks.tick().await;
        assert_eq!(late - begin, SECOND, "the tick that came late");
        let next = ticks.tick().await;
        assert_eq!(next - begin, SECOND * 4, "2 and 3 are left out");
        assert_eq!(current_time() - begin, SECOND * 4);
    });
}

#[test]
fn an_interval_of_the_shortest_period_leaves_out_however_many_ticks() {
    let clock = MockClock::new();
    run_with(Builder::new().clock(clock.clone()), async {
        let mut ticks = interval(Duration::from_nanos(1));
        ticks.tick().await;
        clock.jump(Duration::from_secs(100));
        ticks.tick().await;
        let due = ticks.tick().await;
        assert!(
            due + Duration::from_nanos(1) >= current_time() - Duration::from_nanos(1),
            "{:?} late",
            current_time() - due
        );
    });
}

#[test]
fn a_tick_that_was_dropped_half_way_is_not_lost() {
    run_virtual(async {
        let begin = current_time();
        let mut ticks = interval(SECOND);
        ticks.tick().await;
        assert!(matches!(
            select(ticks.tick(), sleep(MILLI * 10)).await,
            Either::Second(())
        ));
        assert_eq!(ticks.tick().await - begin, SECOND);
    });
}

#[test]
fn an_interval_of_the_longest_period_neither_panics_nor_ticks_twice() {
    run(async {
        let mut ticks = interval(Duration::MAX);
        ticks.tick().await;
        assert!(matches!(
            select(ticks.tick(), sleep(MILLI)).await,
            Either::Second(_)
        ));
    });
}

#[test]
fn an_interval_of_zero_panics() {
    let message = support::message_of(|| interval(Duration::ZERO));
    assert!(message.contains("longer than zero"), "{message}");
}

#[test]
fn current_time_never_goes_back() {
    run(async {
        let mut last = current_time();
        for _ in 0..times(1000, 10) {
            checkpoint().await;
            let now = current_time();
            assert!(now >= last);
            last = now;
        }
    });
}

#[test]
fn a_deadline_is_noticed_by_a_loop_that_is_never_idle() {
    let clock = MockClock::new();
    let value = run_with(Builder::new().clock(clock.clone()), async {
        open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                loop {
                    clock.jump(MILLI);
                    checkpoint().await;
                }
            });
            sleep(SECOND).await;
            ok(clock.elapsed())
        })
        .await
    });
    let elapsed = value.unwrap();
    // The loop looks at its timers at the latest after 61 polls, of which each is a millisecond.
    assert!(
        (SECOND..SECOND + MILLI * 100).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[test]
fn a_clock_that_wakes_the_loop_too_early_costs_time_only() {
    #[derive(Debug)]
    struct Hasty;
    impl Clock for Hasty {
        fn now(&self) -> Instant {
            Instant::now()
        }
        fn time_until(&self, deadline: Instant) -> Duration {
            deadline.saturating_duration_since(self.now()) / 2
        }
    }
    run_with(Builder::new().clock(Hasty), async {
        let begin = Instant::now();
        sleep(5 * MILLI).await;
        assert!(begin.elapsed() >= 5 * MILLI);
    });
}

#[test]
fn a_clock_of_one_s_own_is_asked_for_the_first_deadline_however_close_the_next_is() {
    /// The time stands still until it is asked for, and then is later than all deadlines.
    #[derive(Debug)]
    struct Asked(Instant, Rc<RefCell<Vec<Instant>>>);
    impl Clock for Asked {
        fn now(&self) -> Instant {
            match self.1.borrow().is_empty() {
                true => self.0,
                false => self.0 + SECOND,
            }
        }
        fn time_until(&self, deadline: Instant) -> Duration {
            self.1.borrow_mut().push(deadline);
            Duration::ZERO
        }
    }
    let asked = Rc::<RefCell<Vec<Instant>>>::default();
    let begin = Instant::now();
    let clock = Asked(begin, Rc::clone(&asked));
    run_with(Builder::new().clock(clock), async {
        open_nursery(async |nursery| {
            nursery.start_soon(sleep_until(begin + MILLI + Duration::from_nanos(1500)));
            nursery.start_soon(sleep_until(begin + MILLI));
        })
        .await
        .unwrap();
    });
    assert_eq!(*asked.borrow(), [begin + MILLI]);
}

#[test]
fn deadlines_close_to_each_other_wake_nobody_early() {
    run(async {
        let first = Instant::now() + MILLI;
        open_nursery(async |nursery| {
            for number in 0..times(500, 20) as u32 {
                nursery.start_soon(async move {
                    let deadline = first + number * Duration::from_nanos(1300);
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                });
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_hundred_thousand_sleepers_wake_and_leave_nothing() {
    let count = times(100_000, 100);
    run_virtual(async {
        open_nursery(async |nursery| {
            for number in 0..count {
                let duration = Duration::from_micros((number as u64 * 7919) % 100_000);
                nursery.start_soon(sleep(duration));
            }
            checkpoint().await;
            assert!(statistics().timers <= count);
        })
        .await
        .unwrap();
        settle().await;
        assert_eq!(statistics().timers, 0);
    });
}
