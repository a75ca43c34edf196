//! Starting a child and waiting until it says that it is ready.
//!
//! ```text
//!            started(v)                      (the nursery's from here on)
//! 1 starting ----------> 2 ready ------------------------------------------> ended
//!    |   \ ends, fails, panics --> 3 over: `start` reports it
//!    \ the caller is cancelled or dropped --> 4 withdrawn: the child is cancelled,
//!                                             and a later `started` comes too late
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nestling_runtime::{
    CancelKind, Cancelled, Frame, FrameKind, FrameRef, Label, poll_proceed, waits_for,
};

use crate::child::Plan;
use crate::error::StartError;
use crate::multi_error::TaskError;
use crate::state::{Ended, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Over,
    Withdrawn,
}

/// What the child, its nursery and the waiting caller share; the value is kept apart.
pub(crate) struct Starting {
    phase: Cell<Phase>,
    /// The caller is gone: what goes wrong is the nursery's to report.
    abandoned: Cell<bool>,
    /// How the child ended, and if it was cut off, why.
    ended: Cell<Option<(Ended, Option<Cancelled>)>>,
    child: Cell<Option<FrameRef>>,
    caller_frame: Cell<Option<FrameRef>>,
    caller: RefCell<Option<Waker>>,
}

impl Starting {
    fn new() -> Rc<Starting> {
        Rc::new(Starting {
            phase: Cell::new(Phase::Starting),
            abandoned: Cell::new(false),
            ended: Cell::new(None),
            child: Cell::new(None),
            caller_frame: Cell::new(None),
            caller: RefCell::new(None),
        })
    }

    pub(crate) fn set_child(&self, child: FrameRef) {
        self.child.set(Some(child));
    }

    /// Takes note of the child's end. What is given back is the nursery's to record.
    pub(crate) fn child_ended(&self, ended: Ended, frame: FrameRef) -> Option<Ended> {
        if self.phase.get() == Phase::Ready || self.abandoned.get() {
            return Some(ended);
        }
        self.ended.set(Some((ended, frame.effective_cause())));
        self.phase.set(Phase::Over);
        self.wake_caller();
        None
    }

    fn withdraw(&self, cause: Cancelled) {
        if self.phase.get() == Phase::Starting {
            self.phase.set(Phase::Withdrawn);
            if let Some(child) = self.child.get() {
                child.cancel(cause);
            }
        }
    }

    /// Whether the caller still waits and may go on.
    fn is_awaited(&self) -> bool {
        self.phase.get() == Phase::Starting
            && !self
                .caller_frame
                .get()
                .is_some_and(|caller| caller.is_cancelled())
    }

    fn wake_caller(&self) {
        let caller = self.caller.take();
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

/// What a child that is started with [`Nursery::start`](crate::Nursery::start) calls when it is ready.
///
/// Dropped without that, it leaves it to the child's end to be reported.
pub struct Ready<V> {
    starting: Rc<Starting>,
    value: Rc<Cell<Option<V>>>,
}

impl<V> Ready<V> {
    /// Says that the child is ready: the caller of `start` goes on with `value`, and the child
    /// becomes the nursery's like any other.
    ///
    /// If the caller has been cancelled or dropped meanwhile, this does nothing: the child is cut off
    /// at its next checkpoint.
    pub fn started(self, value: V) {
        if self.starting.is_awaited() {
            self.value.set(Some(value));
            self.starting.phase.set(Phase::Ready);
            self.starting.wake_caller();
        }
    }
}

impl<V> fmt::Debug for Ready<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready({:?})", self.starting.phase.get())
    }
}

/// Starts the child by `spawn` when first polled.
pub(crate) async fn start<V, S>(state: &State, plan: Plan, spawn: S) -> Result<V, StartError>
where
    S: FnOnce(Plan, Rc<Starting>, Ready<V>),
{
    // A checkpoint: in a cancelled context nothing is started.
    poll_fn(poll_proceed).await;
    let label = plan.label.clone();
    let starting = Starting::new();
    let value = Rc::new(Cell::new(None));
    spawn(
        plan,
        Rc::clone(&starting),
        Ready {
            starting: Rc::clone(&starting),
            value: Rc::clone(&value),
        },
    );
    let frame = Frame::new(Label::of::<S>(FrameKind::Scope, label.site()));
    starting.caller_frame.set(Some(frame.handle()));
    let mut caller = Caller {
        state,
        frame,
        starting,
        value,
        label,
    };
    caller.frame.set_guest(true);
    poll_fn(|cx| caller.poll(cx)).await
}

struct Caller<'a, V> {
    state: &'a State,
    frame: Frame,
    starting: Rc<Starting>,
    value: Rc<Cell<Option<V>>>,
    label: Label,
}

impl<V> Caller<'_, V> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<V, StartError>> {
        drop(self.frame.enter(cx.waker()));
        if let Some(value) = self.value.take() {
            self.leave();
            return Poll::Ready(Ok(value));
        }
        if self.starting.phase.get() == Phase::Over {
            return self.report();
        }
        if let Some(cause) = self.frame.effective_cause() {
            self.starting.withdraw(cause);
        }
        let old = self
            .starting
            .caller
            .replace(Some(nestling_runtime::own_waker(cx)));
        drop(old);
        waits_for(|| format!("{:?} to be ready", self.label));
        Poll::Pending
    }

    fn report(&mut self) -> Poll<Result<V, StartError>> {
        self.frame.set_guest(false);
        let Some((ended, cause)) = self.starting.ended.take() else {
            // It has been reported, or the caller was cut off and is to be dropped.
            return Poll::Pending;
        };
        let error = match (ended, cause) {
            (Ended::Panicked(payload), _) => resume_unwind(payload),
            (Ended::Failed(error), _) => {
                let name = String::from(&*self.label.name());
                StartError::Failed(TaskError::new(name, self.label.site(), error))
            }
            // Nothing to say in a caller that is cancelled itself: let that go on.
            _ if self.frame.is_cancelled() => return Poll::Pending,
            (Ended::Cut, Some(cause)) => StartError::Cancelled(cause),
            (Ended::Cut | Ended::Done, _) => StartError::NotReady {
                task: String::from(&*self.label.name()).into(),
                site: self.label.site(),
            },
        };
        self.frame.detach();
        Poll::Ready(Err(error))
    }

    fn leave(&self) {
        self.frame.set_guest(false);
        self.frame.detach();
    }
}

impl<V> Drop for Caller<'_, V> {
    fn drop(&mut self) {
        if let Some((ended, _)) = self.starting.ended.take() {
            // The child has failed and the caller did not come to hear of it.
            self.state.record(&self.label, ended);
            self.state.report_late();
        }
        self.starting.abandoned.set(true);
        self.starting.withdraw(
            Cancelled::at(CancelKind::Explicit, self.label.site())
                .because("the caller of `start` was dropped"),
        );
        let waker = self.starting.caller.take();
        drop(waker);
    }
}
