//! Nurseries and their children.

use std::time::Duration;

use nestling::testing::Held;
use nestling::{
    JoinHandle, Nursery, Ready, checkpoint, move_on_after, ok, on_cancel, open_nursery, shield,
    sleep, sleep_forever,
};

use crate::support::{boom, everywhere, select};
use crate::{HOUR, TICK};

async fn work(time: Duration) {
    let _held = Held::new();
    sleep(time).await;
}

#[test]
fn several_children() {
    everywhere(async || {
        let value = String::from("borrowed");
        let nursery = open_nursery(async |nursery| {
            let value = &value;
            for time in [TICK, 2 * TICK, Duration::ZERO] {
                nursery.start_soon(async move {
                    let _held = Held::new();
                    work(time).await;
                    assert_eq!(value, "borrowed");
                    checkpoint().await;
                });
            }
            work(TICK).await;
        });
        // Nothing fails, and that it was cancelled is known.
        nursery.await.ok();
    });
}

#[test]
fn nested() {
    everywhere(async || {
        let outer = open_nursery(async |outer: &Nursery<'_, '_>| {
            outer.start_soon(async {
                let _held = Held::new();
                open_nursery(async |inner| {
                    inner.start_soon(work(TICK));
                    inner.start_soon(on_cancel(work(3 * TICK), async || {
                        work(TICK).await;
                    }));
                    outer.start_soon(work(2 * TICK));
                    checkpoint().await;
                })
                .await
            });
            work(TICK).await;
        });
        outer.await.ok();
    });
}

#[test]
fn failing() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(async {
                work(TICK).await;
                boom::<()>("the child")
            });
            nursery.start_soon(shield(async {
                work(2 * TICK).await;
                boom::<()>("the shielded child")
            }));
            nursery.start_soon(work(HOUR));
            sleep_forever().await;
        });
        nursery.await.ok();
    });
}

#[test]
fn daemons() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            nursery.task().daemon().start_soon(async {
                let _held = Held::new();
                sleep_forever().await;
            });
            nursery
                .task()
                .name("slow to go")
                .daemon()
                .start_soon(on_cancel(work(HOUR), async || {
                    work(TICK).await;
                }));
            nursery.start_soon(work(TICK));
        });
        nursery.await.ok();
    });
}

#[test]
fn cancelling_it() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(work(HOUR));
            nursery.start_soon(async {
                let _held = Held::new();
                shield(sleep(2 * TICK)).await;
                checkpoint().await;
            });
            work(TICK).await;
            nursery.cancel();
            nursery.start_soon(work(HOUR));
            checkpoint().await;
        });
        nursery.await.ok();
    });
}

#[test]
fn join_handles() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            let mut slow = nursery.spawn(async {
                work(3 * TICK).await;
                ok(5)
            });
            let quick = nursery.spawn(async { ok(6) });
            let ignored = nursery.task().name("ignored").spawn(work(TICK));
            drop(ignored);
            // The value stays in the handle when the wait is cut off or dropped.
            let early = move_on_after(TICK, &mut slow).await;
            assert!(early.is_none());
            select(work(TICK), &mut slow).await;
            assert_eq!(slow.await?, 5);
            assert_eq!(quick.await?, 6);
            let failing: JoinHandle<'_, ()> = nursery.spawn(async {
                work(TICK).await;
                boom("the child")
            });
            failing.await?;
            ok(())
        });
        nursery.await.ok();
    });
}

#[test]
fn starting() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            let start = nursery.start(async |ready: Ready<u8>| {
                let _held = Held::new();
                sleep(TICK).await;
                open_nursery(async |inner| {
                    inner.start_soon(work(TICK));
                    checkpoint().await;
                    ready.started(7);
                    checkpoint().await;
                })
                .await
            });
            assert_eq!(start.await?, 7);
            let start = nursery.task().daemon().start(async |ready: Ready<()>| {
                ready.started(());
                sleep_forever().await;
            });
            start.await?;
            let start = nursery.start(async |_ready: Ready<()>| {
                work(TICK).await;
                boom::<()>("before it is ready")
            });
            assert!(start.await.is_err_and(|error| error.is_failed()));
            let start = nursery.start(async |_ready: Ready<()>| work(TICK).await);
            assert!(start.await.is_err_and(|error| error.is_not_ready()));
            ok(())
        });
        nursery.await.ok();
    });
}

#[test]
fn starting_what_takes_too_long() {
    everywhere(async || {
        let nursery = open_nursery(async |nursery| {
            let slow = async |ready: Ready<()>| {
                let _held = Held::new();
                on_cancel(work(HOUR), async || work(TICK).await).await;
                ready.started(());
            };
            let cut = move_on_after(TICK, nursery.start(slow)).await;
            assert!(cut.is_none());
            // Dropped, it leaves the rest to the nursery.
            select(work(TICK), nursery.start(slow)).await;
            nursery.start_soon(work(2 * TICK));
            let cancelled = async {
                sleep(TICK).await;
                nursery.cancel();
            };
            nursery.start_soon(cancelled);
            shield(nursery.start(slow)).await.err();
        });
        nursery.await.ok();
    });
}
