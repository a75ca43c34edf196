//! smol on one thread: `async-channel` between tasks of a `LocalExecutor`.

use peers::{Batches, CAPACITY, Error, PRODUCERS, Shape};
use smol::LocalExecutor;
use smol::channel::bounded;

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        match batches.shape {
            Shape::PingPong => ping_pong(&executor, batches).await,
            _ => producers(&executor, batches).await,
        }
    }))
}

async fn ping_pong(executor: &LocalExecutor<'_>, batches: Batches) -> Result<(), Error> {
    let (ping, pings) = bounded(1);
    let (pong, pongs) = bounded(1);
    let echo = executor.spawn(async move {
        while let Ok(item) = pings.recv().await {
            pong.send(item).await?;
        }
        Ok::<_, Error>(())
    });
    let main = executor.spawn(async move {
        let batch = async |items| {
            for item in 0..items {
                ping.send(item).await?;
                assert_eq!(pongs.recv().await, Ok(item));
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    });
    main.await?;
    echo.await
}

async fn producers(executor: &LocalExecutor<'_>, batches: Batches) -> Result<(), Error> {
    let (sender, receiver) = bounded(CAPACITY);
    for _ in 0..PRODUCERS {
        let sender = sender.clone();
        let producer = executor.spawn(async move {
            let mut item = 0;
            while sender.send(item).await.is_ok() {
                item += 1;
            }
        });
        producer.detach();
    }
    let main = executor.spawn(async move {
        let batch = async |items| {
            for _ in 0..items {
                receiver.recv().await?;
            }
            Ok::<_, Error>(())
        };
        batches.run(batch).await
    });
    main.await
}
