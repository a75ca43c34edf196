//! smol on one thread: tasks of a `LocalExecutor` under `block_on`, awaited one after the other.

mod echo;
mod sync;

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use async_executor::StaticLocalExecutor;
use measured::{
    Arguments, Batches, CAPACITY, Error, Lateness, Live, Memory, PRODUCERS, Sleepers,
    TREE_BRANCHES, YIELDING, depth, one_wake_up, woken_by_thread,
};
use smol::channel::bounded;
use smol::future::{FutureExt, yield_now};
use smol::{LocalExecutor, Task, Timer, unblock};

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::run),
        ("spawn", |arguments| batches(&arguments, spawn)),
        ("spawn-yielding", |arguments| {
            batches(&arguments, spawn_yielding)
        }),
        ("spawn-borrowing", |arguments| {
            batches(&arguments, spawn_borrowing)
        }),
        ("yield", |arguments| batches(&arguments, yields)),
        ("ping-pong", |arguments| batches(&arguments, ping_pong)),
        ("producers", |arguments| batches(&arguments, producers)),
        ("lock", |arguments| batches(&arguments, sync::lock)),
        ("semaphore", |arguments| {
            batches(&arguments, sync::semaphore)
        }),
        ("contended", |arguments| {
            batches(&arguments, sync::contended)
        }),
        ("notify", |arguments| batches(&arguments, sync::ping_pong)),
        ("sleeps", |arguments| {
            run(|executor| {
                Sleepers::new(&arguments)
                    .run(move |children, late| sleeps(executor, children, late))
            })
        }),
        ("timeout", |arguments| batches(&arguments, timeouts)),
        ("cancel-tree", |arguments| {
            run(|executor| Batches::new(&arguments).run_timing(move |_| cancel(executor)))
        }),
        ("nested", |arguments| batches(&arguments, nested)),
        ("wake-from-thread", |arguments| {
            batches(&arguments, wake_from_thread)
        }),
        ("to-thread", |arguments| batches(&arguments, to_thread)),
        ("parked", |arguments| memory(&arguments, pending::<()>)),
        ("sleeping", |arguments| {
            memory(&arguments, || async {
                Timer::after(Duration::from_secs(3600)).await;
            })
        }),
    ])
}

type Executor = &'static StaticLocalExecutor;

/// Runs what `main` makes in a task of its own: the future given to `block_on` is woken in a dearer way than a task is.
fn run<F>(main: impl FnOnce(Executor) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    // Leaked, so that its tasks may spawn in it, and by its own method, which makes spawning cheaper.
    let executor: Executor = LocalExecutor::new().leak();
    smol::block_on(executor.run(executor.spawn(main(executor))))
}

fn batches<B>(
    arguments: &Arguments,
    batch: impl Fn(Executor, usize) -> B + 'static,
) -> Result<(), Error>
where
    B: Future<Output = Result<(), Error>> + 'static,
{
    run(|executor| Batches::new(arguments).run(move |operations| batch(executor, operations)))
}

async fn join(tasks: Vec<Task<()>>) {
    for task in tasks {
        task.await;
    }
}

async fn spawn(executor: Executor, children: usize) -> Result<(), Error> {
    join((0..children).map(|_| executor.spawn(async {})).collect()).await;
    Ok(())
}

async fn spawn_yielding(executor: Executor, children: usize) -> Result<(), Error> {
    join((0..children).map(|_| executor.spawn(yield_now())).collect()).await;
    Ok(())
}

/// Tasks borrow only what outlives their executor, so a borrowing batch has an executor
/// of its own, run inside the outer one.
async fn spawn_borrowing(_: Executor, children: usize) -> Result<(), Error> {
    let done = Cell::new(0);
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (0..children)
        .map(|_| executor.spawn(async { done.set(done.get() + 1) }))
        .collect();
    executor.run(join(tasks)).await;
    assert_eq!(done.get(), children);
    Ok(())
}

async fn yields(executor: Executor, yields: usize) -> Result<(), Error> {
    let task = || async move {
        for _ in 0..yields / YIELDING {
            yield_now().await;
        }
    };
    join((0..YIELDING).map(|_| executor.spawn(task())).collect()).await;
    Ok(())
}

