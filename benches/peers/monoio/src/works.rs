//! Tasks joined by their handles; the channels of `local-sync`, by monoio's makers. A task cannot be cancelled.
//! Works with threads are in `monoio_sync`, since the feature that they take makes every wake-up dearer.

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use local_sync::mpsc::bounded::channel;
use measured::{
    Arguments, Batches, CAPACITY, Error, Lateness, Memory, PRODUCERS, Sleepers, YIELDING, depth,
    one_wake_up,
};
use monoio::spawn;
use monoio::task::JoinHandle;
use monoio::time::{Instant, sleep, sleep_until, timeout};

use crate::driver::run;
use crate::echo;

pub(crate) fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::echo),
        ("spawn", |arguments| {
            run(Batches::new(&arguments).run(spawn_plain))
        }),
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
        ("nested", |arguments| {
            run(Batches::new(&arguments).run(nested))
        }),
        ("parked", |arguments| run(memory(arguments, pending::<()>))),
        ("sleeping", |arguments| {
            run(memory(arguments, || sleep(Duration::from_secs(3600))))
        }),
    ])
}

async fn join(tasks: Vec<JoinHandle<()>>) -> Result<(), Error> {
    for task in tasks {
        task.await;
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

async fn ping_pong(items: usize) -> Result<(), Error> {
    let (ping, mut pings) = channel(1);
    let (pong, mut pongs) = channel(1);
    let echo = spawn(async move {
        while let Some(item) = pings.recv().await {
            if pong.send(item).await.is_err() {
                return;
            }
        }
    });
    for item in 0..items {
        ping.send(item).await.map_err(|_| "nobody receives")?;
        if pongs.recv().await != Some(item) {
            return Err("another item came back".into());
        }
    }
    drop(ping);
    echo.await;
    Ok(())
}

async fn producers(items: usize) -> Result<(), Error> {
    let (sender, mut receiver) = channel(CAPACITY);
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
    let tasks = (0..PRODUCERS).map(|_| spawn(produce())).collect();
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
        sleep_until(Instant::from_std(lateness.moment(index))).await;
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

async fn nested(wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(depth(), wake_ups)).await;
    Ok(())
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let task = spawn(async move {
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

async fn memory<F: Future<Output = ()> + 'static>(
    arguments: Arguments,
    child: impl Fn() -> F,
) -> Result<(), Error> {
    let children = arguments.operations;
    let before = Memory::now()?;
    for _ in 0..children {
        // Dropped, the handle leaves the task running.
        spawn(child());
    }
    one_wake_up().await;
    one_wake_up().await;
    before.print_each_since(children, size_of::<F>())
}
