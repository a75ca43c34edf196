//! glommio: tasks of one local executor, on io_uring.

mod echo;
mod run;

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use glommio::channels::local_channel::new_bounded;
use glommio::timer::{Timer, timeout};
use glommio::{Task, executor, spawn_local};
use measured::{
    Arguments, Batches, CAPACITY, Error, Lateness, Live, Memory, PRODUCERS, Sleepers,
    TREE_BRANCHES, YIELDING, depth, one_wake_up, woken_by_thread,
};
use run::run;

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::echo),
        (
            "spawn",
            |arguments| run(Batches::new(&arguments).run(spawn)),
        ),
        ("spawn-yielding", |arguments| {
            run(Batches::new(&arguments).run(spawn_yielding))
        }),
        ("yield", |arguments| {
            run(Batches::new(&arguments).run(yields))
        }),
        ("ping-pong", |arguments| {
            run(Batches::new(&arguments).run(ping_pong))
        }),
        ("producers", |arguments| {
            run(Batches::new(&arguments).run(producers))
        }),
        ("sleeps", |arguments| {
            run(Sleepers::new(&arguments).run(sleeps))
        }),
        ("timeout", |arguments| {
            run(Batches::new(&arguments).run(timeouts))
        }),
        ("cancel-tree", |arguments| {
            run(Batches::new(&arguments).run_timing(cancel))
        }),
        ("nested", |arguments| {
            run(Batches::new(&arguments).run(nested))
        }),
        ("wake-from-thread", |arguments| {
            run(Batches::new(&arguments).run(wake_from_thread))
        }),
        ("to-thread", |arguments| {
            run(Batches::new(&arguments).run(to_thread))
        }),
        ("parked", |arguments| run(memory(arguments, pending::<()>))),
        ("sleeping", |arguments| {
            run(memory(arguments, || async {
                Timer::new(Duration::from_secs(3600)).await;
            }))
        }),
    ])
}

async fn join(tasks: Vec<Task<()>>) -> Result<(), Error> {
    for task in tasks {
        task.await;
    }
    Ok(())
}

async fn spawn(children: usize) -> Result<(), Error> {
    join((0..children).map(|_| spawn_local(async {})).collect()).await
}

async fn spawn_yielding(children: usize) -> Result<(), Error> {
    let child = || async { executor().yield_now().await };
    join((0..children).map(|_| spawn_local(child())).collect()).await
}

async fn yields(yields: usize) -> Result<(), Error> {
    let task = || async move {
        for _ in 0..yields / YIELDING {
            executor().yield_now().await;
        }
    };
    join((0..YIELDING).map(|_| spawn_local(task())).collect()).await
}

async fn ping_pong(items: usize) -> Result<(), Error> {
    let (ping, pings) = new_bounded(1);
    let (pong, pongs) = new_bounded(1);
    let echo = spawn_local(async move {
        while let Some(item) = pings.recv().await {
            if pong.send(item).await.is_err() {
                return;
            }
        }
    });
    for item in 0..items {
        ping.send(item).await.map_err(|error| error.to_string())?;
        if pongs.recv().await != Some(item) {
            return Err("another item came back".into());
        }
    }
    drop(ping);
    echo.await;
    Ok(())
}

/// Its senders are not `Clone`: the tasks share one.
async fn producers(items: usize) -> Result<(), Error> {
    let (sender, receiver) = new_bounded(CAPACITY);
    let sender = std::rc::Rc::new(sender);
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
    let tasks = (0..PRODUCERS).map(|_| spawn_local(produce())).collect();
    drop(sender);
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    assert_eq!(received, items);
    join(tasks).await
}

async fn sleeps(children: usize, lateness: Lateness) -> Result<(), Error> {
    let sleep = |index| async move {
        let wait = lateness
            .moment(index)
            .saturating_duration_since(Instant::now());
        Timer::new(wait).await;
        lateness.note(index);
    };
    join(
        (0..children)
            .map(|index| spawn_local(sleep(index)))
            .collect(),
    )
    .await
}

async fn timeouts(operations: usize) -> Result<(), Error> {
    for _ in 0..operations {
        let work = async {
            one_wake_up().await;
            Ok(())
        };
        let done = timeout(Duration::from_secs(10), work).await;
        done.map_err(|error: glommio::GlommioError<()>| error.to_string())?;
    }
    Ok(())
}

/// A task that is cancelled drops the tasks below, which cancels them; nobody waits for those but this, by their count.
async fn cancel(_: usize) -> Result<Duration, Error> {
    let root = spawn_local(branch(depth()));
    while Live::count() < Live::in_tree(depth()) {
        executor().yield_now().await;
    }
    // The last ones have yet to wait.
    executor().yield_now().await;
    executor().yield_now().await;
    let begun = Instant::now();
    root.cancel().await;
    while Live::count() > 0 {
        executor().yield_now().await;
    }
    Ok(begun.elapsed())
}

fn branch(depth: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let child = || async move {
            let _live = Live::guard();
            if depth > 1 {
                branch(depth - 1).await;
            }
            pending().await
        };
        // They wait for ever.
        let _ended = join((0..TREE_BRANCHES).map(|_| spawn_local(child())).collect()).await;
    })
}

async fn nested(wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(depth(), wake_ups)).await;
    Ok(())
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let task = spawn_local(async move {
            if depth > 1 {
                return nest(depth - 1, wake_ups).await;
            }
            for _ in 0..wake_ups {
                measured::woken_from_outside().await;
            }
        });
        task.await;
    })
}

async fn wake_from_thread(round_trips: usize) -> Result<(), Error> {
    for _ in 0..round_trips {
        woken_by_thread().await;
    }
    Ok(())
}

async fn to_thread(round_trips: usize) -> Result<(), Error> {
    for trip in 0..round_trips {
        assert_eq!(executor().spawn_blocking(move || trip).await, trip);
    }
    Ok(())
}

async fn memory<F: Future<Output = ()> + 'static>(
    arguments: Arguments,
    child: impl Fn() -> F,
) -> Result<(), Error> {
    let children = arguments.operations;
    let before = Memory::now()?;
    // The handles are part of what a task costs here: dropped, they cancel it.
    let tasks: Vec<Task<()>> = (0..children).map(|_| spawn_local(child())).collect();
    // It runs a number of tasks a turn.
    for _ in 0..=children / 16 {
        executor().yield_now().await;
    }
    before.print_each_since(children, size_of::<F>())?;
    drop(tasks);
    Ok(())
}
