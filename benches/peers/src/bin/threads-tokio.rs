//! tokio, current_thread: `spawn_blocking`, in a task.

use peers::Batches;
use tokio::runtime::Builder;
use tokio::task::{JoinError, spawn_blocking};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(batches.run(batch)).await? })
}

async fn batch(operations: usize) -> Result<(), JoinError> {
    for _ in 0..operations {
        spawn_blocking(|| ()).await?;
    }
    Ok(())
}
