//! Run it with `cargo run --example testing_time`: a retry loop with back-off, tested in microseconds.
//!
//! `retry` waits longer after each failure, up to a minute, and gives up after ten. In real time its
//! test would take minutes. Here the clock jumps as soon as everybody waits, so the times are exact, and
//! the test is over at once.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use nestling::testing::{MockClock, Rng, explore};
use nestling::{BoxError, Builder, RunError, current_time, move_on_after, sleep, sleep_forever};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const ATTEMPTS_MAX: u32 = 10;

/// Calls `attempt` until it succeeds, or has failed ten times; pauses in between, twice as long each time.
async fn retry<T, E>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS_MAX {
        if let Ok(value) = attempt().await {
            return Ok(value);
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
    attempt().await
}

/// A service that is down until `ready`.
struct Service {
    ready: Duration,
    begin: Instant,
    calls: RefCell<Vec<Duration>>,
}

#[derive(Debug)]
struct Down;

impl Service {
    fn new(ready: Duration) -> Service {
        Service {
            ready,
            begin: current_time(),
            calls: RefCell::default(),
        }
    }

    async fn call(&self) -> Result<&str, Down> {
        let age = current_time() - self.begin;
        self.calls.borrow_mut().push(age);
        if age < self.ready {
            return Err(Down);
        }
        Ok("answer")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // 1. The times of the calls, to the nanosecond.
    let clock = MockClock::new();
    Builder::new().clock(clock.clone()).run(async {
        let service = Service::new(Duration::from_secs(3));
        let answer = retry(async || service.call().await).await;
        assert!(answer.is_ok());
        println!("called at {:?}", service.calls.borrow());
    });
    println!("it took {:?} of virtual time", clock.elapsed());

    // 2. The case that would take too long to wait for.
    let clock = MockClock::new();
    Builder::new().clock(clock.clone()).run(async {
        let service = Service::new(Duration::MAX);
        let answer = retry(async || service.call().await).await;
        assert!(answer.is_err());
        println!("gave up after {} calls", service.calls.borrow().len());
    });
    println!("it took {:?} of virtual time", clock.elapsed());

    // 3. Many cases at random; one that fails names its seed, which brings it back.
    let longest = Cell::new(Duration::ZERO);
    explore(0..200, async |seed| {
        let down = Rng::new(seed).duration(Duration::ZERO..Duration::from_secs(40));
        let service = Service::new(down);
        let limit = Duration::from_secs(60);
        let answer = move_on_after(limit, retry(async || service.call().await)).await;
        let took = current_time() - service.begin;
        longest.set(longest.get().max(took));
        // Never later than twice the time that the service was down.
        if took > 2 * down + FIRST_PAUSE {
            return Err(BoxError::from(format!(
                "{took:?} for a service down {down:?}"
            )));
        }
        answer
            .map(drop)
            .ok_or(BoxError::from("no answer in a minute"))
    });
    println!("200 seeds passed, none took over {:?}", longest.get());

    // 4. A test that would hang fails at once, and says what everybody waits for.
    let hanging = Builder::new().clock(MockClock::new()).try_run(async {
        retry(async || {
            sleep_forever().await; // a service that never answers
            Err::<(), Down>(Down)
        })
        .await
    });
    if let Err(RunError::Deadlock(deadlock)) = hanging {
        let text = deadlock.to_string();
        println!("{}", text.lines().next().unwrap_or_default());
    }
    Ok(())
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service is down")
    }
}

impl Error for Down {}

// It prints:
//
// called at [0ns, 100ms, 300ms, 700ms, 1.5s, 3.1s]
// it took 3.1s of virtual time
// gave up after 10 calls
// it took 51.1s of virtual time
// 200 seeds passed, none took over 51.1s
// deadlock: every task waits, and no timer, socket, thread or other waker could end that
