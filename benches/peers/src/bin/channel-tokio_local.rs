//! tokio, current_thread with a `LocalSet`: `tokio::sync::mpsc`.

use peers::{Batches, CAPACITY, Error, PRODUCERS, Shape};
use tokio::runtime::Builder;
use tokio::sync::mpsc::channel;
use tokio::task::{LocalSet, spawn_local};

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        match batches.shape {
            Shape::PingPong => ping_pong(batches).await,
            _ => producers(batches).await,
        }
    })
}

async fn ping_pong(batches: Batches) -> Result<(), Error> {
    let (ping, mut pings) = channel(1);
    let (pong, mut pongs) = channel(1);
    let echo = spawn_local(async move {
        while let Some(item) = pings.recv().await {
            pong.send(item).await?;
        }
        Ok::<_, Error>(())
    });
    let main = spawn_local(async move {
        let batch = async |items| {
            for item in 0..items {
                ping.send(item).await?;
                assert_eq!(pongs.recv().await, Some(item));
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    });
    main.await??;
    echo.await?
}

async fn producers(batches: Batches) -> Result<(), Error> {
    let (sender, mut receiver) = channel(CAPACITY);
    for _ in 0..PRODUCERS {
        let sender = sender.clone();
        spawn_local(async move {
            let mut item = 0;
            while sender.send(item).await.is_ok() {
                item += 1;
            }
        });
    }
    let main = spawn_local(async move {
        let batch = async |items| {
            for _ in 0..items {
                receiver.recv().await.ok_or("the producers are gone")?;
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    });
    main.await?
}
