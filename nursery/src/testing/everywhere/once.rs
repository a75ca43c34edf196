//! One run of a program that is disturbed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use nestling_runtime::testing::{Proceed, Step, each_step};
use nestling_runtime::{Builder, RunError, checkpoint, describe, task_tree};

use super::disturbance::Disturbance;
use super::figures::Figures;
use super::place::Place;
use crate::outcome::Outcome;
use crate::scope::CancelScope;

/// How long threads that work for the run may take to end: looks, and the time between them.
const LOOKS: u32 = 5000;
const BETWEEN: Duration = Duration::from_millis(1);

/// The payload of the panics that are planted.
struct Planted;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Problem {
    /// Without having been disturbed.
    Failed(String),
    Panicked(String),
    Swallowed,
    Endless(usize),
    Run(String),
    /// A line for each thing, and what lives if it is in the tree.
    Left(Vec<String>, Option<String>),
}

/// How a run went.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) steps: usize,
    /// Where the disturbances came, as far as the run came there.
    pub(super) places: Vec<Place>,
    /// The first step of each turn, and every checkpoint: what makes a difference to a drop.
    pub(super) droppable: Vec<usize>,
    pub(super) problem: Option<Problem>,
}

/// Counts the steps of a run, and does what is planned.
struct Watch {
    plan: Vec<Disturbance>,
    steps_max: usize,
    scope: CancelScope,
    steps: Cell<usize>,
    places: RefCell<Vec<Place>>,
    droppable: RefCell<Vec<usize>>,
    /// No step has been taken in this poll of the program.
    fresh: Cell<bool>,
    /// The program is to be dropped after this poll.
    stop: Cell<bool>,
    panicked: Cell<bool>,
}

impl Watch {
    fn step(&self, step: &Step) -> Proceed {
        let number = self.steps.get();
        if number >= self.steps_max {
            self.stop.set(true);
            return Proceed::Later;
        }
        self.steps.set(number + 1);
        if self.fresh.replace(false) || step.is_checkpoint() {
            self.droppable.borrow_mut().push(number);
        }
        let mut proceed = Proceed::Now;
        for disturbance in self.plan.iter().filter(|it| it.step() == number) {
            self.places.borrow_mut().push(Place::of(step));
            match disturbance {
                Disturbance::Cancel(_) => {
                    let reason = format!("cancelled everywhere: step {number}");
                    self.scope.cancel_because(reason);
                }
                Disturbance::Drop(_) => {
                    self.stop.set(true);
                    proceed = Proceed::Later;
                }
                // A second panic would abort the process.
                Disturbance::Panic(_) if std::thread::panicking() => {}
                Disturbance::Panic(_) => {
                    self.panicked.set(true);
                    // Unlike `panic!`, it prints nothing.
                    resume_unwind(Box::new(Planted));
                }
            }
        }
        proceed
    }
}

/// How the program's future ended.
enum End<R> {
    Ready(R),
    Dropped,
    Panicked(Box<dyn Any + Send>),
}

/// Runs `program` once by `plan`.
pub(super) fn once<R: Outcome>(
    builder: Builder,
    steps_max: usize,
    plan: &[Disturbance],
    program: &impl AsyncFn() -> R,
) -> Seen {
    let watch = Rc::new(Watch {
        plan: plan.to_vec(),
        steps_max,
        scope: CancelScope::new().name("cancel_everywhere"),
        steps: Cell::default(),
        places: RefCell::default(),
        droppable: RefCell::default(),
        fresh: Cell::default(),
        stop: Cell::default(),
        panicked: Cell::default(),
    });
    let run = AssertUnwindSafe(|| builder.try_run(within(&watch, program)));
    let problem = match catch_unwind(run) {
        Ok(Ok(problem)) => problem,
        Ok(Err(RunError::Deadlock(deadlock))) => Some(Problem::Run(deadlock.to_string())),
        Ok(Err(error)) => Some(Problem::Run(error.to_string())),
        Err(payload) => Some(Problem::Panicked(describe(&*payload).to_owned())),
    };
    Seen {
        steps: watch.steps.get(),
        places: watch.places.take(),
        droppable: watch.droppable.take(),
        problem,
    }
}

async fn within<R: Outcome>(watch: &Rc<Watch>, program: &impl AsyncFn() -> R) -> Option<Problem> {
    let before = Figures::now();
    let on_step = {
        let watch = Rc::clone(watch);
        move |step: &Step| watch.step(step)
    };
    let mut future = Box::pin(each_step(watch.scope.run(program()), on_step));
    let end = poll_fn(|cx| {
        watch.fresh.set(true);
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(End::Ready(output)),
            Ok(Poll::Pending) if watch.stop.get() => Poll::Ready(End::Dropped),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(End::Panicked(payload)),
        }
    })
    .await;
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
    problem_of(watch, end)
        .or_else(|| dropped.err().and_then(unplanned))
        .or(left(&before).await)
}

/// What the end itself shows.
fn problem_of<R: Outcome>(
    watch: &Watch,
    end: End<Result<R, nestling_runtime::Cancelled>>,
) -> Option<Problem> {
    match end {
        End::Dropped if watch.steps.get() == watch.steps_max => {
            Some(Problem::Endless(watch.steps_max))
        }
        End::Dropped => None,
        End::Panicked(payload) => unplanned(payload),
        End::Ready(_) if watch.panicked.get() => Some(Problem::Swallowed),
        End::Ready(Ok(output)) => match output.into_result() {
            Err(error) if watch.plan.is_empty() => Some(Problem::Failed(error.to_string())),
            _ => None,
        },
        End::Ready(Err(_)) => None,
    }
}

fn unplanned(payload: Box<dyn Any + Send>) -> Option<Problem> {
    let text = || Problem::Panicked(describe(&*payload).to_owned());
    (!payload.is::<Planted>()).then(text)
}

/// What is left in the run, now that the program's future is gone.
async fn left(before: &Figures) -> Option<Problem> {
    // What lies in the tree is gone with the future, or stays.
    let left = Figures::now().left_since(before);
    if !left.is_empty() {
        return Some(Problem::Left(left, Some(task_tree().to_string())));
    }
    for _ in 0..LOOKS {
        // What was under way arrives, and must do nothing any more.
        for _ in 0..3 {
            checkpoint().await;
        }
        if !Figures::now().is_settling() {
            break;
        }
        std::thread::park_timeout(BETWEEN);
    }
    let now = Figures::now();
    let mut left = now.left_since(before);
    left.extend(now.unsettled());
    (!left.is_empty()).then(|| Problem::Left(left, Some(task_tree().to_string())))
}
