//! A program that is stopped everywhere.
//!
//! It is run once to learn how many steps it has, then once for each step and each way of disturbing
//! it there. What comes before the disturbance is always the same, as time is virtual and the order is
//! fixed; so a step is known by its number.

mod disturbance;
mod failure;
mod figures;
mod once;
mod place;

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use nestling_runtime::testing::{MockClock, Process, Rng, outstanding};
use nestling_runtime::{Builder, describe};

pub use disturbance::Disturbance;
use failure::Failure;
use once::{Problem, Seen, once};

use crate::outcome::Outcome;

/// Runs of programs that have the process for themselves take turns.
static EXCLUSIVE: Mutex<()> = Mutex::new(());

/// Runs `program` once for each of its steps, cancels it there, and checks that it comes to its end and
/// leaves nothing behind.
///
/// A *step* is each poll of a task, of a nursery's body or of the program itself, and each checkpoint
/// that is passed in a poll. Time is virtual. [`CancelEverywhere`] has settings.
///
/// ```
/// use std::time::Duration;
/// use nestling_nursery::testing::cancel_everywhere;
/// use nestling_nursery::{on_cancel, open_nursery};
/// use nestling_runtime::sleep;
///
/// cancel_everywhere(async || {
///     open_nursery(async |nursery| {
///         nursery.start_soon(sleep(Duration::from_secs(60)));
///         nursery.start_soon(on_cancel(sleep(Duration::from_secs(90)), async || {
///             sleep(Duration::from_secs(1)).await;
///         }));
///     })
///     .await
/// });
/// ```
///
/// # Panics
/// If the program fails or panics, does not come to an end, or leaves something behind; the text tells
/// at which step that was, and how to run it again. Inside a run.
#[track_caller]
pub fn cancel_everywhere<R: Outcome>(program: impl AsyncFn() -> R) -> Coverage {
    CancelEverywhere::new().run(program)
}

/// [`cancel_everywhere`] with settings.
///
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use nestling_nursery::testing::CancelEverywhere;
/// use nestling_runtime::sleep;
///
/// struct Open<'a>(&'a Cell<u32>);
/// impl Drop for Open<'_> {
///     fn drop(&mut self) {
///         self.0.set(self.0.get() - 1);
///     }
/// }
///
/// let open = Cell::new(0);
/// let coverage = CancelEverywhere::new()
///     .drop_too()
///     .panic_too()
///     .check(|| assert_eq!(open.get(), 0, "something is open still"))
///     .run(async || {
///         open.set(open.get() + 1);
///         let _open = Open(&open);
///         sleep(Duration::from_secs(1)).await;
///     });
/// assert_eq!(coverage.steps(), 4); // two polls, in each of which `sleep` is a checkpoint
/// ```
///
/// # What is checked
///
/// After each run: the program has ended, or panicked with the panic that was planted; and nothing of it
/// is left: frames (tasks, nurseries, scopes), timers, sources, threads that work for the run, messages
/// from them, [`Held`](nestling_runtime::testing::Held) tokens, what [`check`](Self::check) looks at,
/// and, if asked for by [`exclusive`](Self::exclusive), descriptors and threads of the process. Left
/// alone, the program must not fail; what it returns when it was disturbed is not looked at.
///
/// # Programs that meet the system
///
/// Sockets work in virtual time. But what comes from the system may come in another order each time; so
/// steps may mean something else in the next run, and a run that ends before its step is no failure. If a
/// program has deadlines beside sockets, give it the system's clock: `.builder(Builder::new)`.
#[must_use = "it does nothing until `run` is called"]
pub struct CancelEverywhere<'a> {
    drop_too: bool,
    panic_too: bool,
    pairs_max: usize,
    steps_max: usize,
    seed: Option<u64>,
    only: Option<Vec<Disturbance>>,
    exclusive: bool,
    builder: Box<dyn Fn() -> Builder + 'a>,
    checks: Vec<Box<dyn Fn() + 'a>>,
}

/// What [`CancelEverywhere::run`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    steps: usize,
    runs: usize,
}

impl Coverage {
    /// How many steps the program has when it is left alone.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How often it was run.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }
}

impl Default for CancelEverywhere<'_> {
    fn default() -> Self {
        CancelEverywhere::new()
    }
}

