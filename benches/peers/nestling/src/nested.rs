//! Nurseries in nurseries, each with one child; the innermost child is woken again and again, from outside.

use std::pin::Pin;

use measured::{Arguments, Batches, Error, depth};
use nestling::{NurseryError, open_nursery};

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    nestling::run(Batches::new(&arguments).run(|wake_ups| measured::outside(nest(depth(), wake_ups))))
}

fn nest(depth: usize, wake_ups: usize) -> Pin<Box<dyn Future<Output = Result<(), NurseryError>>>> {
    Box::pin(async move {
        open_nursery(async |nursery| {
            nursery.start_soon(async move {
                if depth > 1 {
                    return nest(depth - 1, wake_ups).await;
                }
                for _ in 0..wake_ups {
                    measured::woken_from_outside().await;
                }
                Ok(())
            });
        })
        .await
    })
}
