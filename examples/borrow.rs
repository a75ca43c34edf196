//! Run it: `cargo run --example borrow`
//!
//! Children use what their parent owns: no `Arc`, no `clone`, no `'static`. The compiler knows that
//! they end before it does.

mod kit;

use std::cell::Cell;

use kit::say; // `println!` that doesn't mind `| head`
use nestling::{NurseryError, checkpoint, ok, open_nursery, run};

const POEM: [&str; 4] = [
    "whose woods these are",
    "I think I know",
    "his house is in",
    "the village though",
];

async fn count(line: &str, total: &Cell<usize>) {
    for _ in line.split_whitespace() {
        // All on one thread, so a `Cell` will do.
        total.set(total.get() + 1);
        checkpoint().await; // the others go on meanwhile
    }
}

fn main() -> Result<(), NurseryError> {
    run(async {
        let mut lines: Vec<String> = POEM.map(String::from).into();
        let total = Cell::new(0);

        let longest = open_nursery(async |nursery| {
            for line in &lines {
                nursery.start_soon(count(line, &total));
            }
            // A child's value is awaited like any other.
            let longest = nursery.spawn(async { ok(lines.iter().max_by_key(|line| line.len())) });
            ok(longest.await?)
        })
        .await?;
        say!("{} words, and the longest line is {longest:?}", total.get());

        // The children are gone, and so are their borrows: it can be changed again.
        lines.push(String::from("he will not see me stopping here"));
        say!("{} lines", lines.len());
        Ok(())
    })
}

// It prints:
//
// 15 words, and the longest line is Some("whose woods these are")
// 5 lines
