//! Nurseries and their children.

use std::time::Duration;

use nestling::{
    JoinHandle, Nursery, Ready, checkpoint, move_on_after, ok, on_cancel, open_nursery, shield,
    sleep, sleep_forever,
};

use crate::probe::{Probe, everywhere};
use crate::support::{boom, select};
use crate::{HOUR, TICK};

async fn work(probe: &Probe, time: Duration) {
    let _guard = probe.guard();
    probe.at(sleep(time)).await;
}

#[test]
fn several_children() {
    everywhere(async |probe| {
        let value = String::from("borrowed");
        let nursery = open_nursery(async |nursery| {
            let value = &value;
            for time in [TICK, 2 * TICK, Duration::ZERO] {
                nursery.start_soon(async move {
                    let _guard = probe.guard();
                    work(probe, time).await;
                    assert_eq!(value, "borrowed");
                    probe.at(checkpoint()).await;
                });
            }
            work(probe, TICK).await;
        });
        // Nothing fails, and that it was cancelled is known.
        probe.at(nursery).await.ok();
    });
}

#[test]
fn nested() {
    everywhere(async |probe| {
        let outer = open_nursery(async |outer: &Nursery<'_, '_>| {
            outer.start_soon(async {
                let _guard = probe.guard();
                open_nursery(async |inner| {
                    inner.start_soon(work(probe, TICK));
                    inner.start_soon(on_cancel(work(probe, 3 * TICK), async || {
                        work(probe, TICK).await;
                    }));
                    outer.start_soon(work(probe, 2 * TICK));
                    probe.at(checkpoint()).await;
                })
                .await
            });
            work(probe, TICK).await;
        });
        probe.at(outer).await.ok();
    });
}

#[test]
fn failing() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(async {
                work(probe, TICK).await;
                boom::<()>("the child")
            });
            nursery.start_soon(shield(async {
                work(probe, 2 * TICK).await;
                boom::<()>("the shielded child")
            }));
            nursery.start_soon(work(probe, HOUR));
            probe.at(sleep_forever()).await;
        });
        probe.at(nursery).await.ok();
    });
}

#[test]
fn daemons() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _guard = probe.guard();
                probe.at(sleep_forever()).await;
            });
            nursery
                .task()
                .name("slow to go")
                .daemon()
                .start_soon(on_cancel(work(probe, HOUR), async || {
                    work(probe, TICK).await;
                }));
            nursery.start_soon(work(probe, TICK));
        });
        probe.at(nursery).await.ok();
    });
}

#[test]
fn cancelling_it() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(work(probe, HOUR));
            nursery.start_soon(async {
                let _guard = probe.guard();
                probe.at(shield(sleep(2 * TICK))).await;
                probe.at(checkpoint()).await;
            });
            work(probe, TICK).await;
            nursery.cancel();
            nursery.start_soon(work(probe, HOUR));
            probe.at(checkpoint()).await;
        });
        probe.at(nursery).await.ok();
    });
}

#[test]
fn join_handles() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            let mut slow = nursery.spawn(async {
                work(probe, 3 * TICK).await;
                ok(5)
            });
            let quick = nursery.spawn(async { ok(6) });
            let ignored = nursery.task().name("ignored").spawn(work(probe, TICK));
            drop(ignored);
            // The value stays in the handle when the wait is cut off or dropped.
            let early = move_on_after(TICK, probe.at(&mut slow)).await;
            assert!(early.is_none());
            select(work(probe, TICK), &mut slow).await;
            assert_eq!(probe.at(slow).await?, 5);
            assert_eq!(probe.at(quick).await?, 6);
            let failing: JoinHandle<'_, ()> = nursery.spawn(async {
                work(probe, TICK).await;
                boom("the child")
            });
            probe.at(failing).await?;
            ok(())
        });
        probe.at(nursery).await.ok();
    });
}

#[test]
fn starting() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            let start = nursery.start(async |ready: Ready<u8>| {
                let _guard = probe.guard();
                probe.at(sleep(TICK)).await;
                open_nursery(async |inner| {
                    inner.start_soon(work(probe, TICK));
                    probe.at(checkpoint()).await;
                    ready.started(7);
                    probe.at(checkpoint()).await;
                })
                .await
            });
            assert_eq!(probe.at(start).await?, 7);
            let start = nursery.task().daemon().start(async |ready: Ready<()>| {
                ready.started(());
                probe.at(sleep_forever()).await;
            });
            probe.at(start).await?;
            let start = nursery.start(async |_ready: Ready<()>| {
                work(probe, TICK).await;
                boom::<()>("before it is ready")
            });
            assert!(probe.at(start).await.is_err_and(|error| error.is_failed()));
            let start = nursery.start(async |_ready: Ready<()>| work(probe, TICK).await);
            assert!(
                probe
                    .at(start)
                    .await
                    .is_err_and(|error| error.is_not_ready())
            );
            ok(())
        });
        probe.at(nursery).await.ok();
    });
}

#[test]
fn starting_what_takes_too_long() {
    everywhere(async |probe| {
        let nursery = open_nursery(async |nursery| {
            let slow = async |ready: Ready<()>| {
                let _guard = probe.guard();
                on_cancel(work(probe, HOUR), async || work(probe, TICK).await).await;
                ready.started(());
            };
            let cut = move_on_after(TICK, probe.at(nursery.start(slow))).await;
            assert!(cut.is_none());
            // Dropped, it leaves the rest to the nursery.
            select(work(probe, TICK), nursery.start(slow)).await;
            nursery.start_soon(work(probe, 2 * TICK));
            let cancelled = async {
                probe.at(sleep(TICK)).await;
                nursery.cancel();
            };
            nursery.start_soon(cancelled);
            probe.at(shield(nursery.start(slow))).await.err();
        });
        probe.at(nursery).await.ok();
    });
}
