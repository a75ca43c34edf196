//! What a nursery and its children share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use nestling_runtime::{CancelKind, Cancelled, FrameKind, Label, TaskQueue, describe, waits_for};

use crate::error::{BoxError, NurseryError, StartError};
use crate::multi_error::{MultiError, TaskError};
use crate::scope::CancelScope;

pub(crate) type Payload = Box<dyn Any + Send>;

/// How a body or a child ended.
pub(crate) enum Ended {
    Done,
    /// Cut off, which is not an error.
    Cut,
    Failed(BoxError),
    Panicked(Payload),
}

pub(crate) struct State {
    pub(crate) scope: CancelScope,
    pub(crate) queue: Arc<TaskQueue>,
    /// Children that have not ended, and those of them that keep the nursery open.
    live: Cell<usize>,
    foreground: Cell<usize>,
    /// A child that keeps the nursery open was cut off.
    has_cut: Cell<bool>,
    failures: RefCell<Vec<TaskError>>,
    panics: RefCell<Vec<Payload>>,
    /// The nursery's future is being dropped: nothing is polled any more, everything is dropped.
    closed: Cell<bool>,
}

impl State {
    pub(crate) fn new(label: Label) -> Rc<State> {
        let queue = TaskQueue::new();
        let scope = CancelScope::with_label(label);
        scope.begin();
        scope.frame().set_guest(true);
        Rc::new(State {
            scope,
            queue,
            live: Cell::new(0),
            foreground: Cell::new(0),
            has_cut: Cell::new(false),
            failures: RefCell::default(),
            panics: RefCell::default(),
            closed: Cell::new(false),
        })
    }

    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Only daemons are left, at least one.
    pub(crate) fn only_daemons(&self) -> bool {
        self.live.get() > 0 && self.foreground.get() == 0
    }

    /// The body has ended and nobody else keeps the nursery open.
    #[cold]
    pub(crate) fn cancel_daemons(&self, body: &Label) {
        self.scope
            .cancel_at(CancelKind::MainDone, body.site(), "only daemons were left");
    }

