//! Nestling: `to_thread::run_sync`, in a child of a nursery.

use nestling::open_nursery;
use nestling::to_thread::{self, SpawnError};
use peers::Batches;

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    nestling::run(open_nursery(async |nursery| {
        nursery.start_soon(batches.run(batch));
    }))?;
    Ok(())
}

async fn batch(operations: usize) -> Result<(), SpawnError> {
    for _ in 0..operations {
        to_thread::run_sync(|| ()).await?;
    }
    Ok(())
}
