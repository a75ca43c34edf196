//! moro: scopes whose jobs may borrow, on tokio's timers and sockets.

mod echo;
mod run;

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use measured::{
    Arguments, Batches, Error, Lateness, Live, Memory, Sleepers, TREE_BRANCHES, YIELDING, depth,
};
use run::run;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until};

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::run),
        (
            "spawn",
            |arguments| run(Batches::new(&arguments).run(spawn)),
        ),
        ("spawn-yielding", |arguments| {
            run(Batches::new(&arguments).run(spawn_yielding))
        }),
        ("spawn-borrowing", |arguments| {
            run(Batches::new(&arguments).run(spawn_borrowing))
        }),
        ("yield", |arguments| {
            run(Batches::new(&arguments).run(yields))
        }),
        ("sleeps", |arguments| {
            run(Sleepers::new(&arguments).run(sleeps))
        }),
        ("cancel-tree", |arguments| {
            run(Batches::new(&arguments).run_timing(cancel))
        }),
        ("nested", |arguments| {
            run(Batches::new(&arguments).run(nested))
        }),
        ("parked", |arguments| run(memory(arguments, pending::<()>))),
        ("sleeping", |arguments| {
            run(memory(arguments, || sleep(Duration::from_secs(3600))))
        }),
    ])
}

async fn spawn(children: usize) -> Result<(), Error> {
    moro::async_scope!(|scope| {
        for _ in 0..children {
            let _child = scope.spawn(async {});
        }
        Ok(())
    })
    .await
}

async fn spawn_yielding(children: usize) -> Result<(), Error> {
    moro::async_scope!(|scope| {
        for _ in 0..children {
            let _child = scope.spawn(yield_now());
        }
        Ok(())
    })
    .await
}

/// Jobs are `Send`, so the local must be one that threads may share.
async fn spawn_borrowing(children: usize) -> Result<(), Error> {
    let done = AtomicUsize::new(0);
    let done = &done;
    moro::async_scope!(|scope| {
        for _ in 0..children {
            let _child = scope.spawn(async {
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
    })
    .await;
    assert_eq!(done.load(Ordering::Relaxed), children);
    Ok(())
}

async fn yields(yields: usize) -> Result<(), Error> {
    moro::async_scope!(|scope| {
        for _ in 0..YIELDING {
            let _child = scope.spawn(async move {
                for _ in 0..yields / YIELDING {
                    yield_now().await;
                }
            });
        }
        Ok(())
    })
    .await
}

async fn sleeps(children: usize, lateness: Lateness) -> Result<(), Error> {
    moro::async_scope!(|scope| {
        for index in 0..children {
            let _child = scope.spawn(async move {
                sleep_until(lateness.moment(index).into()).await;
                lateness.note(index);
            });
        }
        Ok(())
    })
    .await
}

async fn cancel(_: usize) -> Result<Duration, Error> {
    let begun: Instant = moro::async_scope!(|scope| {
        let _tree = scope.spawn(branch(depth()));
        while Live::count() < Live::in_tree(depth()) {
            yield_now().await;
        }
        // The last ones have yet to wait.
        yield_now().await;
        yield_now().await;
        scope.terminate::<Instant>(Instant::now()).await
    })
    .await;
    let time = begun.elapsed();
    assert_eq!(Live::count(), 0);
    Ok(time)
}

fn branch(depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        moro::async_scope!(|scope| {
            for _ in 0..TREE_BRANCHES {
                let _child = scope.spawn(async move {
                    let _live = Live::guard();
                    if depth > 1 {
                        branch(depth - 1).await;
                    }
                    pending::<()>().await
                });
            }
        })
        .await;
    })
}

async fn nested(wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(depth(), wake_ups)).await;
    Ok(())
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        moro::async_scope!(|scope| {
            let _child = scope.spawn(async move {
                if depth > 1 {
                    return nest(depth - 1, wake_ups).await;
                }
                for _ in 0..wake_ups {
                    measured::woken_from_outside().await;
                }
            });
        })
        .await;
    })
}

async fn memory<F: Future<Output = ()> + Send + 'static>(
    arguments: Arguments,
    child: impl Fn() -> F + Send + Sync + 'static,
) -> Result<(), Error> {
    let children = arguments.operations;
    let before = Memory::now()?;
    let child = &child;
    let before = &before;
    moro::async_scope!(|scope| -> Result<(), Error> {
        for _ in 0..children {
            let _child = scope.spawn(child());
        }
        // As many polls as tokio's budget of operations needs.
        for _ in 0..=children / 32 {
            yield_now().await;
        }
        before.print_each_since(children, size_of::<F>())?;
        scope.terminate(Ok(())).await
    })
    .await
}
