//! Sleeping children, and limits in time.

use std::time::Duration;

use measured::{Arguments, Batches, Error, Lateness, Sleepers, one_wake_up};
use nestling::{BoxError, NurseryError, move_on_after, open_nursery, sleep_until};

pub(crate) fn sleeps(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Sleepers::new(&arguments).run(sleep_batch))
}

async fn sleep_batch(children: usize, lateness: Lateness) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for index in 0..children {
            nursery.start_soon(async move {
                sleep_until(lateness.moment(index)).await;
                lateness.note(index);
            });
        }
    })
    .await
}

/// In a child, as everything is.
pub(crate) fn timeouts(arguments: Arguments) -> Result<(), Error> {
    nestling::run(open_nursery(async |nursery| {
        nursery.start_soon(Batches::new(&arguments).run(timeout_batch));
    }))?;
    Ok(())
}

async fn timeout_batch(operations: usize) -> Result<(), BoxError> {
    for _ in 0..operations {
        let in_time = move_on_after(Duration::from_secs(10), one_wake_up()).await;
        in_time.ok_or("ten seconds were too short")?;
    }
    Ok(())
}
