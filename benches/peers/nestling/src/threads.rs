//! Wake-ups from another thread.

use measured::{Arguments, Batches, Error, woken_by_thread};
use nestling::{BoxError, open_nursery};

/// In a child, as everything is.
pub(crate) fn wake(arguments: Arguments) -> Result<(), Error> {
    nestling::run(open_nursery(async |nursery| {
        nursery.start_soon(Batches::new(&arguments).run(wake_batch));
    }))?;
    Ok(())
}

async fn wake_batch(round_trips: usize) -> Result<(), BoxError> {
    for _ in 0..round_trips {
        woken_by_thread().await;
    }
    Ok(())
}
