//! Every future of the library, cancelled, dropped and made to panic at each of its awaits.

#[path = "everywhere/io.rs"]
mod io;
#[path = "everywhere/nurseries.rs"]
mod nurseries;
#[path = "everywhere/probe.rs"]
mod probe;
#[path = "everywhere/threads.rs"]
mod threads;

mod support;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use nestling::{
    CancelScope, catch_cancel, checkpoint, current_time, fail_after, fail_at, interval,
    move_on_after, move_on_at, on_cancel, open_nursery, shield, shutdown_requested, sleep,
    sleep_forever, sleep_until,
};

use probe::{Probe, everywhere};
use support::{Unordered, join_all, leak, message_of, poll_once, select};

const TICK: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn sleeping() {
    everywhere(async |probe| {
        let _guard = probe.guard();
        probe.at(sleep(TICK)).await;
        probe.at(sleep(Duration::ZERO)).await;
        probe.at(sleep_until(current_time() + TICK)).await;
        probe.at(sleep_until(current_time())).await;
        move_on_after(TICK, probe.at(sleep_forever())).await;
        probe.at(checkpoint()).await;
    });
}

#[test]
fn intervals() {
    everywhere(async |probe| {
        let _guard = probe.guard();
        let mut ticks = interval(TICK);
        for _ in 0..4 {
            probe.at(ticks.tick()).await;
        }
    });
}

#[test]
fn limits_in_time() {
    everywhere(async |probe| {
        let in_time = async || {
            let _guard = probe.guard();
            probe.at(sleep(TICK)).await;
        };
        let late = async || {
            let _guard = probe.guard();
            probe.at(sleep(HOUR)).await;
        };
        let limit = 3 * TICK;
        probe.at(move_on_after(limit, in_time())).await;
        probe.at(move_on_after(limit, late())).await;
        probe.at(move_on_at(current_time() + limit, late())).await;
        probe.at(move_on_after(Duration::ZERO, late())).await;
        // That it was too slow is known.
        probe.at(fail_after(limit, in_time())).await.ok();
        probe.at(fail_after(limit, late())).await.ok();
        probe.at(fail_at(current_time() + limit, late())).await.ok();
        probe
            .at(move_on_after(limit, fail_after(limit, late())))
            .await;
    });
}

#[test]
fn scopes() {
    everywhere(async |probe| {
        let _guard = probe.guard();
        let outer = CancelScope::new().timeout(5 * TICK);
        let inner = CancelScope::new().deadline(current_time() + 2 * TICK);
        let shielded = CancelScope::new().shielded().timeout(2 * TICK);
        let handle = inner.clone();
        // Which of them it was does not matter here.
        probe
            .at(outer.run(async {
                let _guard = probe.guard();
                probe
                    .at(inner.run(async {
                        let _guard = probe.guard();
                        probe.at(sleep(TICK)).await;
                        handle.set_deadline(current_time() + TICK);
                        probe.at(sleep(HOUR)).await;
                    }))
                    .await
                    .ok();
                probe.at(shielded.run(probe.at(sleep(HOUR)))).await.ok();
                probe.at(sleep_forever()).await;
            }))
            .await
            .ok();
        let cancelled = CancelScope::new();
        cancelled.cancel_because("before it is entered");
        probe.at(cancelled.run(probe.at(sleep(HOUR)))).await.ok();
    });
}

#[test]
fn shields() {
    everywhere(async |probe| {
        let _guard = probe.guard();
        probe
            .at(shield(async {
                let _guard = probe.guard();
                probe.at(sleep(TICK)).await;
                move_on_after(TICK, shield(probe.at(sleep(2 * TICK)))).await;
            }))
            .await;
        probe.at(checkpoint()).await;
    });
}

#[test]
fn catching() {
    everywhere(async |probe| {
        for _ in 0..2 {
            let caught = probe.at(catch_cancel(async {
                let _guard = probe.guard();
                probe.at(sleep(TICK)).await;
                probe.at(checkpoint()).await;
            }));
            // Both ends go on to the next checkpoint.
            caught.await.ok();
        }
        move_on_after(TICK, catch_cancel(catch_cancel(probe.at(sleep(HOUR))))).await;
    });
}

