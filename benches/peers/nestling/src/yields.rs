//! A hundred children that yield in turn.

use measured::{Arguments, Batches, Error, YIELDING};
use nestling::{NurseryError, checkpoint, open_nursery};

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(batch))
}

async fn batch(yields: usize) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for _ in 0..YIELDING {
            nursery.start_soon(async move {
                for _ in 0..yields / YIELDING {
                    checkpoint().await;
                }
            });
        }
    })
    .await
}
