//! The locks of `smol::lock`.

use std::rc::Rc;

use measured::{Error, one_wake_up};
use smol::lock::{Mutex, Semaphore};

use crate::Executor;

pub(crate) async fn lock(_: Executor, operations: usize) -> Result<(), Error> {
    let lock = Mutex::new(0);
    for _ in 0..operations {
        *lock.lock().await += 1;
    }
    assert_eq!(lock.into_inner(), operations);
    Ok(())
}

pub(crate) async fn semaphore(_: Executor, operations: usize) -> Result<(), Error> {
    let semaphore = Semaphore::new(1);
    for _ in 0..operations {
        drop(semaphore.acquire().await);
    }
    Ok(())
}

pub(crate) async fn contended(executor: Executor, operations: usize) -> Result<(), Error> {
    let lock = Rc::new(Mutex::new(0));
    let tasks = [(); 3].map(|()| {
        let lock = Rc::clone(&lock);
        executor.spawn(async move {
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
        task.await;
    }
    Ok(())
}

pub(crate) async fn ping_pong(executor: Executor, operations: usize) -> Result<(), Error> {
    let (ping, pong) = (Rc::new(Semaphore::new(0)), Rc::new(Semaphore::new(0)));
    let answering = executor.spawn({
        let (ping, pong) = (Rc::clone(&ping), Rc::clone(&pong));
        async move {
            for _ in 0..operations {
                ping.acquire().await.forget();
                pong.add_permits(1);
            }
        }
    });
    let asking = executor.spawn(async move {
        for _ in 0..operations {
            ping.add_permits(1);
            pong.acquire().await.forget();
        }
    });
    answering.await;
    asking.await;
    Ok(())
}
