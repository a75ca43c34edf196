//! A nursery for each batch of children.

use std::cell::Cell;

use measured::{Arguments, Batches, Error};
use nestling::{NurseryError, checkpoint, open_nursery};

pub(crate) fn plain(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(plain_batch))
}

pub(crate) fn yielding(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(yielding_batch))
}

pub(crate) fn borrowing(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(borrowing_batch))
}

async fn plain_batch(children: usize) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for _ in 0..children {
            nursery.start_soon(async {});
        }
    })
    .await
}

async fn yielding_batch(children: usize) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for _ in 0..children {
            nursery.start_soon(checkpoint());
        }
    })
    .await
}

async fn borrowing_batch(children: usize) -> Result<(), NurseryError> {
    let done = Cell::new(0);
    open_nursery(async |nursery| {
        for _ in 0..children {
            nursery.start_soon(async { done.set(done.get() + 1) });
        }
    })
    .await?;
    assert_eq!(done.get(), children);
    Ok(())
}