async fn ping_pong(executor: Executor, items: usize) -> Result<(), Error> {
    let (ping, pings) = bounded(1);
    let (pong, pongs) = bounded(1);
    let echo = executor.spawn(async move {
        while let Ok(item) = pings.recv().await {
            if pong.send(item).await.is_err() {
                return;
            }
        }
    });
    for item in 0..items {
        ping.send(item).await?;
        if pongs.recv().await != Ok(item) {
            return Err("another item came back".into());
        }
    }
    drop(ping);
    echo.await;
    Ok(())
}

async fn producers(executor: Executor, items: usize) -> Result<(), Error> {
    let (sender, receiver) = bounded(CAPACITY);
    let produce = || {
        let sender = sender.clone();
        async move {
            for item in 0..items / PRODUCERS {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        }
    };
    let tasks = (0..PRODUCERS).map(|_| executor.spawn(produce())).collect();
    drop(sender);
    let mut received = 0;
    while receiver.recv().await.is_ok() {
        received += 1;
    }
    assert_eq!(received, items);
    join(tasks).await;
    Ok(())
}

async fn sleeps(executor: Executor, children: usize, lateness: Lateness) -> Result<(), Error> {
    let sleep = |index| async move {
        Timer::at(lateness.moment(index)).await;
        lateness.note(index);
    };
    join(
        (0..children)
            .map(|index| executor.spawn(sleep(index)))
            .collect(),
    )
    .await;
    Ok(())
}

/// As smol's documentation does it.
async fn timeouts(_: Executor, operations: usize) -> Result<(), Error> {
    for _ in 0..operations {
        let work = async {
            one_wake_up().await;
            io::Result::Ok(())
        };
        let limit = async {
            Timer::after(Duration::from_secs(10)).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        work.or(limit).await?;
    }
    Ok(())
}

/// A task that is cancelled drops the tasks below, which cancels them; nobody waits for those but this, by their count.
async fn cancel(executor: Executor) -> Result<Duration, Error> {
    let root = executor.spawn(branch(executor, depth()));
    while Live::count() < Live::in_tree(depth()) {
        yield_now().await;
    }
    // The last ones have yet to wait.
    yield_now().await;
    yield_now().await;
    let begun = Instant::now();
    root.cancel().await;
    while Live::count() > 0 {
        yield_now().await;
    }
    Ok(begun.elapsed())
}

fn branch(executor: Executor, depth: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let child = || async move {
            let _live = Live::guard();
            if depth > 1 {
                branch(executor, depth - 1).await;
            }
            pending().await
        };
        join(
            (0..TREE_BRANCHES)
                .map(|_| executor.spawn(child()))
                .collect(),
        )
        .await;
    })
}

async fn nested(executor: Executor, wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(executor, depth(), wake_ups)).await;
    Ok(())
}

fn nest(executor: Executor, depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let task = executor.spawn(async move {
            if depth > 1 {
                return nest(executor, depth - 1, wake_ups).await;
            }
            for _ in 0..wake_ups {
                measured::woken_from_outside().await;
            }
        });
        task.await;
    })
}

async fn wake_from_thread(_: Executor, round_trips: usize) -> Result<(), Error> {
    for _ in 0..round_trips {
        woken_by_thread().await;
    }
    Ok(())
}

async fn to_thread(_: Executor, round_trips: usize) -> Result<(), Error> {
    for trip in 0..round_trips {
        assert_eq!(unblock(move || trip).await, trip);
    }
    Ok(())
}

fn memory<F: Future<Output = ()> + 'static>(
    arguments: &Arguments,
    child: impl Fn() -> F + 'static,
) -> Result<(), Error> {
    let children = arguments.operations;
    run(|executor| async move {
        let before = Memory::now()?;
        // The handles are part of what a task costs here: dropped, they cancel it.
        let tasks: Vec<Task<()>> = (0..children).map(|_| executor.spawn(child())).collect();
        yield_now().await;
        yield_now().await;
        before.print_each_since(children, size_of::<F>())?;
        drop(tasks);
        Ok(())
    })
}
