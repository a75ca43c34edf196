//! smol: a `Timer` raced against the work with `or`, as its documentation does it, in a task of a
//! `LocalExecutor`.

use std::io;
use std::time::Duration;

use peers::{Batches, one_wake_up};
use smol::future::FutureExt;
use smol::{LocalExecutor, Timer};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(executor.spawn(batches.run(batch))))
}

async fn batch(operations: usize) -> io::Result<()> {
    for _ in 0..operations {
        let work = async {
            one_wake_up().await;
            io::Result::Ok(())
        };
        let limit = async {
            Timer::after(Duration::from_secs(10)).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        work.or(limit).await?;
    }
    Ok(())
}
