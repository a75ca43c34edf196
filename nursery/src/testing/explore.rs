//! A program in many orders.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use nestling_runtime::testing::{MockClock, replayed_seed};
use nestling_runtime::{Builder, RunError};

use crate::outcome::Outcome;

/// Runs `program` once with each seed: in virtual time, with the tasks that are ready shuffled as the
/// seed says. So a test that holds in one order is seen to hold in thousands.
///
/// A failure tells the seed, and the environment variable `NESTLING_SEED=17` makes every exploration
/// run that one seed only: `NESTLING_SEED=17 cargo test the_test`. The program is given its seed, for
/// what it draws by itself.
///
/// ```
/// use std::time::Duration;
/// use nestling_nursery::open_nursery;
/// use nestling_nursery::testing::explore;
/// use nestling_runtime::sleep;
/// use nestling_runtime::testing::Rng;
///
/// explore(0..100, async |seed| {
///     let mut rng = Rng::new(seed);
///     open_nursery(async |nursery| {
///         for _ in 0..3 {
///             nursery.start_soon(sleep(Duration::from_millis(rng.below(3))));
///         }
///     })
///     .await
/// });
/// ```
///
/// # Panics
/// If the program panics, with its panic; if it fails, or nothing in it can ever go on, with the text of
/// that. If there is no seed at all, or `NESTLING_SEED` is no number. Inside a run.
#[track_caller]
pub fn explore<R: Outcome>(seeds: impl IntoIterator<Item = u64>, program: impl AsyncFn(u64) -> R) {
    if let Some(seed) = replayed_seed() {
        return once(seed, &program);
    }
    let mut any = false;
    for seed in seeds {
        any = true;
        once(seed, &program);
    }
    assert!(any, "explore: there is no seed to run the program with");
}

#[track_caller]
fn once<R: Outcome>(seed: u64, program: &impl AsyncFn(u64) -> R) {
    let builder = Builder::new().clock(MockClock::new()).seed(seed);
    match catch_unwind(AssertUnwindSafe(|| builder.try_run(program(seed)))) {
        Ok(Ok(output)) => {
            if let Err(error) = output.into_result() {
                panic!(
                    "with seed {seed} the program failed: {error}\n{}",
                    how(seed)
                );
            }
        }
        Ok(Err(RunError::Deadlock(deadlock))) => {
            panic!(
                "with seed {seed} the program came to no end: {deadlock}\n{}",
                how(seed)
            );
        }
        Ok(Err(error)) => panic!("{error}"),
        Err(payload) => {
            eprintln!("with seed {seed} the program panicked; {}", how(seed));
            resume_unwind(payload);
        }
    }
}

/// How to see it again.
fn how(seed: u64) -> String {
    let thread = std::thread::current();
    // Tests run on threads of their names, unless there is one thread for all.
    let name = match thread.name() {
        Some(name) if name != "main" => format!(" {name}"),
        _ => String::new(),
    };
    format!("to see this run alone: NESTLING_SEED={seed} cargo test{name}")
}
