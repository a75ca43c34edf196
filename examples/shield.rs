//! Run it with `cargo run --example shield`: a step that is finished although its scope is cancelled.

use std::cell::RefCell;
use std::time::Duration;

use nestling::{CancelScope, NurseryError, checkpoint, open_nursery, run, shield, sleep};

/// An account book that must never be left with one side of a transfer written.
struct Book {
    entries: RefCell<Vec<(&'static str, i64)>>,
}

impl Book {
    async fn transfer(&self, from: &'static str, to: &'static str, amount: i64) {
        shield(async {
            self.entries.borrow_mut().push((from, -amount));
            checkpoint().await; // the disk is slow, and this is where a cut would hurt
            self.entries.borrow_mut().push((to, amount));
        })
        .await;
        println!("moved {amount} from {from} to {to}");
    }

    fn balance(&self) -> i64 {
        self.entries.borrow().iter().map(|(_, amount)| amount).sum()
    }
}

fn main() -> Result<(), NurseryError> {
    let book = Book {
        entries: RefCell::default(),
    };
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                for amount in 1.. {
                    book.transfer("till", "safe", amount).await;
                    checkpoint().await; // here the child is cut off, between two transfers
                }
            });
            checkpoint().await;
            println!("closing time");
            nursery.cancel();
        })
        .await?;
        println!(
            "{} entries, balance {}",
            book.entries.borrow().len(),
            book.balance()
        );

        // A shield should have an end of its own.
        let limited = CancelScope::new()
            .shielded()
            .timeout(Duration::from_millis(5));
        let result = limited.run(sleep(Duration::from_secs(3600))).await;
        println!("a shield with a deadline gives up: {}", result.is_err());
        Ok(())
    })
}

// It prints:
//
// closing time
// moved 1 from till to safe
// 2 entries, balance 0
// a shield with a deadline gives up: true
