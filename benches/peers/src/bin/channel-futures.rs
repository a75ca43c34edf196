//! `futures::channel::mpsc` between tasks of a `LocalPool`. Its capacity grows by one for each sender.

use futures::channel::mpsc::channel;
use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;
use futures::{SinkExt, StreamExt};
use peers::{Batches, CAPACITY, Error, PRODUCERS, Shape};

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    pool.run_until(async {
        match batches.shape {
            Shape::PingPong => ping_pong(&spawner, batches).await,
            _ => producers(&spawner, batches).await,
        }
    })
}

async fn ping_pong(spawner: &LocalSpawner, batches: Batches) -> Result<(), Error> {
    let (mut ping, mut pings) = channel(0);
    let (mut pong, mut pongs) = channel(0);
    let echo = spawner.spawn_local_with_handle(async move {
        while let Some(item) = pings.next().await {
            pong.send(item).await?;
        }
        Ok::<_, Error>(())
    })?;
    let main = spawner.spawn_local_with_handle(async move {
        let batch = async |items| {
            for item in 0..items {
                ping.send(item).await?;
                assert_eq!(pongs.next().await, Some(item));
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    })?;
    main.await?;
    echo.await
}

async fn producers(spawner: &LocalSpawner, batches: Batches) -> Result<(), Error> {
    let (sender, mut receiver) = channel(CAPACITY - PRODUCERS);
    for _ in 0..PRODUCERS {
        let mut sender = sender.clone();
        spawner.spawn_local(async move {
            let mut item = 0;
            while sender.send(item).await.is_ok() {
                item += 1;
            }
        })?;
    }
    let main = spawner.spawn_local_with_handle(async move {
        let batch = async |items| {
            for _ in 0..items {
                receiver.next().await.ok_or("the producers are gone")?;
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    })?;
    main.await
}
