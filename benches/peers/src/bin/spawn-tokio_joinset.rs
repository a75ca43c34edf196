//! tokio, current_thread: a `JoinSet` of plain tasks, which must be `Send + 'static`.
//!
//! The batches run in a task of their own: the future given to `block_on` is woken in a
//! dearer way than a task is.

use peers::{Batches, Shape};
use tokio::runtime::Builder;
use tokio::task::{JoinError, JoinSet};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    if batches.shape == Shape::Borrowing {
        return Err("tasks of tokio cannot borrow".into());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(batches.run(plain)).await? })
}

async fn plain(children: usize) -> Result<(), JoinError> {
    let mut set = JoinSet::new();
    for _ in 0..children {
        set.spawn(async {});
    }
    while let Some(joined) = set.join_next().await {
        joined?;
    }
    Ok(())
}
