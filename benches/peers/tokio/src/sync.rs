//! `Mutex`, `Semaphore` and `Notify`, for both flavours alike.

use std::sync::Arc;

use measured::{Error, one_wake_up};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::flavour::spawn;

pub(crate) async fn lock(operations: usize) -> Result<(), Error> {
    let lock = Mutex::new(0);
    for _ in 0..operations {
        *lock.lock().await += 1;
    }
    assert_eq!(lock.into_inner(), operations);
    Ok(())
}

pub(crate) async fn semaphore(operations: usize) -> Result<(), Error> {
    let semaphore = Semaphore::new(1);
    for _ in 0..operations {
        drop(semaphore.acquire().await?);
    }
    Ok(())
}

pub(crate) async fn contended(operations: usize) -> Result<(), Error> {
    let lock = Arc::new(Mutex::new(0));
    let tasks = [(); 3].map(|()| {
        let lock = Arc::clone(&lock);
        spawn(async move {
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

pub(crate) async fn ping_pong(operations: usize) -> Result<(), Error> {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let answering = spawn({
        let (ping, pong) = (Arc::clone(&ping), Arc::clone(&pong));
        async move {
            for _ in 0..operations {
                ping.notified().await;
                pong.notify_one();
            }
        }
    });
    let asking = spawn(async move {
        for _ in 0..operations {
            ping.notify_one();
            pong.notified().await;
        }
    });
    answering.await?;
    asking.await?;
    Ok(())
}
