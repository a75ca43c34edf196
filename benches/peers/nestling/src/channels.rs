//! Items from child to child.

use measured::{Arguments, Batches, CAPACITY, Error, PRODUCERS};
use nestling::channel::channel;
use nestling::{BoxError, open_nursery};

pub(crate) fn ping_pong(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(ping_pong_batch))
}

pub(crate) fn producers(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(producers_batch))
}

async fn ping_pong_batch(items: usize) -> Result<(), BoxError> {
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
            for item in 0..items {
                ping.send(item).await?;
                if pongs.recv().await != Some(item) {
                    return Err("another item came back".into());
                }
            }
            Ok::<_, BoxError>(())
        });
    })
    .await?;
    Ok(())
}

async fn producers_batch(items: usize) -> Result<(), BoxError> {
    let (sender, receiver) = channel(CAPACITY);
    open_nursery(async |nursery| {
        for _ in 0..PRODUCERS {
            let sender = sender.clone();
            nursery.start_soon(async move {
                for item in 0..items / PRODUCERS {
                    sender.send(item).await?;
                }
                Ok::<_, BoxError>(())
            });
        }
        drop(sender);
        nursery.start_soon(async move {
            let mut received = 0;
            while receiver.recv().await.is_some() {
                received += 1;
            }
            assert_eq!(received, items);
        });
    })
    .await?;
    Ok(())
}
