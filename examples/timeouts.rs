//! Run it with `cargo run --example timeouts`: limits in time, and what comes out of them.

use std::time::Duration;

use nestling::{CancelScope, TooSlow, current_effective_deadline, fail_after, move_on_after, run};
use nestling::{current_time, sleep};

const TICK: Duration = Duration::from_millis(20);

/// Asks three mirrors, one after the other, and gives each a little time. The third one answers.
async fn fastest_mirror() -> Option<usize> {
    for mirror in 1..=3 {
        let answer = async {
            sleep(TICK * 20 / (mirror * mirror * mirror * mirror)).await;
            mirror
        };
        match move_on_after(TICK, answer).await {
            Some(mirror) => return Some(mirror as usize),
            None => println!("mirror {mirror} is too slow, on to the next"),
        }
    }
    None
}

/// A step that would rather not begin than be cut off.
async fn long_step() -> Result<(), String> {
    let left = current_effective_deadline().map(|deadline| deadline - current_time());
    if left.is_some_and(|left| left < TICK * 5) {
        return Err(String::from("there is not enough time left to begin"));
    }
    sleep(TICK * 5).await;
    Ok(())
}

fn main() -> Result<(), TooSlow> {
    run(async {
        println!("mirror {:?} answered", fastest_mirror().await.unwrap_or(0));

        // A limit around all of it: the inner ones end earlier, and say so themselves.
        let everything = fail_after(TICK * 50, async {
            let inner = fail_after(TICK, sleep(TICK * 10)).await;
            if let Err(error) = &inner {
                println!("one part {}", first_words(error));
            }
            inner.is_err()
        });
        println!("the whole was in time: {}", everything.await?);

        if let Some(Err(why)) = move_on_after(TICK, long_step()).await {
            println!("the step says: {why}");
        }

        // A deadline can be moved while it has not passed.
        let scope = CancelScope::new().timeout(TICK);
        let handle = scope.clone();
        let work = scope.run(async {
            handle.set_deadline(current_time() + TICK * 50);
            sleep(TICK * 2).await;
            "done"
        });
        println!("with more time: {:?}", work.await.ok());
        Ok(())
    })
}

/// Without the place, which depends on where the program was built.
fn first_words(error: &TooSlow) -> String {
    let text = error.to_string();
    text.split(" (").next().unwrap_or(&text).to_owned()
}

// It prints:
//
// mirror 1 is too slow, on to the next
// mirror 2 is too slow, on to the next
// mirror 3 answered
// one part took longer than 20ms
// the whole was in time: true
// the step says: there is not enough time left to begin
// with more time: Some("done")
