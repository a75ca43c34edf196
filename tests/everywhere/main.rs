//! Every future of the library, cancelled, dropped and made to panic at each of its steps.

mod channel;
mod covered;
mod io;
mod nurseries;
mod probe;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod testing;
mod threads;
mod world;

use std::time::Duration;

use nestling::testing::Held;
use nestling::{
    CancelScope, catch_cancel, checkpoint, current_time, fail_after, fail_at, interval,
    move_on_after, move_on_at, on_cancel, open_nursery, shield, shutdown_requested, sleep,
    sleep_forever, sleep_until,
};

use support::{Unordered, everywhere, join_all, select};

const TICK: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn sleeping() {
    everywhere(async || {
        let _held = Held::new();
        sleep(TICK).await;
        sleep(Duration::ZERO).await;
        sleep_until(current_time() + TICK).await;
        sleep_until(current_time()).await;
        move_on_after(TICK, sleep_forever()).await;
        checkpoint().await;
    });
}

#[test]
fn intervals() {
    everywhere(async || {
        let _held = Held::new();
        let mut ticks = interval(TICK);
        for _ in 0..4 {
            ticks.tick().await;
        }
    });
}

#[test]
fn limits_in_time() {
    everywhere(async || {
        let in_time = async || {
            let _held = Held::new();
            sleep(TICK).await;
        };
        let late = async || {
            let _held = Held::new();
            sleep(HOUR).await;
        };
        let limit = 3 * TICK;
        move_on_after(limit, in_time()).await;
        move_on_after(limit, late()).await;
        move_on_at(current_time() + limit, late()).await;
        move_on_after(Duration::ZERO, late()).await;
        // That it was too slow is known.
        fail_after(limit, in_time()).await.ok();
        fail_after(limit, late()).await.ok();
        fail_at(current_time() + limit, late()).await.ok();
        move_on_after(limit, fail_after(limit, late())).await;
    });
}

#[test]
fn scopes() {
    everywhere(async || {
        let _held = Held::new();
        let outer = CancelScope::new().timeout(5 * TICK);
        let inner = CancelScope::new().deadline(current_time() + 2 * TICK);
        let shielded = CancelScope::new().shielded().timeout(2 * TICK);
        let handle = inner.clone();
        // Which of them it was does not matter here.
        outer
            .run(async {
                let _held = Held::new();
                inner
                    .run(async {
                        let _held = Held::new();
                        sleep(TICK).await;
                        handle.set_deadline(current_time() + TICK);
                        sleep(HOUR).await;
                    })
                    .await
                    .ok();
                shielded.run(sleep(HOUR)).await.ok();
                sleep_forever().await;
            })
            .await
            .ok();
        let cancelled = CancelScope::new();
        cancelled.cancel_because("before it is entered");
        cancelled.run(sleep(HOUR)).await.ok();
    });
}

#[test]
fn shields() {
    everywhere(async || {
        let _held = Held::new();
        shield(async {
            let _held = Held::new();
            sleep(TICK).await;
            move_on_after(TICK, shield(sleep(2 * TICK))).await;
        })
        .await;
        checkpoint().await;
    });
}

#[test]
fn catching() {
    everywhere(async || {
        for _ in 0..2 {
            let caught = catch_cancel(async {
                let _held = Held::new();
                sleep(TICK).await;
                checkpoint().await;
            });
            // Both ends go on to the next checkpoint.
            caught.await.ok();
        }
        move_on_after(TICK, catch_cancel(catch_cancel(sleep(HOUR)))).await;
    });
}

#[test]
fn clean_ups() {
    everywhere(async || {
        let cleanup = async || {
            let _held = Held::new();
            sleep(TICK).await;
            checkpoint().await;
        };
        let work = async |time| {
            let _held = Held::new();
            sleep(time).await;
        };
        // What is too slow is a failure, and that is known.
        open_nursery(async |nursery| {
            nursery.start_soon(on_cancel(work(TICK), cleanup));
            nursery.start_soon(on_cancel(on_cancel(work(HOUR), cleanup), cleanup));
            nursery.start_soon(on_cancel(work(HOUR), async || work(HOUR).await).within(TICK));
            sleep(2 * TICK).await;
            move_on_after(TICK, on_cancel(work(HOUR), cleanup)).await;
            nursery.cancel();
            on_cancel(work(HOUR), cleanup).await;
        })
        .await
        .ok();
    });
}

#[test]
fn soft_shutdown() {
    everywhere(async || {
        let service = CancelScope::new();
        let done = open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _held = Held::new();
                let tasks = open_nursery(async |tasks| {
                    tasks.start_soon(async {
                        let _held = Held::new();
                        shutdown_requested().await;
                    });
                    tasks.start_soon(async {
                        let _held = Held::new();
                        sleep(HOUR).await;
                    });
                });
                service.run(tasks).await.ok();
            });
            sleep(TICK).await;
            drop(service.shutdown(HOUR));
            let report = service.shutdown(TICK).await;
            assert_eq!(report.laggards().len(), 1);
            // It is over; there is nothing to wait for.
            service.shutdown(TICK).await;
        });
        done.await.ok();
    });
}

#[test]
fn foreign_combinators() {
    everywhere(async || {
        let work = async |time| {
            let _held = Held::new();
            sleep(time).await;
        };
        select(work(TICK), shield(work(HOUR))).await;
        select(
            work(TICK),
            open_nursery(async |nursery| {
                nursery.start_soon(work(HOUR));
                nursery.start_soon(on_cancel(work(HOUR), async || work(TICK).await));
            }),
        )
        .await;
        join_all([work(TICK), work(2 * TICK)]).await;
        let mut set = Unordered::new();
        set.push(work(3 * TICK));
        set.push(shield(work(2 * TICK)));
        set.push(async {
            move_on_after(TICK, work(HOUR)).await;
        });
        while set.next().await.is_some() {}
    });
}
