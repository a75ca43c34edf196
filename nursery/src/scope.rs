//! Cancel scopes.
//!
//! ```text
//!          run(fut), first poll            fut ends, is cut off, or is dropped
//! 1 unused --------------------> 2 running ----------------------------------> 3 over
//! ```
//!
//! A scope's deadline counts in state 2 only: its timer is armed when the future first waits, and a
//! relative deadline counts from the entry. Cancelled in state 1, the future is still polled once,
//! up to its first checkpoint.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nestling_runtime::{CancelKind, Cancelled, Frame, FrameKind, Framed, Label, after};
use pin_project_lite::pin_project;

use crate::boundary::{self, Limit};
use crate::canceller::Canceller;
use crate::shutdown::Grace;

/// A part of the program that can be cancelled as one. Cheap to clone; all clones are one scope.
///
/// ```
/// use std::time::Duration;
/// use nestling_nursery::CancelScope;
/// use nestling_runtime::{run, sleep};
///
/// run(async {
///     let scope = CancelScope::new().timeout(Duration::from_millis(1));
///     let result = scope.run(sleep(Duration::from_secs(3600))).await;
///     assert!(result.is_err_and(|cancelled| cancelled.is_deadline()));
/// });
/// ```
#[derive(Clone)]
pub struct CancelScope {
    inner: Rc<Inner>,
}

struct Inner {
    frame: Frame,
    limit: Limit,
    phase: Cell<Phase>,
    caught: Cell<bool>,
    shielded: Cell<bool>,
    canceller: RefCell<Option<Canceller>>,
    grace: RefCell<Option<Grace>>,
}

/// A scope that may be gone.
pub(crate) struct WeakScope(Weak<Inner>);

impl WeakScope {
    pub(crate) fn upgrade(&self) -> Option<CancelScope> {
        self.0.upgrade().map(|inner| CancelScope { inner })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unused,
    Running,
    Over,
}

impl CancelScope {
    /// A scope without a deadline, not shielded. It does nothing until [`run`](Self::run).
    #[track_caller]
    #[must_use]
    pub fn new() -> CancelScope {
        let label = Label::of::<CancelScope>(FrameKind::Scope, Location::caller());
        CancelScope::with_label(label)
    }

    pub(crate) fn with_label(label: Label) -> CancelScope {
        CancelScope {
            inner: Rc::new(Inner {
                frame: Frame::new(label),
                limit: Limit::default(),
                phase: Cell::new(Phase::Unused),
                caught: Cell::new(false),
                shielded: Cell::new(false),
                canceller: RefCell::default(),
                grace: RefCell::default(),
            }),
        }
    }

    /// The name that reports show beside the line where the scope was made.
    #[must_use]
    pub fn name(self, name: impl Into<Arc<str>>) -> CancelScope {
        self.inner.frame.set_name(name.into());
        self
    }

    /// Cancels the scope `duration` after its entry; a scope that runs already, `duration` from now.
    #[must_use]
    pub fn timeout(self, duration: Duration) -> CancelScope {
        if self.inner.phase.get() == Phase::Running {
            self.set_deadline(after(duration));
        } else {
            self.inner.limit.set_relative(duration);
        }
        self
    }

    /// Cancels the scope at `deadline`, by the run's clock.
    #[must_use]
    pub fn deadline(self, deadline: Instant) -> CancelScope {
        self.set_deadline(deadline);
        self
    }

    /// Hides the cancellation and the deadlines of outer scopes from what runs inside. The scope's
    /// own cancel and deadline still work, and so they should be set: a shield without an end makes
    /// a program that cannot be stopped.
    #[must_use]
    pub fn shielded(self) -> CancelScope {
        self.inner.frame.set_shield(true);
        self.inner.shielded.set(true);
        if self.inner.phase.get() == Phase::Running {
            self.inner.frame.set_guest(true);
        }
        self
    }

    /// Runs `future` in the scope.
    ///
    /// # Errors
    /// [`Cancelled`], only if it was this very scope that cut the future off. If an outer scope is
    /// cancelled as well, that one reports, and this call does not return. A future that is ready
    /// in time keeps its value, even if the scope was cancelled meanwhile.
    ///
    /// # Cancel and drop
    /// Cut off from outside, the future is cut off first. Dropped, the future is dropped, and the
    /// timer and the place in the tree are gone.
    ///
    /// # Panics
    /// If the scope has been run before: a scope is for one use. With a deadline, polled outside a run.
    pub fn run<F: Future>(&self, future: F) -> ScopeRun<F> {
        ScopeRun {
            framed: Framed::new(future),
            guard: RunGuard {
                scope: self.clone(),
                entered: false,
            },
        }
    }

    pub(crate) fn frame(&self) -> &Frame {
        &self.inner.frame
    }

    /// Cancels everything in the scope: it is cut off where it waits, from the inside out.
    ///
    /// Returns at once. A second call changes nothing; the first reason stays. A scope that is
    /// cancelled before it is run lets its future come to its first checkpoint.
    #[track_caller]
    pub fn cancel(&self) {
        self.cancel_as(Cancelled::new(CancelKind::Explicit));
    }

    /// As [`cancel`](Self::cancel), with a reason for whoever reads the report.
    #[track_caller]
    pub fn cancel_because(&self, reason: impl Into<Arc<str>>) {
        self.cancel_as(Cancelled::new(CancelKind::Explicit).because(reason));
    }

