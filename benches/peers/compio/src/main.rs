//! compio on io_uring: tasks of its runtime, joined by their handles. It has no channels of its own.

mod echo;

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use compio::runtime::{JoinHandle, Runtime, spawn, spawn_blocking};
use compio::time::{sleep, sleep_until, timeout};
use measured::{
    Arguments, Batches, Error, Lateness, Live, Memory, Sleepers, TREE_BRANCHES, YIELDING, depth,
    one_wake_up, woken_by_thread,
};

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::run),
        ("spawn", |arguments| {
            run(Batches::new(&arguments).run(spawn_plain))
        }),
        ("spawn-yielding", |arguments| {
            run(Batches::new(&arguments).run(spawn_yielding))
        }),
        ("yield", |arguments| {
            run(Batches::new(&arguments).run(yields))
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
            run(memory(arguments, || sleep(Duration::from_secs(3600))))
        }),
    ])
}

fn run(main: impl Future<Output = Result<(), Error>> + 'static) -> Result<(), Error> {
    Runtime::new()?.block_on(async {
        match spawn(main).await {
            Ok(ended) => ended,
            Err(_) => Err("the main task was cancelled".into()),
        }
    })
}

async fn join(tasks: Vec<JoinHandle<()>>) -> Result<(), Error> {
    for task in tasks {
        task.await.map_err(|_| "a task was cancelled")?;
    }
    Ok(())
}

async fn spawn_plain(children: usize) -> Result<(), Error> {
    join((0..children).map(|_| spawn(async {})).collect()).await
}

async fn spawn_yielding(children: usize) -> Result<(), Error> {
    join((0..children).map(|_| spawn(one_wake_up())).collect()).await
}

async fn yields(yields: usize) -> Result<(), Error> {
    let task = || async move {
        for _ in 0..yields / YIELDING {
            one_wake_up().await;
        }
    };
    join((0..YIELDING).map(|_| spawn(task())).collect()).await
}

async fn sleeps(children: usize, lateness: Lateness) -> Result<(), Error> {
    let sleep = |index| async move {
        sleep_until(lateness.moment(index)).await;
        lateness.note(index);
    };
    join((0..children).map(|index| spawn(sleep(index))).collect()).await
}

async fn timeouts(operations: usize) -> Result<(), Error> {
    for _ in 0..operations {
        timeout(Duration::from_secs(10), one_wake_up()).await?;
    }
    Ok(())
}

/// A task that is cancelled drops the handles of the tasks below, which cancels them; nobody waits for those but this, by
/// their count.
async fn cancel(_: usize) -> Result<Duration, Error> {
    let root = spawn(branch(depth()));
    while Live::count() < Live::in_tree(depth()) {
        one_wake_up().await;
    }
    // The last ones have yet to wait.
    one_wake_up().await;
    one_wake_up().await;
    let begun = Instant::now();
    root.cancel().await;
    while Live::count() > 0 {
        one_wake_up().await;
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
        let _ended = join((0..TREE_BRANCHES).map(|_| spawn(child())).collect()).await;
    })
}

async fn nested(wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(depth(), wake_ups)).await
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = Result<(), Error>>>> {
    Box::pin(async move {
        let task = spawn(async move {
            if depth > 1 {
                return nest(depth - 1, wake_ups).await;
            }
            for _ in 0..wake_ups {
                measured::woken_from_outside().await;
            }
            Ok(())
        });
        task.await.map_err(|_| "a task was cancelled")?
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
        let back = spawn_blocking(move || trip).await;
        assert_eq!(back.ok(), Some(trip));
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
    let tasks: Vec<JoinHandle<()>> = (0..children).map(|_| spawn(child())).collect();
    // It runs a number of tasks a turn.
    for _ in 0..=children / 16 {
        one_wake_up().await;
    }
    before.print_each_since(children, size_of::<F>())?;
    drop(tasks);
    Ok(())
}
