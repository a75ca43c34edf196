//! Counting the steps of a program, to stop it at each.
//!
//! A step is a poll of a task, of a body, or of the future that is looked at, and a checkpoint that is
//! passed within a poll. An ordinary run pays nothing for this: it is while steps are counted that tasks
//! begin with no budget, so that every checkpoint comes to where an exhausted one goes, and the budget
//! that they really have is counted there.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context::{self, BUDGET};
use crate::frames::{self, FrameId};
use crate::label::{FrameKind, Label};
use crate::notes;
use crate::waits::{self, take_step};

type OnStep = Rc<dyn Fn(&Step) -> Proceed>;

thread_local! {
    static ON_STEP: RefCell<Option<OnStep>> = const { RefCell::new(None) };
}

/// What a program is about to do.
///
/// `Display` tells it: "a poll of task `reader` (src/main.rs:12), which waited for …".
#[derive(Clone, Copy, Debug)]
pub struct Step {
    is_checkpoint: bool,
    /// Whose poll it is, or in whose the checkpoint is.
    task: Option<FrameId>,
}

impl Step {
    /// Whether it is about to pass a checkpoint; else a task, a body, or the future itself is about to
    /// be polled.
    #[must_use]
    pub fn is_checkpoint(&self) -> bool {
        self.is_checkpoint
    }

    /// The task whose step it is: a child, the body of a nursery, or the main future.
    #[must_use]
    pub fn task(&self) -> Option<Label> {
        self.task.and_then(frames::label)
    }

    /// What a task that is about to be polled said it waits for.
    #[must_use]
    pub fn waited_for(&self) -> Vec<String> {
        match self.task {
            Some(task) if !self.is_checkpoint => words_of_task(task),
            _ => Vec::new(),
        }
    }
}

/// What was said in the task itself and in the scopes in it.
fn words_of_task(task: FrameId) -> Vec<String> {
    let mut words = Vec::new();
    let mut stack = vec![task];
    while let Some(frame) = stack.pop() {
        words.extend(notes::words(frame).0);
        let is_scope = |frame: &FrameId| {
            frames::label(*frame).is_some_and(|label| label.kind() == FrameKind::Scope)
        };
        stack.extend(frames::children(frame).into_iter().filter(is_scope));
    }
    words
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_checkpoint {
            "a checkpoint in"
        } else {
            "a poll of"
        };
        let Some(label) = self.task() else {
            return write!(f, "{kind} a future outside any task");
        };
        let (name, site) = (label.name(), label.site());
        let whose = match label.kind() {
            FrameKind::Main => "the main future",
            FrameKind::Body => "the body of a nursery",
            _ => "task",
        };
        write!(
            f,
            "{kind} {whose} `{name}` ({}:{})",
            site.file(),
            site.line()
        )?;
        let words = self.waited_for();
        if !words.is_empty() {
            write!(f, ", which waited for {}", words.join(" and for "))?;
        }
        Ok(())
    }
}

/// What a step does after it was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proceed {
    /// It is done.
    Now,
    /// A checkpoint is not passed in this poll, as if the task had used up its budget. A poll is not
    /// held up by this.
    Later,
}

/// Runs `future`, and calls `on_step` before each step of it: each poll of a task in it, of the body of
/// a nursery, and of `future` itself, and each checkpoint that is about to be passed in a poll.
///
/// This is what `nestling::testing::cancel_everywhere` is made of; whoever wants to disturb a program in another way may
/// cancel or panic in `on_step`.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use nestling_runtime::testing::{Proceed, each_step};
/// use nestling_runtime::{checkpoint, run};
///
/// let steps = Rc::new(Cell::new(0));
/// let counted = Rc::clone(&steps);
/// let program = each_step(async { checkpoint().await }, move |_| {
///     counted.set(counted.get() + 1);
///     Proceed::Now
/// });
/// run(program);
/// assert_eq!(steps.get(), 3); // two polls, and a checkpoint in the first of them
/// ```
///
/// # Cancel and drop
/// As `future`.
///
/// # Panics
/// With what `on_step` panics with, out of the task whose step it is.
pub fn each_step<F: Future>(
    future: F,
    on_step: impl Fn(&Step) -> Proceed + 'static,
) -> EachStep<F> {
    EachStep {
        future,
        on_step: Rc::new(on_step),
    }
}

pin_project! {
    /// The future of [`each_step`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct EachStep<F> {
        #[pin]
        future: F,
        on_step: OnStep,
    }
}

impl<F: Future> Future for EachStep<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _stepped = Stepped::begin(Rc::clone(this.on_step));
        take_step(false);
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for EachStep<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachStep").finish_non_exhaustive()
    }
}

/// While it lives, steps are told of.
struct Stepped {
    outer: Option<OnStep>,
    outer_full: u32,
    outer_watched: bool,
}

impl Stepped {
    fn begin(on_step: OnStep) -> Stepped {
        waits::prepare();
        let outer = ON_STEP.replace(Some(on_step));
        context::with(|context| {
            let left = context.budget.replace(0);
            context.held.set(context.held.get() + left);
            Stepped {
                outer,
                outer_full: context.full.replace(0),
                // What tasks wait for is part of what is told.
                outer_watched: context.watched.replace(true),
            }
        })
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        let _on_step = ON_STEP.replace(self.outer.take());
        context::with(|context| {
            context.full.set(self.outer_full);
            context.watched.set(self.outer_watched);
            if self.outer_full != 0 {
                context.budget.set(context.held.replace(0));
            }
        });
    }
}

/// The budget of a task that is polled while steps are counted. Dropped, it gives the poller the old one
/// back.
#[derive(Debug)]
pub(crate) struct HeldBudget(u32);

impl Drop for HeldBudget {
    fn drop(&mut self) {
        context::with(|context| context.held.set(self.0));
    }
}

/// The task in the current frame is about to be polled.
#[cold]
pub(crate) fn begin_poll() -> Option<HeldBudget> {
    let held = context::with(|context| {
        is_stepped(context).then(|| HeldBudget(context.held.replace(BUDGET)))
    })?;
    take_step(false);
    Some(held)
}

/// A checkpoint whose task has no budget: none left, or none in the usual place.
#[cold]
pub(crate) fn poll_without_budget(cx: &Context<'_>) -> Poll<()> {
    let left = context::with(|context| context.held.get());
    if left > 0 {
        // An exhausted task does not pass its checkpoint, which then is no step.
        let proceed = take_step(true);
        let cancelled = context::with(|context| context.cancelled.get());
        if cancelled {
            return Poll::Pending;
        }
        if proceed == Proceed::Now {
            context::with(|context| context.held.set(left - 1));
            return Poll::Ready(());
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// The checkpoint that always yields.
#[inline]
pub(crate) fn begin_yield() {
    if context::with(is_stepped) {
        take_step(true);
    }
}

#[inline]
fn is_stepped(context: &context::Context) -> bool {
    context.full.get() == 0
}

/// What [`take_step`] leads to.
pub(crate) fn tell_of_step(is_checkpoint: bool) -> Proceed {
    // Not borrowed while it is called: it may do anything.
    let on_step = ON_STEP.with_borrow(Clone::clone);
    let task = frames::current().and_then(|current| frames::nearest(current, is_task));
    match on_step {
        Some(on_step) => on_step(&Step {
            is_checkpoint,
            task,
        }),
        None => Proceed::Now,
    }
}

fn is_task(frame: FrameId) -> bool {
    let kind = frames::label(frame).map(|label| label.kind());
    matches!(
        kind,
        Some(FrameKind::Main | FrameKind::Body | FrameKind::Task)
    )
}