#[test]
fn clean_ups() {
    everywhere(async |probe| {
        let cleanup = async || {
            let _guard = probe.guard();
            probe.at(sleep(TICK)).await;
            probe.at(checkpoint()).await;
        };
        let work = async |time| {
            let _guard = probe.guard();
            probe.at(sleep(time)).await;
        };
        // What is too slow is a failure, and that is known.
        open_nursery(async |nursery| {
            nursery.start_soon(on_cancel(work(TICK), cleanup));
            nursery.start_soon(on_cancel(on_cancel(work(HOUR), cleanup), cleanup));
            nursery.start_soon(on_cancel(work(HOUR), async || work(HOUR).await).within(TICK));
            probe.at(sleep(2 * TICK)).await;
            probe
                .at(move_on_after(TICK, on_cancel(work(HOUR), cleanup)))
                .await;
            nursery.cancel();
            probe.at(on_cancel(work(HOUR), cleanup)).await;
        })
        .await
        .ok();
    });
}

#[test]
fn soft_shutdown() {
    everywhere(async |probe| {
        let service = CancelScope::new();
        let done = open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _guard = probe.guard();
                let tasks = open_nursery(async |tasks| {
                    tasks.start_soon(async {
                        let _guard = probe.guard();
                        probe.at(shutdown_requested()).await;
                    });
                    tasks.start_soon(async {
                        let _guard = probe.guard();
                        probe.at(sleep(HOUR)).await;
                    });
                });
                probe.at(service.run(tasks)).await.ok();
            });
            probe.at(sleep(TICK)).await;
            drop(service.shutdown(HOUR));
            let report = probe.at(service.shutdown(TICK)).await;
            assert_eq!(report.laggards().len(), 1);
            // It is over; there is nothing to wait for.
            probe.at(service.shutdown(TICK)).await;
        });
        done.await.ok();
    });
}

#[test]
fn foreign_combinators() {
    everywhere(async |probe| {
        let work = async |time| {
            let _guard = probe.guard();
            probe.at(sleep(time)).await;
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

#[test]
fn the_checker_finds_a_forgotten_frame() {
    let text = message_of(|| {
        everywhere(async |probe| {
            probe.at(checkpoint()).await;
            let mut forgotten = Box::pin(async {
                move_on_after(HOUR, std::future::pending::<()>()).await;
            });
            assert!(poll_once(&mut forgotten).await.is_pending());
            leak(forgotten);
        });
    });
    assert!(text.contains("something is left in the run"), "{text}");
    assert!(text.contains("frames"), "{text}");
}

#[test]
fn the_checker_finds_a_leaked_timer() {
    let text = message_of(|| {
        everywhere(async |probe| {
            probe.at(checkpoint()).await;
            let mut forgotten = Box::pin(sleep(HOUR));
            assert!(poll_once(&mut forgotten).await.is_pending());
            leak(forgotten);
        });
    });
    assert!(text.contains("something is left in the run"), "{text}");
}

#[test]
fn the_checker_finds_a_leaked_child() {
    let text = message_of(|| {
        everywhere(async |probe: &Probe| {
            probe.at(checkpoint()).await;
            let mut forgotten = Box::pin(async {
                let _guard = probe.guard();
                std::future::pending::<()>().await;
            });
            assert!(poll_once(&mut forgotten).await.is_pending());
            leak(forgotten);
        });
    });
    assert!(text.contains("not every guard was dropped once"), "{text}");
}

#[test]
fn the_checker_finds_a_swallowed_panic() {
    let text = message_of(|| {
        everywhere(async |probe: &Probe| {
            let mut future = pin!(probe.at(checkpoint()));
            let swallowed = std::future::poll_fn(|cx| {
                let poll = std::panic::AssertUnwindSafe(|| future.as_mut().poll(cx));
                std::panic::catch_unwind(poll).unwrap_or(std::task::Poll::Ready(()))
            });
            swallowed.await;
        });
    });
    assert!(text.contains("the panic was swallowed"), "{text}");
}
