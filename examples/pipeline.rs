//! Run it with `cargo run --example pipeline`: three stages with bounded channels between them. The last
//! one is slow, and the first one keeps step with it. Then the same is stopped in the middle.
//!
//! It runs in virtual time, so it takes no time and prints the same each time; `sleep` stands for work.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nestling::channel::{Closed, Receiver, Sender, channel};
use nestling::testing::MockClock;
use nestling::{Builder, NurseryError, current_time, move_on_after, open_nursery, shield, sleep};

const TICK: Duration = Duration::from_millis(100);
const WORDS: [&str; 8] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight",
];

/// Where the words come from, and where they go: locals of `pipeline`, which all stages borrow.
struct Ends {
    start: Instant,
    unread: RefCell<VecDeque<&'static str>>,
    written: RefCell<Vec<String>>,
}

impl Ends {
    fn tell(&self, what: &str, word: &str) {
        let millis = (current_time() - self.start).as_millis();
        println!("{millis:>4} ms  {what} {word}");
    }
}

/// The first stage. It owns its sender: when it ends, so does the channel.
async fn read(ends: &Ends, out: Sender<&'static str>) -> Result<(), Closed> {
    loop {
        // First the room, then the word: cut off in `reserve`, it has none in its hand.
        let room = out.reserve().await?;
        let Some(word) = ends.unread.borrow_mut().pop_front() else {
            return Ok(());
        };
        ends.tell("read", word);
        room.send(word)?;
    }
}

/// The second stage, which ends when the first one has.
async fn shout(words: &Receiver<&'static str>, out: Sender<String>) -> Result<(), Closed> {
    loop {
        let room = out.reserve().await?;
        let Some(word) = words.recv().await else {
            return Ok(());
        };
        // There is no await between `recv` and `send`, so nothing can come between them.
        room.send(word.to_uppercase())?;
    }
}

/// The last stage, four times as slow as a word a tick.
async fn write(ends: &Ends, words: &Receiver<String>) {
    while let Some(word) = words.recv().await {
        // Here there is an await with a word in the hand. A shield, as short as this one, lets it end.
        shield(async {
            sleep(TICK * 4).await;
            ends.tell("            wrote", &word);
            ends.written.borrow_mut().push(word);
        })
        .await;
    }
}

async fn pipeline(limit: Duration) -> Result<(), NurseryError> {
    let ends = Ends {
        start: current_time(),
        unread: RefCell::new(WORDS.into()),
        written: RefCell::default(),
    };
    let (to_shout, read_words) = channel(1);
    let (to_write, shouted_words) = channel(1);
    // The receivers are borrowed, so that they outlive the stages, with what lies in them.
    let stages = open_nursery(async |nursery| {
        nursery.start_soon(read(&ends, to_shout));
        nursery.start_soon(shout(&read_words, to_write));
        write(&ends, &shouted_words).await;
    });
    match move_on_after(limit, stages).await {
        Some(result) => result?,
        None => ends.tell("stopped", "in the middle"),
    }
    let between = (read_words.close(), shouted_words.close());
    let (written, unread) = (ends.written.into_inner(), ends.unread.into_inner());
    println!("written: {}", written.join(" "));
    println!("between the stages: {:?} and {:?}", between.0, between.1);
    println!("unread: {unread:?}");
    assert_eq!(
        written.len() + between.0.len() + between.1.len() + unread.len(),
        WORDS.len()
    );
    Ok(())
}

fn main() -> Result<(), NurseryError> {
    Builder::new().clock(MockClock::new()).run(async {
        pipeline(TICK * 100).await?;
        println!();
        pipeline(TICK * 10).await
    })
}

// It prints:
//
//    0 ms  read one
//    0 ms  read two
//    0 ms  read three
//  400 ms              wrote ONE
//  400 ms  read four
//  800 ms              wrote TWO
//  800 ms  read five
// 1200 ms              wrote THREE
// 1200 ms  read six
// 1600 ms              wrote FOUR
// 1600 ms  read seven
// 2000 ms              wrote FIVE
// 2000 ms  read eight
// 2400 ms              wrote SIX
// 2800 ms              wrote SEVEN
// 3200 ms              wrote EIGHT
// written: ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT
// between the stages: [] and []
// unread: []
//
//    0 ms  read one
//    0 ms  read two
//    0 ms  read three
//  400 ms              wrote ONE
//  400 ms  read four
//  800 ms              wrote TWO
//  800 ms  read five
// 1200 ms              wrote THREE
// 1200 ms  stopped in the middle
// written: ONE TWO THREE
// between the stages: ["five"] and ["FOUR"]
// unread: ["six", "seven", "eight"]
