//! `FuturesUnordered` under the `futures` crate's own `block_on`. It is a collection
//! that is polled, not a runtime: all children have one type, so none is boxed.

use std::cell::Cell;
use std::convert::Infallible;

use futures::executor::block_on;
use futures::stream::{FuturesUnordered, StreamExt};
use peers::{Batches, Shape};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let batches = Batches::from_arguments()?;
    match batches.shape {
        Shape::Plain => block_on(batches.run(plain)),
        Shape::Borrowing => block_on(batches.run(borrowing)),
        _ => Err("this is not about spawning".into()),
    }
}

async fn plain(children: usize) -> Result<(), Infallible> {
    let mut set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(async {});
    }
    while let Some(()) = set.next().await {}
    Ok(())
}

async fn borrowing(children: usize) -> Result<(), Infallible> {
    let done = Cell::new(0);
    let mut set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(async { done.set(done.get() + 1) });
    }
    while let Some(()) = set.next().await {}
    assert_eq!(done.get(), children);
    Ok(())
}
