//! Nestling: `Lock` and `Semaphore`, in children of nurseries.

use nestling::sync::{Lock, Semaphore};
use nestling::{BoxError, Nursery, NurseryError, ok, open_nursery};
use peers::{Batches, Shape, one_wake_up};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    nestling::run(open_nursery(async |nursery: &Nursery<'_, '_>| {
        nursery.start_soon(async {
            match batches.shape {
                Shape::Lock => batches.run(lock).await,
                Shape::Semaphore => batches.run(semaphore).await,
                Shape::Contended => batches.run(contended).await,
                Shape::PingPong => batches.run(ping_pong).await,
                _ => Err("this is not about synchronisation".into()),
            }
        });
    }))?;
    Ok(())
}

async fn lock(operations: usize) -> Result<(), BoxError> {
    let lock = Lock::new(0);
    for _ in 0..operations {
        *lock.acquire().await += 1;
    }
    assert_eq!(lock.into_inner(), operations);
    ok(())
}

async fn semaphore(operations: usize) -> Result<(), BoxError> {
    let semaphore = Semaphore::new(1);
    for _ in 0..operations {
        drop(semaphore.acquire().await);
    }
    ok(())
}

async fn contended(operations: usize) -> Result<(), NurseryError> {
    let lock = Lock::new(0);
    open_nursery(async |nursery| {
        for _ in 0..3 {
            nursery.start_soon(async {
                loop {
                    let mut done = lock.acquire().await;
                    if *done == operations {
                        break;
                    }
                    one_wake_up().await;
                    *done += 1;
                }
            });
        }
    })
    .await
}

async fn ping_pong(operations: usize) -> Result<(), NurseryError> {
    let (ping, pong) = (Semaphore::new(0), Semaphore::new(0));
    open_nursery(async |nursery| {
        nursery.start_soon(async {
            for _ in 0..operations {
                ping.acquire().await.forget();
                pong.add_permits(1)?;
            }
            Ok::<_, BoxError>(())
        });
        nursery.start_soon(async {
            for _ in 0..operations {
                ping.add_permits(1)?;
                pong.acquire().await.forget();
            }
            Ok::<_, BoxError>(())
        });
    })
    .await
}
