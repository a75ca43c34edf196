//! Does it pass a checkpoint?

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context;

/// Awaits `future` and fails unless it has passed a checkpoint: a loop around it then can be cancelled
/// and lets others run.
///
/// ```
/// use nestling_runtime::sleep;
/// use nestling_runtime::testing::assert_checkpoints;
/// use std::time::Duration;
///
/// # nestling_runtime::run(async {
/// assert_checkpoints(sleep(Duration::ZERO)).await;
/// # });
/// ```
///
/// # Cancel and drop
/// As `future`.
///
/// # Panics
/// If `future` ends without having passed one.
#[track_caller]
pub fn assert_checkpoints<F: Future>(future: F) -> AssertCheckpoints<F> {
    AssertCheckpoints::new(future, true)
}

/// Awaits `future` and fails if it passes a checkpoint: what changes before and after it cannot be cut
/// off in between.
///
/// ```
/// use nestling_runtime::testing::assert_no_checkpoints;
///
/// # nestling_runtime::run(async {
/// assert_eq!(assert_no_checkpoints(async { 6 * 7 }).await, 42);
/// # });
/// ```
///
/// # Cancel and drop
/// As `future`.
///
/// # Panics
/// As soon as `future` passes one, or waits for anything else.
#[track_caller]
pub fn assert_no_checkpoints<F: Future>(future: F) -> AssertCheckpoints<F> {
    AssertCheckpoints::new(future, false)
}

pin_project! {
    /// The future of [`assert_checkpoints`] and [`assert_no_checkpoints`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct AssertCheckpoints<F> {
        #[pin]
        future: F,
        expected: bool,
        passed: bool,
        site: &'static Location<'static>,
    }
}

impl<F> AssertCheckpoints<F> {
    #[track_caller]
    fn new(future: F, expected: bool) -> AssertCheckpoints<F> {
        AssertCheckpoints {
            future,
            expected,
            passed: false,
            site: Location::caller(),
        }
    }
}

impl<F: Future> Future for AssertCheckpoints<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let before = budget();
        let polled = this.future.poll(cx);
        // A checkpoint takes from the budget, or ends the poll.
        *this.passed |= polled.is_pending() || budget() != before;
        match (*this.expected, *this.passed) {
            (true, false) => panic!(
                "the future of {} ended without having passed a checkpoint: it cannot be cancelled, and \
                 a loop around it starves other tasks",
                this.site
            ),
            (false, true) => panic!("the future of {} passed a checkpoint", this.site),
            _ => polled,
        }
    }
}

fn budget() -> u32 {
    context::with(|context| context.budget.get() + context.held.get())
}

impl<F> fmt::Debug for AssertCheckpoints<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertCheckpoints")
            .field("expected", &self.expected)
            .field("passed", &self.passed)
            .finish_non_exhaustive()
    }
}
