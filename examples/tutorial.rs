//! Run it: `cargo run --example tutorial`
//!
//! Two children in a nursery: the parent waits at the end of the nursery until both are done.

mod kit;

use std::time::Duration;

use kit::say; // `println!` that doesn't mind `| head`
use nestling::{NurseryError, open_nursery, run, sleep};

async fn child1() {
    say!("  child1: started! sleeping now...");
    sleep(Duration::from_secs(1)).await;
    say!("  child1: exiting!");
}

async fn child2() {
    say!("  child2: started! sleeping now...");
    sleep(Duration::from_secs(1)).await;
    say!("  child2: exiting!");
}

async fn parent() -> Result<(), NurseryError> {
    say!("parent: started!");
    open_nursery(async |nursery| {
        say!("parent: spawning child1...");
        nursery.start_soon(child1());

        say!("parent: spawning child2...");
        nursery.start_soon(child2());

        say!("parent: waiting for children to finish...");
        // -- we leave the nursery's body here, and wait --
    })
    .await?;
    say!("parent: all done!");
    Ok(())
}

fn main() -> Result<(), NurseryError> {
    run(parent())
}

// It prints, with a pause of one second, in which both children sleep:
//
// parent: started!
// parent: spawning child1...
// parent: spawning child2...
// parent: waiting for children to finish...
//   child1: started! sleeping now...
//   child2: started! sleeping now...
//   child1: exiting!
//   child2: exiting!
// parent: all done!
