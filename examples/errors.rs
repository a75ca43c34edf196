//! Run it: `cargo run --example errors`
//!
//! Three children fail. None of the errors is lost: they come out of the nursery together, as a tree,
//! and each can be taken out of it by its type.

mod kit;

use std::num::ParseIntError;
use std::time::Duration;

use kit::say; // `println!` that doesn't mind `| head`
use nestling::{BoxError, MultiError, open_nursery, run, shield, sleep};

#[derive(Debug, thiserror::Error)]
#[error("no space left for {0}")]
struct DiskFull(&'static str);

async fn read_settings() -> Result<u16, ParseIntError> {
    "8o80".parse()
}

async fn save(file: &'static str) -> Result<(), DiskFull> {
    // The first failure cancels the others, but what has begun here must come to its end.
    shield(sleep(Duration::from_millis(10))).await;
    Err(DiskFull(file))
}

async fn serve() -> Result<(), BoxError> {
    open_nursery(async |nursery| {
        nursery.task().name("journal").start_soon(save("journal"));
        nursery.task().name("index").start_soon(save("index"));
    })
    .await?;
    Ok(())
}

async fn everything() -> Result<(), MultiError> {
    let result = open_nursery(async |nursery| {
        nursery.task().name("server").start_soon(serve());
        nursery.task().name("settings").start_soon(read_settings());
    })
    .await;
    let Some(errors) = result.err().and_then(|error| error.into_multi()) else {
        return Ok(());
    };
    say!("{errors}");

    // One kind can be looked for…
    if let Some(DiskFull(file)) = errors.find() {
        say!("\nthe first that did not fit: {file}");
    }

    // …or taken out and dealt with; what is left goes on.
    let (settings, rest) = errors.split::<ParseIntError>();
    for error in settings {
        say!("taken out: {error}, so the port is 8080");
    }
    rest.map_or(Ok(()), Err)
}

fn main() {
    if let Err(rest) = run(everything()) {
        say!("what is left: {rest}");
    }
}

// It prints:
//
// 2 tasks failed
// ├─ 1. settings (examples/errors.rs:40): invalid digit found in string
// └─ 2. server (examples/errors.rs:39): 2 tasks failed
//    ├─ 2.1. journal (examples/errors.rs:30): no space left for journal
//    └─ 2.2. index (examples/errors.rs:31): no space left for index
//
// the first that did not fit: journal
// taken out: invalid digit found in string, so the port is 8080
// what is left: server (examples/errors.rs:39): 2 tasks failed
// ├─ 1. journal (examples/errors.rs:30): no space left for journal
// └─ 2. index (examples/errors.rs:31): no space left for index
