//! Runs a program again and again, and stops it at another place each time.
//!
//! A *turn* is a poll of the whole program by the loop; a *step* is a poll of one of the awaits in it
//! that are marked with [`Probe::at`]. A program is cancelled before each turn and inside each step,
//! dropped after each turn, and made to panic in each step; and then dropped or made to panic while it
//! unwinds. Whatever happens, nothing of it may be left afterwards.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use nestling::{Builder, CancelScope, statistics, to_thread};

use crate::support::{LeakCheck, VirtualClock, until, yield_n};

/// Where a program is stopped, if it comes there.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    cancel_before_turn: Option<usize>,
    cancel_in_step: Option<usize>,
    drop_after_turn: Option<usize>,
    panic_in_step: Option<usize>,
}

/// What stops the program, and counts.
#[derive(Debug)]
pub(crate) struct Probe {
    plan: Plan,
    /// It is around the whole program.
    scope: CancelScope,
    steps: Cell<usize>,
    panicked: Cell<bool>,
    made: Cell<usize>,
    dropped: Cell<usize>,
}

/// The payload of the panics that were asked for.
struct Planted;

impl Probe {
    /// Marks an await.
    pub(crate) fn at<F: Future>(&self, future: F) -> At<'_, F> {
        At {
            probe: self,
            future: Box::pin(future),
        }
    }

    /// A local that must be dropped.
    pub(crate) fn guard(&self) -> Guard<'_> {
        self.made.set(self.made.get() + 1);
        Guard(self)
    }
}

pub(crate) struct Guard<'p>(&'p Probe);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}

pub(crate) struct At<'p, F> {
    probe: &'p Probe,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for At<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let probe = self.probe;
        let step = Some(probe.steps.get());
        probe.steps.set(probe.steps.get() + 1);
        if step == probe.plan.cancel_in_step {
            probe.scope.cancel();
        }
        if step == probe.plan.panic_in_step {
            probe.panicked.set(true);
            // Unlike `panic!`, it prints nothing.
            resume_unwind(Box::new(Planted));
        }
        self.future.as_mut().poll(cx)
    }
}

/// How far a program came.
#[derive(Clone, Copy, Debug)]
struct Report {
    turns: usize,
    steps: usize,
    /// It was neither dropped nor made to panic.
    ended: bool,
}

/// What lives in the run of this thread.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    frames: usize,
    timers: usize,
    threads: usize,
    sources: usize,
    waiting: usize,
}

fn figures() -> Figures {
    let now = statistics();
    Figures {
        frames: now.frames,
        timers: now.timers,
        threads: now.threads,
        sources: now.io.sources,
        waiting: now.io.tasks_waiting_read + now.io.tasks_waiting_write,
    }
}

/// One run of `program` by `plan`, which must leave nothing.
async fn once<P: AsyncFn(&Probe)>(program: &P, plan: Plan) -> Report {
    let probe = Probe {
        plan,
        scope: CancelScope::new(),
        steps: Cell::default(),
        panicked: Cell::default(),
        made: Cell::default(),
        dropped: Cell::default(),
    };
    // Scopes have a frame as long as they live.
    let before = figures();
    let mut turns = 0;
    let mut future = Box::pin(probe.scope.run(program(&probe)));
    let end = poll_fn(|cx| {
        if plan.cancel_before_turn == Some(turns) {
            probe.scope.cancel();
        }
        turns += 1;
        assert!(turns < 100_000, "it does not come to an end");
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(_)) => Poll::Ready(Some(Ok(()))),
            Ok(Poll::Pending) if plan.drop_after_turn == Some(turns) => Poll::Ready(None),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(Some(Err(payload))),
        }
    })
    .await;
    drop(future);
    let ended = matches!(end, Some(Ok(())));
    let dropped = end.is_none();
    match end {
        Some(Err(payload)) if payload.is::<Planted>() => {}
        Some(Err(payload)) => resume_unwind(payload),
        Some(Ok(())) => assert!(!probe.panicked.get(), "{plan:?}: the panic was swallowed"),
        None => {}
    }
    if dropped || ended || probe.panicked.get() {
        let (made, dropped) = (probe.made.get(), probe.dropped.get());
        assert_eq!(made, dropped, "{plan:?}: not every guard was dropped once");
        assert_eq!(figures(), before, "{plan:?}: something is left in the run");
    }
    // What was still under way has arrived now, save for what threads have to say that were left alone.
    yield_n(3).await;
    let limiter = to_thread::default_limiter();
    until(|| limiter.statistics().working == 0 && statistics().inbox == 0).await;
    assert_eq!(figures(), before, "{plan:?}: something is left in the run");
    Report {
        turns,
        steps: probe.steps.get(),
        ended,
    }
}

/// How programs are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    /// It jumps to the next deadline when there is nothing to do.
    Virtual,
    /// For what comes from the system.
    Real,
}

/// Stops `program` everywhere, in virtual time.
#[track_caller]
pub(crate) fn everywhere<P: AsyncFn(&Probe)>(program: P) {
    everywhere_in(Time::Virtual, program);
}

/// Stops `program` everywhere: at every place in one way, and if time is virtual at every pair of
/// places where two things happen to it.
#[track_caller]
pub(crate) fn everywhere_in<P: AsyncFn(&Probe)>(time: Time, program: P) {
    let _leaks = LeakCheck::begin();
    let run = |plan| match time {
        Time::Virtual => Builder::new()
            .clock(VirtualClock::new())
            .run(once(&program, plan)),
        Time::Real => Builder::new().run(once(&program, plan)),
    };
    let pairs = time == Time::Virtual && !cfg!(miri);
    let plan = Plan::default();
    let whole = run(plan);
    assert!(whole.ended, "left alone, it ends");
    assert!(whole.steps > 0, "an await is marked");

    for turn in 0.. {
        let plan = Plan {
            cancel_before_turn: Some(turn),
            ..plan
        };
        if run(plan).turns <= turn {
            break;
        }
        if pairs {
            drop_after_each(&run, plan, turn);
        }
    }
    for step in 0.. {
        let plan = Plan {
            cancel_in_step: Some(step),
            ..plan
        };
        if run(plan).steps <= step {
            break;
        }
        if pairs {
            panic_in_each(&run, plan, step);
        }
    }
    drop_after_each(&run, plan, 0);
    panic_in_each(&run, plan, 0);
}

fn drop_after_each(run: &impl Fn(Plan) -> Report, plan: Plan, first: usize) {
    for turn in first.. {
        let drop_after_turn = Some(turn);
        let report = run(Plan {
            drop_after_turn,
            ..plan
        });
        if report.ended {
            break;
        }
    }
}

fn panic_in_each(run: &impl Fn(Plan) -> Report, plan: Plan, first: usize) {
    for step in first.. {
        let panic_in_step = Some(step);
        let report = run(Plan {
            panic_in_step,
            ..plan
        });
        if report.ended {
            break;
        }
    }
}
