//! smol: `unblock`, in a task of a `LocalExecutor`.

use peers::{Batches, Error};
use smol::LocalExecutor;

fn main() -> Result<(), Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(executor.spawn(batches.run(batch))))
}

async fn batch(operations: usize) -> Result<(), Error> {
    for _ in 0..operations {
        smol::unblock(|| ()).await;
    }
    Ok(())
}
