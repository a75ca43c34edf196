//! Children that wait for ever, or nearly so.

use std::future::pending;
use std::time::Duration;

use measured::{Arguments, Error, Memory};
use nestling::{BoxError, checkpoint, open_nursery, sleep};

pub(crate) fn parked(arguments: Arguments) -> Result<(), Error> {
    measure(arguments.operations, pending::<()>)
}

pub(crate) fn sleeping(arguments: Arguments) -> Result<(), Error> {
    measure(arguments.operations, || sleep(Duration::from_secs(3600)))
}

fn measure<F: Future<Output = ()>>(children: usize, child: impl Fn() -> F) -> Result<(), Error> {
    nestling::run(open_nursery(async |nursery| -> Result<(), BoxError> {
        let before = Memory::now()?;
        for _ in 0..children {
            nursery.start_soon(child());
        }
        checkpoint().await;
        checkpoint().await;
        before.print_each_since(children, size_of::<F>())?;
        nursery.cancel();
        Ok(())
    }))?;
    Ok(())
}