impl<'a> CancelEverywhere<'a> {
    /// Cancels, in virtual time, and does nothing else.
    pub fn new() -> CancelEverywhere<'a> {
        CancelEverywhere {
            drop_too: false,
            panic_too: false,
            pairs_max: 1000,
            steps_max: 100_000,
            seed: None,
            only: None,
            exclusive: false,
            builder: Box::new(|| Builder::new().clock(MockClock::new())),
            checks: Vec::new(),
        }
    }

    /// Drops the program's future as well: after each poll of it, after each checkpoint, and, of a program
    /// that was cancelled, while it unwinds.
    pub fn drop_too(mut self) -> Self {
        self.drop_too = true;
        self
    }

    /// Panics in each step as well, and while the program unwinds. The panic must come out of the program.
    pub fn panic_too(mut self) -> Self {
        self.panic_too = true;
        self
    }

    /// At most `pairs_max` runs (1000 unless told) are disturbed twice: cancelled, and then dropped or
    /// made to panic while they unwind. If there are more such pairs of steps, some of them are drawn.
    pub fn pairs_max(mut self, pairs_max: usize) -> Self {
        self.pairs_max = pairs_max;
        self
    }

    /// A run that takes `steps_max` steps (100 000 unless told) is taken for endless.
    pub fn steps_max(mut self, steps_max: usize) -> Self {
        self.steps_max = steps_max;
        self
    }

    /// Shuffles the order of tasks and draws the pairs as `seed` says. Without one, tasks run in the order
    /// in which they became ready.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Takes the settings of each run from `builder`, such as another clock than a fresh [`MockClock`].
    pub fn builder(mut self, builder: impl Fn() -> Builder + 'a) -> Self {
        self.builder = Box::new(builder);
        self
    }

    /// Calls `check` after each run; it panics if something is wrong.
    pub fn check(mut self, check: impl Fn() + 'a) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// Also looks for descriptors and threads that a run leaves, on Linux. They belong to the process:
    /// only for tests beside which nothing else is going on, as with `--test-threads=1`. Two programs
    /// that are tested like this take turns.
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Runs the program only once, disturbed like this. It is what the text of a failure says.
    ///
    /// ```
    /// use nestling_nursery::testing::{CancelEverywhere, Disturbance};
    /// use nestling_runtime::checkpoint;
    ///
    /// let program = async || checkpoint().await;
    /// CancelEverywhere::new().only([Disturbance::Cancel(2)]).run(program);
    /// ```
    pub fn only(mut self, plan: impl IntoIterator<Item = Disturbance>) -> Self {
        self.only = Some(plan.into_iter().collect());
        self
    }

    /// Runs `program` everywhere.
    ///
    /// # Panics
    /// As [`cancel_everywhere`].
    #[track_caller]
    pub fn run<R: Outcome>(self, program: impl AsyncFn() -> R) -> Coverage {
        let _turn = self
            .exclusive
            .then(|| EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner));
        let runner = Runner {
            settings: &self,
            program,
            steps: Cell::new(0),
            runs: Cell::new(0),
        };
        match &self.only {
            Some(plan) => {
                runner.steps.set(runner.try_once(&[]).steps);
                runner.once(plan);
            }
            None => runner.run_all(),
        }
        Coverage {
            steps: runner.steps.get(),
            runs: runner.runs.get(),
        }
    }
}

impl fmt::Debug for CancelEverywhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelEverywhere")
            .field("drop_too", &self.drop_too)
            .field("panic_too", &self.panic_too)
            .field("seed", &self.seed)
            .field("only", &self.only)
            .field("exclusive", &self.exclusive)
            .field("checks", &self.checks.len())
            .finish_non_exhaustive()
    }
}

struct Runner<'a, 's, P> {
    settings: &'a CancelEverywhere<'s>,
    program: P,
    /// Those of the undisturbed program.
    steps: Cell<usize>,
    runs: Cell<usize>,
}

impl<R: Outcome, P: AsyncFn() -> R> Runner<'_, '_, P> {
    #[track_caller]
    fn run_all(&self) {
        let alone = self.once(&[]);
        self.steps.set(alone.steps);
        let mut pairs = Vec::new();
        for step in 0..alone.steps {
            let cancel = Disturbance::Cancel(step);
            let seen = self.once(&[cancel]);
            pairs.extend(self.seconds(&seen, step).map(|second| [cancel, second]));
        }
        for second in self.seconds(&alone, 0) {
            self.once(&[second]);
        }
        let mut rng = Rng::new(self.settings.seed.unwrap_or(0));
        for index in draw(&mut rng, pairs.len(), self.settings.pairs_max) {
            self.once(&pairs[index]);
        }
    }

    /// The drops and panics that make a difference in a run like `seen`, from step `first` on.
    fn seconds(&self, seen: &Seen, first: usize) -> impl Iterator<Item = Disturbance> {
        let drops = if self.settings.drop_too {
            seen.droppable.clone()
        } else {
            Vec::new()
        };
        let panics = if self.settings.panic_too {
            first..seen.steps
        } else {
            0..0
        };
        let drops = drops.into_iter().filter(move |step| *step >= first);
        drops
            .map(Disturbance::Drop)
            .chain(panics.map(Disturbance::Panic))
    }

    /// A run that must go well.
    #[track_caller]
    fn once(&self, plan: &[Disturbance]) -> Seen {
        let seen = self.try_once(plan);
        if let Some(problem) = &seen.problem {
            let failure = Failure {
                plan,
                places: &seen.places,
                steps: self.steps.get(),
                problem,
            };
            panic!("{failure}");
        }
        seen
    }

    fn try_once(&self, plan: &[Disturbance]) -> Seen {
        let settings = self.settings;
        self.runs.set(self.runs.get() + 1);
        let mut builder = (settings.builder)();
        if let Some(seed) = settings.seed {
            builder = builder.seed(seed);
        }
        let process = settings.exclusive.then(Process::now);
        let held = outstanding();
        let mut seen = once(builder, settings.steps_max, plan, &self.program);
        if seen.problem.is_none() {
            let mut left = process.map(|before| before.left()).unwrap_or_default();
            let held = outstanding() - held;
            if held != 0 {
                left.push(format!("{held} × permit or guard that is held"));
            }
            if !left.is_empty() {
                seen.problem = Some(Problem::Left(left, None));
            }
        }
        for check in &settings.checks {
            if seen.problem.is_none() {
                let panicked = catch_unwind(AssertUnwindSafe(check)).err();
                seen.problem =
                    panicked.map(|payload| Problem::Panicked(describe(&*payload).to_owned()));
            }
        }
        seen
    }
}

/// At most `max` of the numbers below `count`, in order, evenly spread.
fn draw(rng: &mut Rng, count: usize, max: usize) -> Vec<usize> {
    if count <= max {
        return (0..count).collect();
    }
    let at = |part: usize| (part as u128 * count as u128 / max as u128) as usize;
    (0..max)
        .map(|part| {
            let (first, end) = (at(part), at(part + 1));
            first + rng.below((end - first) as u64) as usize
        })
        .collect()
}
