//! Tasks that are woken by threads, or have threads work for them.

use std::process::ExitCode;

use measured::{Batches, Error, woken_by_thread};
use monoio::blocking::DefaultThreadPool;
use monoio::{RuntimeBuilder, spawn_blocking};

use crate::Driver;

pub(crate) fn main() -> ExitCode {
    measured::main(&[
        ("wake-from-thread", |arguments| {
            run(Batches::new(&arguments).run(wake_from_thread))
        }),
        ("to-thread", |arguments| {
            run(Batches::new(&arguments).run(to_thread))
        }),
    ])
}

/// Runs `main` in a task of its own, with threads for what blocks.
fn run(main: impl Future<Output = Result<(), Error>> + 'static) -> Result<(), Error> {
    let mut runtime = RuntimeBuilder::<Driver>::new()
        .enable_timer()
        .attach_thread_pool(Box::new(DefaultThreadPool::new(4)))
        .build()?;
    runtime.block_on(async { monoio::spawn(main).await })
}

async fn wake_from_thread(round_trips: usize) -> Result<(), Error> {
    for _ in 0..round_trips {
        woken_by_thread().await;
    }
    Ok(())
}

async fn to_thread(round_trips: usize) -> Result<(), Error> {
    for trip in 0..round_trips {
        let back = spawn_blocking(move || trip).await;
        assert_eq!(back.ok(), Some(trip));
    }
    Ok(())
}
