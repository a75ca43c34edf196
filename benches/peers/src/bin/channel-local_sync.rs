//! The channels of `local-sync`, made for one thread, on tokio, current_thread with a `LocalSet`.

use local_sync::mpsc::bounded::channel;
use peers::{Batches, Error, Shape};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if batches.shape != Shape::PingPong {
        return Err("only the round trip is written for local-sync".into());
    }
    LocalSet::new().block_on(&runtime, ping_pong(batches))
}

async fn ping_pong(batches: Batches) -> Result<(), Error> {
    let (ping, mut pings) = channel(1);
    let (pong, mut pongs) = channel(1);
    let echo = spawn_local(async move {
        while let Some(item) = pings.recv().await {
            pong.send(item).await.map_err(|_| "the receiver is gone")?;
        }
        Ok::<_, Error>(())
    });
    let main = spawn_local(async move {
        let batch = async |items| {
            for item in 0..items {
                ping.send(item).await.map_err(|_| "the receiver is gone")?;
                assert_eq!(pongs.recv().await, Some(item));
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    });
    main.await??;
    echo.await?
}
