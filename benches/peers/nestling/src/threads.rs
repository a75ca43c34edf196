//! Wake-ups from another thread, and work in one.

use measured::{Arguments, Batches, Error, woken_by_thread};
use nestling::{BoxError, open_nursery, to_thread};

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

/// As above.
pub(crate) fn blocking(arguments: Arguments) -> Result<(), Error> {
    nestling::run(open_nursery(async |nursery| {
        nursery.start_soon(Batches::new(&arguments).run(blocking_batch));
    }))?;
    Ok(())
}

async fn blocking_batch(round_trips: usize) -> Result<(), BoxError> {
    for trip in 0..round_trips {
        assert_eq!(to_thread::run_sync(move || trip).await?, trip);
    }
    Ok(())
}
