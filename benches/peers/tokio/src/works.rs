//! Children are tasks of a `JoinSet`, for both flavours alike.

use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use measured::{
    Arguments, Batches, CAPACITY, Error, Lateness, Live, Memory, PRODUCERS, Sleepers,
    TREE_BRANCHES, YIELDING, depth, one_wake_up, woken_by_thread,
};
use tokio::sync::mpsc::channel;
use tokio::task::{JoinSet, spawn_blocking, yield_now};
use tokio::time::{sleep, sleep_until, timeout};

use crate::flavour::{self, MaybeSend, spawn_in};
use crate::sync;

pub(crate) fn main() -> ExitCode {
    measured::main(&[
        ("echo", crate::echo::run),
        ("spawn", |arguments| batches(&arguments, spawn)),
        ("spawn-yielding", |arguments| {
            batches(&arguments, spawn_yielding)
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
            flavour::run(Sleepers::new(&arguments).run(sleeps))
        }),
        ("timeout", |arguments| batches(&arguments, timeouts)),
        ("cancel-tree", |arguments| {
            flavour::run(Batches::new(&arguments).run_timing(cancel))
        }),
        ("nested", |arguments| batches(&arguments, nested)),
        ("wake-from-thread", |arguments| {
            batches(&arguments, wake_from_thread)
        }),
        ("to-thread", |arguments| batches(&arguments, to_thread)),
        ("parked", |arguments| memory(&arguments, pending::<()>)),
        ("sleeping", |arguments| {
            memory(&arguments, || sleep(Duration::from_secs(3600)))
        }),
    ])
}

fn batches<B>(
    arguments: &Arguments,
    batch: impl FnMut(usize) -> B + MaybeSend + 'static,
) -> Result<(), Error>
where
    B: Future<Output = Result<(), Error>> + Send + 'static,
{
    let batches = Batches::new(arguments);
    flavour::run(batches.run(batch))
}

async fn join(mut set: JoinSet<()>) -> Result<(), Error> {
    while let Some(joined) = set.join_next().await {
        joined?;
    }
    Ok(())
}

async fn spawn(children: usize) -> Result<(), Error> {
    let mut set = JoinSet::new();
    for _ in 0..children {
        spawn_in(&mut set, async {});
    }
    join(set).await
}

async fn spawn_yielding(children: usize) -> Result<(), Error> {
    let mut set = JoinSet::new();
    for _ in 0..children {
        spawn_in(&mut set, yield_now());
    }
    join(set).await
}

async fn yields(yields: usize) -> Result<(), Error> {
    let mut set = JoinSet::new();
    for _ in 0..YIELDING {
        spawn_in(&mut set, async move {
            for _ in 0..yields / YIELDING {
                yield_now().await;
            }
        });
    }
    join(set).await
}

async fn ping_pong(items: usize) -> Result<(), Error> {
    let (ping, mut pings) = channel(1);
    let (pong, mut pongs) = channel(1);
    let mut set = JoinSet::new();
    spawn_in(&mut set, async move {
        while let Some(item) = pings.recv().await {
            if pong.send(item).await.is_err() {
                return;
            }
        }
    });
    for item in 0..items {
        ping.send(item).await?;
        if pongs.recv().await != Some(item) {
            return Err("another item came back".into());
        }
    }
    drop(ping);
    join(set).await
}

async fn producers(items: usize) -> Result<(), Error> {
    let (sender, mut receiver) = channel(CAPACITY);
    let mut set = JoinSet::new();
    for _ in 0..PRODUCERS {
        let sender = sender.clone();
        spawn_in(&mut set, async move {
            for item in 0..items / PRODUCERS {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    assert_eq!(received, items);
    join(set).await
}

async fn sleeps(children: usize, lateness: Lateness) -> Result<(), Error> {
    let mut set = JoinSet::new();
    for index in 0..children {
        spawn_in(&mut set, async move {
            sleep_until(lateness.moment(index).into()).await;
            lateness.note(index);
        });
    }
    join(set).await
}

async fn timeouts(operations: usize) -> Result<(), Error> {
    for _ in 0..operations {
        timeout(Duration::from_secs(10), one_wake_up()).await?;
    }
    Ok(())
}

/// A task that is aborted drops its set, which aborts the tasks below; nobody waits for those but this, by their count.
async fn cancel(_: usize) -> Result<Duration, Error> {
    let mut set = JoinSet::new();
    spawn_in(&mut set, branch(depth()));
    while Live::count() < Live::in_tree(depth()) {
        yield_now().await;
    }
    // The last ones have yet to wait.
    yield_now().await;
    yield_now().await;
    let begun = Instant::now();
    set.shutdown().await;
    while Live::count() > 0 {
        yield_now().await;
    }
    Ok(begun.elapsed())
}

fn branch(depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut set = JoinSet::new();
        for _ in 0..TREE_BRANCHES {
            spawn_in(&mut set, async move {
                let _live = Live::guard();
                if depth > 1 {
                    branch(depth - 1).await;
                }
                pending().await
            });
        }
        while set.join_next().await.is_some() {}
    })
}

async fn nested(wake_ups: usize) -> Result<(), Error> {
    measured::outside(nest(depth(), wake_ups)).await;
    Ok(())
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut set = JoinSet::new();
        spawn_in(&mut set, async move {
            if depth > 1 {
                return nest(depth - 1, wake_ups).await;
            }
            for _ in 0..wake_ups {
                measured::woken_from_outside().await;
            }
        });
        while set.join_next().await.is_some() {}
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
        assert_eq!(spawn_blocking(move || trip).await?, trip);
    }
    Ok(())
}

fn memory<F: Future<Output = ()> + Send + 'static>(
    arguments: &Arguments,
    child: impl Fn() -> F + Send + 'static,
) -> Result<(), Error> {
    let children = arguments.operations;
    flavour::run(async move {
        let before = Memory::now()?;
        let mut set = JoinSet::new();
        for _ in 0..children {
            spawn_in(&mut set, child());
        }
        yield_now().await;
        yield_now().await;
        before.print_each_since(children, size_of::<F>())
    })
}
