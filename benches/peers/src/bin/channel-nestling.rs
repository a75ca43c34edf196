//! Nestling: children of one nursery.

use nestling::channel::channel;
use nestling::{BoxError, open_nursery};
use peers::{Batches, CAPACITY, PRODUCERS, Shape};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    nestling::run(async {
        match batches.shape {
            Shape::PingPong => ping_pong(batches).await,
            _ => producers(batches).await,
        }
    })
}

async fn ping_pong(batches: Batches) -> Result<(), peers::Error> {
    let (ping, pings) = channel(1);
    let (pong, pongs) = channel(1);
    open_nursery(async |nursery| {
        nursery.start_soon(async move {
            while let Some(item) = pings.recv().await {
                pong.send(item).await?;
            }
            Ok::<_, BoxError>(())
        });
        nursery.start_soon(async move {
            let batch = async |items| {
                for item in 0..items {
                    ping.send(item).await?;
                    assert_eq!(pongs.recv().await, Some(item));
                }
                Ok::<_, BoxError>(())
            };
            batches.run(batch).await
        });
    })
    .await?;
    Ok(())
}

async fn producers(batches: Batches) -> Result<(), peers::Error> {
    let (sender, receiver) = channel(CAPACITY);
    open_nursery(async |nursery| {
        for _ in 0..PRODUCERS {
            let sender = sender.clone();
            nursery.start_soon(async move {
                let mut item = 0;
                while sender.send(item).await.is_ok() {
                    item += 1;
                }
            });
        }
        nursery.start_soon(async move {
            let batch = async |items| {
                for _ in 0..items {
                    receiver.recv().await.ok_or("the producers are gone")?;
                }
                Ok::<_, BoxError>(())
            };
            batches.run(batch).await
        });
    })
    .await?;
    Ok(())
}
