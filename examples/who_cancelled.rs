//! Run it with `cargo run --example who_cancelled`: nested scopes, and which of them reports.

use std::time::Duration;

use nestling::{CancelScope, Cancelled, NurseryError, catch_cancel, open_nursery, run};
use nestling::{sleep, sleep_forever};

const SOON: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_secs(3600);

fn tell(what: &str, cancelled: &Cancelled) {
    let scope = cancelled.scope().unwrap_or("(a nursery)");
    let reason = cancelled.reason().unwrap_or("-");
    println!(
        "{what}: {:?} of {scope}, reason: {reason}",
        cancelled.kind()
    );
}

async fn nested(outer: CancelScope, inner: CancelScope) {
    let result = outer
        .run(async {
            if let Err(cancelled) = inner.run(sleep_forever()).await {
                tell("the inner scope reports", &cancelled);
            }
            println!("the outer scope goes on");
        })
        .await;
    if let Err(cancelled) = result {
        tell("the outer scope reports", &cancelled);
    }
}

fn main() -> Result<(), NurseryError> {
    run(async {
        println!("1. only the inner deadline passes");
        let outer = CancelScope::new().name("outer").timeout(LATER);
        nested(outer, CancelScope::new().name("inner").timeout(SOON)).await;

        println!("2. only the outer one does");
        let outer = CancelScope::new().name("outer").timeout(SOON);
        nested(outer, CancelScope::new().name("inner").timeout(LATER)).await;

        println!("3. both are cancelled: the outermost reports");
        let outer = CancelScope::new().name("outer");
        let inner = CancelScope::new().name("inner");
        inner.cancel_because("not wanted");
        outer.cancel_because("closing time");
        nested(outer, inner).await;

        println!("4. a sibling fails");
        let result = open_nursery(async |nursery| {
            nursery.task().name("reader").start_soon(async {
                sleep(SOON).await;
                Err::<(), _>("the line is dead")
            });
            if let Err(cancelled) = catch_cancel(sleep_forever()).await {
                tell("the body was cut off", &cancelled);
            }
        })
        .await;
        if let Err(error) = result {
            println!("the nursery reports: {error}");
        }
        Ok(())
    })
}

// It prints:
//
// 1. only the inner deadline passes
// the inner scope reports: Deadline of inner, reason: -
// the outer scope goes on
// 2. only the outer one does
// the outer scope reports: Deadline of outer, reason: -
// 3. both are cancelled: the outermost reports
// the outer scope reports: Explicit of outer, reason: closing time
// 4. a sibling fails
// the body was cut off: SiblingFailed of (a nursery), reason: task `reader` failed
// the nursery reports: the line is dead
