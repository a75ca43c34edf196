//! tokio, current_thread: `tokio::time::timeout`, in a task.

use std::time::Duration;

use peers::{Batches, one_wake_up};
use tokio::runtime::Builder;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(batches.run(batch)).await? })
}

async fn batch(operations: usize) -> Result<(), Elapsed> {
    for _ in 0..operations {
        timeout(Duration::from_secs(10), one_wake_up()).await?;
    }
    Ok(())
}
