//! tokio, current_thread: `Mutex`, `Semaphore` and `Notify`, in tasks.

use std::sync::Arc;

use peers::{Batches, Error, Shape, one_wake_up};
use tokio::runtime::Builder;
use tokio::sync::{Mutex, Notify, Semaphore};

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let all = async {
            match batches.shape {
                Shape::Lock => batches.run(lock).await,
                Shape::Semaphore => batches.run(semaphore).await,
                Shape::Contended => batches.run(contended).await,
                Shape::PingPong => batches.run(ping_pong).await,
                _ => Err("this is not about synchronisation".into()),
            }
        };
        tokio::spawn(all).await?
    })
}

async fn lock(operations: usize) -> Result<(), Error> {
    let lock = Mutex::new(0);
    for _ in 0..operations {
        *lock.lock().await += 1;
    }
    assert_eq!(lock.into_inner(), operations);
    Ok(())
}

async fn semaphore(operations: usize) -> Result<(), Error> {
    let semaphore = Semaphore::new(1);
    for _ in 0..operations {
        drop(semaphore.acquire().await?);
    }
    Ok(())
}

async fn contended(operations: usize) -> Result<(), Error> {
    let lock = Arc::new(Mutex::new(0));
    let tasks = [(); 3].map(|()| {
        let lock = Arc::clone(&lock);
        tokio::spawn(async move {
            loop {
                let mut done = lock.lock().await;
                if *done == operations {
                    break;
                }
                one_wake_up().await;
                *done += 1;
            }
        })
    });
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn ping_pong(operations: usize) -> Result<(), Error> {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let answering = tokio::spawn({
        let (ping, pong) = (Arc::clone(&ping), Arc::clone(&pong));
        async move {
            for _ in 0..operations {
                ping.notified().await;
                pong.notify_one();
            }
        }
    });
    let asking = tokio::spawn(async move {
        for _ in 0..operations {
            ping.notify_one();
            pong.notified().await;
        }
    });
    answering.await?;
    asking.await?;
    Ok(())
}
