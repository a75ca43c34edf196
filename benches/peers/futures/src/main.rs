//! `FuturesUnordered` under the `futures` crate's own `block_on`. It is a collection
//! that is polled, not a runtime: all children of a set have one type, so that none is boxed.

use std::cell::Cell;
use std::future::pending;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::channel::mpsc::channel;
use futures::executor::block_on;
use futures::future::Either;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt, pin_mut};
use measured::{
    Batches, CAPACITY, Error, Live, Memory, PRODUCERS, TREE_BRANCHES, YIELDING, depth, one_wake_up,
    woken_by_thread,
};

fn main() -> ExitCode {
    measured::main(&[
        ("spawn", |arguments| {
            block_on(Batches::new(&arguments).run(spawn))
        }),
        ("spawn-yielding", |arguments| {
            block_on(Batches::new(&arguments).run(spawn_yielding))
        }),
        ("spawn-borrowing", |arguments| {
            block_on(Batches::new(&arguments).run(spawn_borrowing))
        }),
        ("yield", |arguments| {
            block_on(Batches::new(&arguments).run(yields))
        }),
        ("ping-pong", |arguments| {
            block_on(Batches::new(&arguments).run(ping_pong))
        }),
        ("producers", |arguments| {
            block_on(Batches::new(&arguments).run(producers))
        }),
        ("cancel-tree", |arguments| {
            block_on(Batches::new(&arguments).run_timing(|_| cancel()))
        }),
        ("nested", |arguments| {
            block_on(Batches::new(&arguments).run(|wake_ups| measured::outside(nest(depth(), wake_ups))))
        }),
        ("wake-from-thread", |arguments| {
            block_on(Batches::new(&arguments).run(wake_from_thread))
        }),
        ("parked", |arguments| block_on(parked(arguments.operations))),
    ])
}

async fn join<F: Future<Output = ()>>(mut set: FuturesUnordered<F>) -> Result<(), Error> {
    while let Some(()) = set.next().await {}
    Ok(())
}

async fn spawn(children: usize) -> Result<(), Error> {
    let set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(async {});
    }
    join(set).await
}

async fn spawn_yielding(children: usize) -> Result<(), Error> {
    let set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(one_wake_up());
    }
    join(set).await
}

async fn spawn_borrowing(children: usize) -> Result<(), Error> {
    let done = Cell::new(0);
    let set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(async { done.set(done.get() + 1) });
    }
    join(set).await?;
    assert_eq!(done.get(), children);
    Ok(())
}

async fn yields(yields: usize) -> Result<(), Error> {
    let set = FuturesUnordered::new();
    for _ in 0..YIELDING {
        set.push(async move {
            for _ in 0..yields / YIELDING {
                one_wake_up().await;
            }
        });
    }
    join(set).await
}

/// A capacity of this channel grows by one for each sender.
async fn ping_pong(items: usize) -> Result<(), Error> {
    let (mut ping, mut pings) = channel(0);
    let (mut pong, mut pongs) = channel(0);
    let echo = async move {
        while let Some(item) = pings.next().await {
            if pong.send(item).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    };
    let main = async move {
        for item in 0..items {
            ping.send(item).await?;
            assert_eq!(pongs.next().await, Some(item));
        }
        Ok::<_, Error>(())
    };
    let mut set = FuturesUnordered::new();
    set.push(Either::Left(echo));
    set.push(Either::Right(main));
    while let Some(ended) = set.next().await {
        ended?;
    }
    Ok(())
}

async fn producers(items: usize) -> Result<(), Error> {
    let (sender, mut receiver) = channel(CAPACITY - PRODUCERS - 1);
    let set = FuturesUnordered::new();
    for _ in 0..PRODUCERS {
        let mut sender = sender.clone();
        set.push(Either::Left(async move {
            for item in 0..items / PRODUCERS {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        }));
    }
    drop(sender);
    set.push(Either::Right(async move {
        let mut received = 0;
        while receiver.next().await.is_some() {
            received += 1;
        }
        assert_eq!(received, items);
    }));
    join(set).await
}

/// Cancelling is dropping.
async fn cancel() -> Result<Duration, Error> {
    let mut root = branch(depth());
    let watch = async {
        while Live::count() < Live::in_tree(depth()) {
            one_wake_up().await;
        }
        // The last ones have yet to wait.
        one_wake_up().await;
        one_wake_up().await;
    };
    pin_mut!(watch);
    futures::future::select(watch, root.as_mut())
        .map(drop)
        .await;
    let begun = Instant::now();
    drop(root);
    let time = begun.elapsed();
    assert_eq!(Live::count(), 0);
    Ok(time)
}

fn branch(depth: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut set = FuturesUnordered::new();
        for _ in 0..TREE_BRANCHES {
            set.push(async move {
                let _live = Live::guard();
                if depth > 1 {
                    branch(depth - 1).await;
                }
                pending::<()>().await
            });
        }
        while let Some(()) = set.next().await {}
    })
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = Result<(), Error>>>> {
    Box::pin(async move {
        let mut set = FuturesUnordered::new();
        set.push(async move {
            if depth > 1 {
                return nest(depth - 1, wake_ups).await;
            }
            for _ in 0..wake_ups {
                measured::woken_from_outside().await;
            }
            Ok(())
        });
        while let Some(ended) = set.next().await {
            ended?;
        }
        Ok(())
    })
}

async fn wake_from_thread(round_trips: usize) -> Result<(), Error> {
    let set = FuturesUnordered::new();
    set.push(async move {
        for _ in 0..round_trips {
            woken_by_thread().await;
        }
    });
    join(set).await
}

async fn parked(children: usize) -> Result<(), Error> {
    let before = Memory::now()?;
    let mut set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(pending::<()>());
    }
    // Each is polled once.
    let polled = set.next();
    pin_mut!(polled);
    for _ in 0..=children / 32 {
        let waited = futures::future::select(polled.as_mut(), Box::pin(one_wake_up()));
        waited.map(drop).await;
    }
    before.print_each_since(children, 0)
}