    /// Says what the nursery waits for.
    pub(crate) fn note_wait(&self, for_body: bool) {
        waits_for(|| match (for_body, self.live()) {
            (true, 0) => "its body".to_owned(),
            (true, tasks) => format!("its body and {tasks} of its tasks"),
            (false, tasks) => format!("{tasks} of its tasks"),
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
    }

    pub(crate) fn child_begins(&self, daemon: bool) {
        self.live.set(self.live.get() + 1);
        if !daemon {
            self.foreground.set(self.foreground.get() + 1);
        }
    }

    pub(crate) fn child_ends(&self, daemon: bool) {
        self.live.set(self.live.get() - 1);
        if !daemon {
            self.foreground.set(self.foreground.get() - 1);
        }
    }

    pub(crate) fn child_was_cut(&self) {
        self.has_cut.set(true);
    }

    pub(crate) fn has_cut(&self) -> bool {
        self.has_cut.get()
    }

    /// Keeps what went wrong, and cancels the rest.
    pub(crate) fn record(&self, label: &Label, ended: Ended) {
        let what = match ended {
            Ended::Done | Ended::Cut => return,
            Ended::Failed(error) if self.scope.is_cancelled() && is_cancellation(&error) => return,
            Ended::Failed(error) => return self.record_failure(label, error),
            Ended::Panicked(payload) => payload,
        };
        self.panics.borrow_mut().push(what);
        self.cancel_rest(label, "panicked");
    }

    /// Keeps a panic for the end of a nursery that is being dropped.
    pub(crate) fn also_panicked(&self, dropped: Result<(), Payload>) {
        self.panics.borrow_mut().extend(dropped.err());
    }

    /// Keeps an error, and cancels the rest.
    fn record_failure(&self, label: &Label, error: BoxError) {
        let name = String::from(&*label.name());
        let error = TaskError::new(name, label.site(), error);
        self.failures.borrow_mut().push(error);
        self.cancel_rest(label, "failed");
    }

    fn cancel_rest(&self, label: &Label, what: &str) {
        // A nursery that is being dropped has nobody left to cut off, and wakes nobody.
        if !self.is_closed() {
            let reason = format!("task `{}` {what}", label.name());
            self.scope
                .cancel_at(CancelKind::SiblingFailed, label.site(), reason);
        }
    }

    /// Why the nursery is cancelled.
    pub(crate) fn cause(&self, otherwise: &Label) -> Cancelled {
        self.scope.frame().effective_cause().unwrap_or_else(|| {
            Cancelled::at(CancelKind::SiblingFailed, otherwise.site())
                .because(format!("task `{}` ended without a value", otherwise.name()))
        })
    }

    /// Resumes the first panic, after a word on what else went wrong and would be forgotten.
    pub(crate) fn resume_panic(&self) {
        let mut panics = self.panics.take().into_iter();
        let Some(first) = panics.next() else { return };
        for payload in panics {
            tracing::error!(
                panic = describe(&*payload),
                "another task of the nursery panicked too"
            );
        }
        for error in self.failures.take() {
            tracing::error!(task = error.task(), %error, "a task failed in a nursery where another one panicked");
        }
        resume_unwind(first);
    }

    /// Everything has ended: resumes a panic, or tells whether the body's value counts. `Pending`: there is nothing
    /// to report but a cancellation from outside, which goes on.
    pub(crate) fn end(&self, has_value: bool, body: &Label) -> Poll<Result<(), NurseryError>> {
        self.resume_panic();
        let result = match self.take_failures() {
            Some(failed) => Err(failed),
            None if has_value => Ok(()),
            None if self.scope.frame().is_cancelled_from_outside() => return Poll::Pending,
            None => Err(NurseryError::Cancelled(self.cause(body))),
        };
        self.queue.clear();
        self.scope.end();
        Poll::Ready(result)
    }

    pub(crate) fn has_bad_news(&self) -> bool {
        !self.failures.borrow().is_empty() || !self.panics.borrow().is_empty()
    }

    /// Everything that failed, if anything did.
    pub(crate) fn take_failures(&self) -> Option<NurseryError> {
        MultiError::new(self.failures.take()).map(NurseryError::Failed)
    }

    /// As [`report_unseen`](Self::report_unseen), if the drop of the nursery is past its own report.
    pub(crate) fn report_late(&self) {
        if self.scope.is_over() {
            self.report_unseen();
        }
    }

    /// Says what would be forgotten, as the nursery's future was dropped and returns it to nobody.
    pub(crate) fn report_unseen(&self) {
        for error in self.failures.take() {
            tracing::warn!(task = error.task(), %error, "a task failed in a nursery that was dropped");
        }
        for payload in self.panics.take() {
            tracing::error!(
                panic = describe(&*payload),
                "a task of a dropped nursery panicked"
            );
        }
    }

    /// The first panic, with the rest reported, for a caller that is itself being dropped.
    pub(crate) fn resume_panic_on_drop(&self) {
        if !std::thread::panicking() {
            self.resume_panic();
        }
        self.report_unseen();
    }
}

thread_local! {
    /// The nursery whose task is being polled. What is in it is a guard's, which takes it out again, so that
    /// the cell needs no destructor and is cheap to reach.
    static CURRENT: Cell<Option<ManuallyDrop<Rc<State>>>> = const { Cell::new(None) };
}

/// Makes a nursery the current one until it is dropped.
pub(crate) struct Current {
    outer: Option<ManuallyDrop<Rc<State>>>,
}

impl Current {
    pub(crate) fn set(state: &Rc<State>) -> Current {
        let state = ManuallyDrop::new(Rc::clone(state));
        Current {
            outer: CURRENT.replace(Some(state)),
        }
    }

    fn get() -> Option<Rc<State>> {
        let state = CURRENT.take();
        let current = state.as_deref().cloned();
        CURRENT.set(state);
        current
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let inner = CURRENT.replace(self.outer.take());
        drop(inner.map(ManuallyDrop::into_inner));
    }
}

/// Of what had panicked, a destructor panicked too, and the first panic goes first.
#[cold]
pub(crate) fn report_second_panic(dropped: Result<(), Payload>, what: &str) {
    if let Err(payload) = dropped {
        let panic = describe(&*payload);
        tracing::error!(
            panic,
            "a destructor panicked too, in {what} that had panicked"
        );
    }
}

/// Adds the failure of a clean-up that was set up at `site` to the errors of the nursery whose task
/// is being polled.
pub(crate) fn report_cleanup(site: &'static Location<'static>, error: BoxError) {
    let task = nestling_runtime::current_task().map(|label| label.name());
    let name = match &task {
        Some(task) => format!("clean-up in {task}"),
        None => String::from("clean-up"),
    };
    match Current::get() {
        Some(state) => {
            let label = Label::of::<()>(FrameKind::Scope, site).named(Some(name.into()));
            // Not an echo, whatever it says: a clean-up runs shielded.
            state.record_failure(&label, error);
        }
        None => tracing::error!(%error, "{name} failed, and there is no nursery to tell"),
    }
}

/// Whether an error only says that something was cancelled. In a nursery that is cancelled itself,
/// such an error is the echo of its own cancellation: `handle.await?` in a sibling, for one.
fn is_cancellation(error: &BoxError) -> bool {
    error.is::<Cancelled>()
        || error
            .downcast_ref::<NurseryError>()
            .is_some_and(NurseryError::is_cancelled)
        || error
            .downcast_ref::<StartError>()
            .is_some_and(StartError::is_cancelled)
}
