//! smol on one thread: tasks of a `LocalExecutor`, awaited one after the other.
//!
//! Tasks borrow only what outlives their executor, so a borrowing batch has an executor
//! of its own, run inside the outer one.

use std::cell::Cell;
use std::convert::Infallible;

use peers::{Batches, Shape};
use smol::LocalExecutor;

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let executor = LocalExecutor::new();
    let main = async {
        match batches.shape {
            Shape::Plain => {
                batches
                    .run(async |children| plain(&executor, children).await)
                    .await
            }
            Shape::Borrowing => batches.run(borrowing).await,
            _ => Err("this is not about spawning".into()),
        }
    };
    smol::block_on(executor.run(main))
}

async fn plain(executor: &LocalExecutor<'_>, children: usize) -> Result<(), Infallible> {
    let tasks: Vec<_> = (0..children).map(|_| executor.spawn(async {})).collect();
    for task in tasks {
        task.await;
    }
    Ok(())
}

async fn borrowing(children: usize) -> Result<(), Infallible> {
    let done = Cell::new(0);
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (0..children)
        .map(|_| executor.spawn(async { done.set(done.get() + 1) }))
        .collect();
    executor
        .run(async {
            for task in tasks {
                task.await;
            }
        })
        .await;
    assert_eq!(done.get(), children);
    Ok(())
}
