//! Nestling: a nursery for each batch. Its children may borrow, so both shapes are
//! the same code.

use std::cell::Cell;

use nestling::{NurseryError, open_nursery};
use peers::{Batches, Shape};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    nestling::run(async {
        match batches.shape {
            Shape::Plain => batches.run(plain).await,
            Shape::Borrowing => batches.run(borrowing).await,
            _ => Err("this is not about spawning".into()),
        }
    })
}

async fn plain(children: usize) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        for _ in 0..children {
            nursery.start_soon(async {});
        }
    })
    .await
}

async fn borrowing(children: usize) -> Result<(), NurseryError> {
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
