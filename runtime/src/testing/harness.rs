//! What `#[nestling::main]` and `#[nestling::test]` call.

use std::fmt;
use std::future::Future;
use std::process::{ExitCode, Termination};
use std::sync::Arc;

use super::MockClock;
use super::leaks::{Figures, Watch};
use super::replay::{SEED_VARIABLE, replayed_seed};
use crate::run::{Builder, RunError};

/// What stands in the parentheses of the attribute.
#[derive(Debug, Default)]
pub struct Config {
    virtual_time: bool,
    seeds: Seeds,
    ignores_leaks: bool,
}

#[derive(Default)]
enum Seeds {
    #[default]
    None,
    One(u64),
    Several(Box<dyn Iterator<Item = u64>>),
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seeds::None => f.write_str("None"),
            Seeds::One(seed) => write!(f, "One({seed})"),
            Seeds::Several(_) => f.write_str("Several(..)"),
        }
    }
}

impl Config {
    /// Real time, no seed, leaks are looked for.
    #[must_use]
    pub fn new() -> Config {
        Config::default()
    }

    /// Takes the time from a `MockClock`.
    #[must_use]
    pub fn virtual_time(mut self) -> Config {
        self.virtual_time = true;
        self
    }

    /// One run with this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Config {
        self.seeds = Seeds::One(seed);
        self
    }

    /// A run with each of these seeds.
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = u64, IntoIter: 'static>) -> Config {
        self.seeds = Seeds::Several(Box::new(seeds.into_iter()));
        self
    }

    /// Whatever is left behind is left.
    #[must_use]
    pub fn ignore_leaks(mut self) -> Config {
        self.ignores_leaks = true;
        self
    }
}

/// What the user's function may have as its argument.
#[derive(Debug)]
pub struct Given {
    clock: Option<MockClock>,
}

impl Given {
    fn new(virtual_time: bool) -> Given {
        Given {
            clock: virtual_time.then(MockClock::new),
        }
    }

    fn builder(&self, seed: Option<u64>) -> Builder {
        let mut builder = Builder::new();
        if let Some(clock) = &self.clock {
            builder = builder.clock(clock.clone());
        }
        if let Some(seed) = seed {
            builder = builder.seed(seed);
        }
        builder
    }

    /// The clock of the run.
    ///
    /// # Panics
    /// In real time; the attributes ask for it in virtual time only.
    #[must_use]
    #[track_caller]
    pub fn clock(self) -> MockClock {
        match self.clock {
            Some(clock) => clock,
            None => panic!("there is a clock to be given in virtual time only"),
        }
    }
}

/// What `#[nestling::main]` calls.
#[track_caller]
pub fn main<F: Future>(config: Config, main: impl FnOnce(Given) -> F) -> F::Output {
    let seed = match config.seeds {
        Seeds::One(seed) => Some(seed),
        Seeds::None | Seeds::Several(_) => None,
    };
    let given = Given::new(config.virtual_time);
    let builder = given.builder(seed);
    finish(builder.try_run_with(Some(name_of::<F>()), main(given)))
}

/// What `#[nestling::test]` calls.
///
/// # Panics
/// With what the test panics with; if it left something behind; and as [`Builder::run`].
#[track_caller]
pub fn test<F>(config: Config, test: impl Fn(Given) -> F) -> ExitCode
where
    F: Future<Output: Termination>,
{
    let kind = Kind {
        virtual_time: config.virtual_time,
        ignores_leaks: config.ignores_leaks,
    };
    match config.seeds {
        Seeds::None => kind.run(None, &test),
        Seeds::One(seed) => kind.run(Some(seed), &test),
        Seeds::Several(seeds) => match replayed_seed() {
            Some(seed) => kind.run_each([seed].into_iter(), &test),
            None => kind.run_each(seeds, &test),
        },
    }
}

/// What the runs of a test have in common.
struct Kind {
    virtual_time: bool,
    ignores_leaks: bool,
}

impl Kind {
    /// Runs the test with each seed until one fails.
    #[track_caller]
    fn run_each<F>(&self, seeds: impl Iterator<Item = u64>, test: &impl Fn(Given) -> F) -> ExitCode
    where
        F: Future<Output: Termination>,
    {
        let mut passed = 0_u64;
        for seed in seeds {
            let mut tell = TellSeed {
                seed,
                passed,
                failed: true,
            };
            let code = self.run(Some(seed), test);
            if code != ExitCode::SUCCESS {
                return code;
            }
            tell.failed = false;
            passed += 1;
        }
        assert!(passed > 0, "there was nothing to test: `seeds` is empty");
        ExitCode::SUCCESS
    }

    #[track_caller]
    fn run<F>(&self, seed: Option<u64>, test: &impl Fn(Given) -> F) -> ExitCode
    where
        F: Future<Output: Termination>,
    {
        let watch = (!self.ignores_leaks).then(Watch::begin);
        let given = Given::new(self.virtual_time);
        let builder = given.builder(seed);
        let future = test(given);
        let (output, figures) = finish(builder.try_run_with(Some(name_of::<F>()), async {
            let before = Figures::now();
            let output = future.await;
            (output, Figures::now().beyond(&before))
        }));
        let code = output.report();
        if let Some(watch) = watch.filter(|_| code == ExitCode::SUCCESS) {
            let left = watch.left(&figures);
            assert!(
                left.is_empty(),
                "the test left something behind:\n  {}\nWhat a test starts should end with it. If \
                 this is meant to live as long as the process, write \
                 `#[nestling::test(leaks = \"ignore\")]`.",
                left.join("\n  ")
            );
        }
        code
    }
}

#[track_caller]
fn finish<T>(ended: Result<T, RunError>) -> T {
    match ended {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// The name of the user's function, which stands inside another one of its name.
fn name_of<F>() -> Arc<str> {
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    let name = match name.rsplit_once("::") {
        Some((outer, inner)) if outer.rsplit("::").next() == Some(inner) => outer,
        _ => name,
    };
    Arc::from(name)
}

/// Dropped after a failure, also by a panic, it tells how to see that again.
struct TellSeed {
    seed: u64,
    passed: u64,
    failed: bool,
}

impl Drop for TellSeed {
    fn drop(&mut self) {
        let TellSeed { seed, passed, .. } = self;
        if !self.failed {
            return;
        }
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("the_test");
        eprintln!(
            "the test failed with seed {seed} ({passed} other seeds passed before); to see it again: \
             `{SEED_VARIABLE}={seed} cargo test {name}`, or `seed = {seed}` in its attribute"
        );
    }
}
