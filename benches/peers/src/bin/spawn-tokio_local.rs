//! tokio, current_thread with a `LocalSet`: a `JoinSet` of tasks which need not be `Send`.

use peers::{Batches, Shape};
use tokio::runtime::Builder;
use tokio::task::{JoinError, JoinSet, LocalSet, spawn_local};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    if batches.shape == Shape::Borrowing {
        return Err("tasks of tokio cannot borrow".into());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async { spawn_local(batches.run(plain)).await? })
}

async fn plain(children: usize) -> Result<(), JoinError> {
    let mut set = JoinSet::new();
    for _ in 0..children {
        set.spawn_local(async {});
    }
    while let Some(joined) = set.join_next().await {
        joined?;
    }
    Ok(())
}
