//! Run it with `cargo run --example rate_limit`: a client that may ask a server twice a second, three
//! times in a row after a pause, and never more than two questions at a time.
//!
//! It runs in virtual time, so it takes no time and prints the same each time.

use std::time::{Duration, Instant};

use nestling::sync::{Semaphore, TooManyPermits};
use nestling::testing::MockClock;
use nestling::{Builder, NurseryError, current_time, interval, ok, open_nursery, sleep};

/// Lets through a number of callers a second, in the order in which they came. What is not used is saved
/// up, to some amount: a *token bucket*.
struct RateLimit {
    tokens: Semaphore,
    period: Duration,
}

impl RateLimit {
    /// `burst` callers at once after a pause, then one each `period`.
    fn new(period: Duration, burst: usize) -> RateLimit {
        RateLimit {
            // Full at first, and never fuller than that.
            tokens: Semaphore::with_max(burst, burst),
            period,
        }
    }

    /// Waits for its turn. Cut off, it has used nothing up.
    async fn wait(&self) {
        self.tokens.acquire().await.forget(); // a permit that is forgotten does not come back
    }

    /// Brings new tokens, for ever: to be started as a daemon.
    async fn refill(&self) {
        let mut ticks = interval(self.period);
        ticks.tick().await; // that is now, and the bucket is full
        loop {
            ticks.tick().await;
            // That it is full still is all that can go wrong.
            let _full: Result<(), TooManyPermits> = self.tokens.add_permits(1);
        }
    }
}

/// What all questions share, by reference.
struct Client {
    start: Instant,
    rate: RateLimit,
    /// A semaphore whose permits come back limits how many are under way.
    at_once: Semaphore,
}

impl Client {
    async fn ask(&self, question: u32) {
        let _place = self.at_once.acquire().await; // first the place, lest a token be taken and not used
        self.rate.wait().await;
        self.tell("asks", question);
        sleep(self.time_of(question)).await;
        self.tell("     has the answer to", question);
    } // the place is free again

    /// The server thinks about the last two for long.
    fn time_of(&self, question: u32) -> Duration {
        match question {
            7.. => Duration::from_millis(1800),
            _ => Duration::from_millis(100),
        }
    }

    fn tell(&self, what: &str, question: u32) {
        let seconds = (current_time() - self.start).as_secs_f64();
        println!("{seconds:.1} s  {what} {question}");
    }
}

async fn ask_all() -> Result<(), NurseryError> {
    let client = Client {
        start: current_time(),
        rate: RateLimit::new(Duration::from_millis(500), 3),
        at_once: Semaphore::new(2),
    };
    open_nursery(async |nursery| {
        // A daemon keeps nobody waiting: it ends with the last question.
        let refill = client.rate.refill();
        nursery.task().name("refill").daemon().start_soon(refill);
        for question in 1..=5 {
            nursery.start_soon(client.ask(question));
        }
        sleep(Duration::from_millis(3700)).await;
        println!("after a pause:");
        for question in 6..=9 {
            nursery.start_soon(client.ask(question));
        }
        ok(())
    })
    .await
}

fn main() -> Result<(), NurseryError> {
    Builder::new().clock(MockClock::new()).run(ask_all())
}

// It prints:
//
// 0.0 s  asks 1
// 0.0 s  asks 2
// 0.1 s       has the answer to 1
// 0.1 s       has the answer to 2
// 0.1 s  asks 3
// 0.2 s       has the answer to 3
// 0.5 s  asks 4
// 0.6 s       has the answer to 4
// 1.0 s  asks 5
// 1.1 s       has the answer to 5
// after a pause:
// 3.7 s  asks 6
// 3.7 s  asks 7
// 3.8 s       has the answer to 6
// 3.8 s  asks 8
// 5.5 s       has the answer to 7
// 5.5 s  asks 9
// 5.6 s       has the answer to 8
// 7.3 s       has the answer to 9
