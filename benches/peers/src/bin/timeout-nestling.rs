//! Nestling: `move_on_after`, in a child of a nursery.

use std::time::Duration;

use nestling::{BoxError, move_on_after, open_nursery};
use peers::{Batches, one_wake_up};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    nestling::run(open_nursery(async |nursery| {
        nursery.start_soon(batches.run(batch));
    }))?;
    Ok(())
}

async fn batch(operations: usize) -> Result<(), BoxError> {
    for _ in 0..operations {
        let in_time = move_on_after(Duration::from_secs(10), one_wake_up()).await;
        in_time.ok_or("ten seconds were too short")?;
    }
    Ok(())
}
