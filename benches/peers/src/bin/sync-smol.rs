//! smol: the locks of `smol::lock`, in tasks of a `LocalExecutor`.

use std::rc::Rc;

use peers::{Batches, Error, Shape, one_wake_up};
use smol::LocalExecutor;
use smol::lock::{Mutex, Semaphore};

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let executor = Rc::new(LocalExecutor::new());
    let all = async {
        match batches.shape {
            Shape::Lock => batches.run(lock).await,
            Shape::Semaphore => batches.run(semaphore).await,
            Shape::Contended => {
                batches
                    .run(async |count| contended(&executor, count).await)
                    .await
            }
            Shape::PingPong => {
                batches
                    .run(async |count| ping_pong(&executor, count).await)
                    .await
            }
            _ => Err("this is not about synchronisation".into()),
        }
    };
    smol::block_on(executor.run(all))
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
        drop(semaphore.acquire().await);
    }
    Ok(())
}

async fn contended(executor: &LocalExecutor<'_>, operations: usize) -> Result<(), Error> {
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

async fn ping_pong(executor: &LocalExecutor<'_>, operations: usize) -> Result<(), Error> {
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