    pub(crate) fn cancel_as(&self, cause: Cancelled) {
        if self.inner.phase.get() == Phase::Over {
            return;
        }
        self.inner.frame.cancel(cause);
    }

    /// Cancels with `kind` and a reason, as asked for at `site`.
    pub(crate) fn cancel_at(
        &self,
        kind: CancelKind,
        site: &'static Location<'static>,
        reason: impl Into<Arc<str>>,
    ) {
        self.cancel_as(Cancelled::at(kind, site).because(reason));
    }

    /// Whether what runs in the scope is cancelled: by the scope, or by one around it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel_called() || self.inner.frame.is_cancelled()
    }

    /// Whether the scope itself was asked to cancel, or its deadline has passed while it ran.
    #[must_use]
    pub fn cancel_called(&self) -> bool {
        if self.inner.phase.get() == Phase::Running {
            self.inner.limit.check(&self.inner.frame);
        }
        self.inner.frame.own_cause().is_some()
    }

    /// Whether [`run`](Self::run) returned `Err`, that is, the scope did cut its future off.
    #[must_use]
    pub fn cancelled_caught(&self) -> bool {
        self.inner.caught.get()
    }

    /// The moment at which the scope is cancelled. `None` if there is none, or if it counts from an
    /// entry that has not been.
    #[must_use]
    pub fn current_deadline(&self) -> Option<Instant> {
        self.inner.limit.deadline()
    }

    /// Moves the deadline, to either side; `None` takes it away. A deadline in the past cancels at
    /// once; one that has passed cannot be taken back.
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        let inner = &self.inner;
        inner.limit.set(&inner.frame, deadline.into());
        if inner.phase.get() == Phase::Running {
            inner.limit.check(&inner.frame);
            inner.limit.arm(&inner.frame);
        }
    }

    /// A handle that cancels the scope from any thread.
    ///
    /// # Panics
    /// If the scope is running, and this is called outside its run.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        let mut canceller = self.inner.canceller.borrow_mut();
        let canceller = canceller.get_or_insert_with(Canceller::unbound).clone();
        if self.inner.phase.get() == Phase::Running {
            canceller.bind(self);
        }
        canceller
    }

    pub(crate) fn grace(&self) -> &RefCell<Option<Grace>> {
        &self.inner.grace
    }

    pub(crate) fn downgrade(&self) -> WeakScope {
        WeakScope(Rc::downgrade(&self.inner))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner.phase.get() == Phase::Over
    }

    /// Enters state 2.
    pub(crate) fn begin(&self) {
        let inner = &self.inner;
        assert!(
            inner.phase.get() == Phase::Unused,
            "CancelScope::run was called a second time on one scope: make a new scope for each use"
        );
        inner.limit.begin(&inner.frame);
        let canceller = inner.canceller.borrow().clone();
        if let Some(canceller) = canceller {
            canceller.bind(self);
        }
        inner.frame.set_guest(inner.shielded.get());
        // Last, as what is above panics outside a run.
        inner.phase.set(Phase::Running);
    }

    /// Enters state 3.
    pub(crate) fn end(&self) {
        let inner = &self.inner;
        inner.phase.set(Phase::Over);
        inner.limit.disarm(&inner.frame);
        inner.frame.set_guest(false);
        inner.frame.detach();
        let canceller = inner.canceller.borrow().clone();
        if let Some(canceller) = canceller {
            canceller.unbind();
        }
        inner.end_grace();
    }
}

impl Inner {
    fn end_grace(&self) {
        let grace = self.grace.take();
        if let Some(grace) = grace {
            grace.scope_ended();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Of a scope that was never run: whoever awaits its shutdown is not to wait for ever.
        self.end_grace();
    }
}

impl Default for CancelScope {
    #[track_caller]
    fn default() -> Self {
        CancelScope::new()
    }
}

impl fmt::Debug for CancelScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelScope")
            .field("made", &self.inner.frame.label())
            .field("phase", &self.inner.phase.get())
            .field("deadline", &self.current_deadline())
            .field("cancelled", &self.inner.frame.effective_cause())
            .field("caught", &self.inner.caught.get())
            .finish()
    }
}

pin_project! {
    /// The future of [`CancelScope::run`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct ScopeRun<F> {
        #[pin]
        framed: Framed<F>,
        guard: RunGuard,
    }
}

#[derive(Debug)]
struct RunGuard {
    scope: CancelScope,
    entered: bool,
}

impl<F: Future> Future for ScopeRun<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let scope = &this.guard.scope;
        if !this.guard.entered {
            scope.begin();
            // Not before: a second run that is refused must not end the first one when it is dropped.
            this.guard.entered = true;
        }
        assert!(
            !scope.is_over(),
            "the future of `CancelScope::run` was polled again after it had ended"
        );
        let inner = &scope.inner;
        let arm = || inner.limit.arm_once(&inner.frame);
        let result = boundary::poll(this.framed, &inner.frame, cx, arm);
        if let Poll::Ready(result) = &result {
            inner.caught.set(result.is_err());
            scope.end();
        }
        result
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if self.entered && !self.scope.is_over() {
            self.scope.end();
        }
    }
}
