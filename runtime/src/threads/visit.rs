//! From a thread into a run, and back with the result.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::error::VisitError;
use super::job::{Work, report};
use super::link::{Request, Visit};
use super::worker;
use crate::cancelled::{CancelKind, Cancelled};
use crate::checkpoint::is_cancelled;
use crate::core;
use crate::frame::Frame;
use crate::framed::{Framed, Step};
use crate::frames;
use crate::handle::RunHandle;
use crate::label::{FrameKind, Label};

/// Has the task that waits for this thread run an async closure, and waits for its value.
///
/// It runs in the run's thread, in that very task and under the scopes around its call of
/// [`run_sync`](crate::to_thread::run_sync): its future need not be `Send`, its own limits in time work, and
/// it may call into a thread again.
///
/// ```
/// use nestling_runtime::{from_thread, run, sleep, to_thread};
/// use std::time::Duration;
///
/// let work = || {
///     from_thread::run(async || {
///         sleep(Duration::from_millis(1)).await;
///         "slept in the run"
///     })
/// };
/// assert_eq!(run(to_thread::run_sync(work))?, Ok("slept in the run"));
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
///
/// # Errors
/// [`VisitError::Cancelled`] if the task was cancelled, before or meanwhile: the future is cut off at its next
/// checkpoint as everything in that task is. The same if the task's call was abandoned or dropped. In a
/// thread without such a task, [`VisitError::NoHost`]; in a thread in which a run is going on,
/// [`VisitError::OwnThread`].
///
/// # Panics
/// With the panic of `f`.
///
/// If the call of `run_sync` is leaked with `mem::forget`, this waits for ever.
#[track_caller]
pub fn run<F, T>(f: F) -> Result<T, VisitError>
where
    F: AsyncFnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Location::caller();
    in_host(|job, send, lost| wait(visiting(f, site), Some(job), send, lost))
}

/// Has the task that waits for this thread call `f`, and waits for its value.
///
/// `f` is called in the run's thread, soon, between two polls of that task, and not cut off: it is no place
/// for what blocks.
///
/// ```
/// use nestling_runtime::{current_time, from_thread, run, to_thread};
///
/// let work = || from_thread::run_sync(current_time); // by the run's clock
/// let at = run(to_thread::run_sync(work))?;
/// assert!(at.is_ok());
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
///
/// # Errors
/// Those of [`run()`]; [`VisitError::Cancelled`] only if the task's call was abandoned or dropped, for a task
/// that is merely cancelled still calls `f`.
///
/// # Panics
/// With the panic of `f`.
pub fn run_sync<F, T>(f: F) -> Result<T, VisitError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    in_host(|job, send, lost| wait(calling(f), Some(job), send, lost))
}

/// Has a run call `f`, from a thread that need not work for any of its tasks, and waits for its value.
///
/// It is [`RunHandle::run_soon`] with an answer: `f` is called between two turns of the loop, outside of all
/// tasks.
///
/// ```
/// use nestling_runtime::{RunHandle, from_thread, run, statistics, to_thread};
///
/// let handle = run(async { RunHandle::current() });
/// let frames = from_thread::run_sync_in(&handle, || statistics().frames);
/// assert_eq!(frames, Err(from_thread::VisitError::RunFinished));
/// ```
///
/// # Errors
/// [`VisitError::RunFinished`] if the run has ended, [`VisitError::OwnThread`] in a thread in which a run is
/// going on. `f` was not called then.
///
/// # Panics
/// With the panic of `f`, which the run does not notice.
pub fn run_sync_in<F, T>(run: &RunHandle, f: F) -> Result<T, VisitError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let send = |request: Request| {
        // What is to be polled after the call is nothing here.
        let post = run.run_soon(move || drop(request()));
        post.map_err(|_| VisitError::RunFinished)
    };
    ask_sync(f, send, || VisitError::RunFinished)
}

type Sending<'a> = &'a dyn Fn(Request) -> Result<(), VisitError>;
type Lost<'a> = &'a dyn Fn() -> VisitError;

/// Has `wait` send its request to the host of this thread.
fn in_host<T>(
    wait: impl FnOnce(Arc<dyn Work>, Sending<'_>, Lost<'_>) -> Result<T, VisitError>,
) -> Result<T, VisitError> {
    let Some(job) = worker::current() else {
        return Err(match core::try_current() {
            Some(_) => VisitError::OwnThread,
            None => VisitError::NoHost,
        });
    };
    let lost = || {
        let dropped = || Cancelled::new(CancelKind::Explicit).because("the call was dropped");
        VisitError::Cancelled(job.link().cause().unwrap_or_else(dropped))
    };
    let send = |request| job.link().ask(request).map_err(|_| lost());
    wait(Arc::clone(&job), &send, &lost)
}

/// Has `send` take an async closure to another thread, which calls the request, polls what it returns, and
/// so answers. Waits for the answer. For those who build other ways into a run.
///
/// The future runs in a frame of its own below the one that it is polled in. If the request, or what it
/// returned, is dropped before there is an answer, the error is that of `lost`.
///
/// # Errors
/// [`VisitError::Cancelled`] if the frame was cut off, [`VisitError::OwnThread`] in a thread in which a run is
/// going on, and what `send` or `lost` say.
///
/// # Panics
/// With the panic of `f`.
#[track_caller]
pub fn ask<F, T>(
    f: F,
    send: impl FnOnce(Request) -> Result<(), VisitError>,
    lost: impl FnOnce() -> VisitError,
) -> Result<T, VisitError>
where
    F: AsyncFnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    wait(visiting(f, Location::caller()), None, send, lost)
}

/// As [`ask`], with a closure that is called by the request itself.
///
/// # Errors
/// As there.
///
/// # Panics
/// With the panic of `f`.
pub fn ask_sync<F, T>(
    f: F,
    send: impl FnOnce(Request) -> Result<(), VisitError>,
    lost: impl FnOnce() -> VisitError,
) -> Result<T, VisitError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    wait(calling(f), None, send, lost)
}

fn visiting<F, T>(f: F, site: &'static Location<'static>) -> impl FnOnce(Answer<T>) -> Request
where
    F: AsyncFnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    move |answer| {
        Box::new(move || {
            let label = Label::of::<F>(FrameKind::Scope, site);
            let future = async move { f().await };
            let visit: Visit = Box::pin(Visiting {
                framed: Framed::new(future),
                frame: Frame::new(label),
                answer,
            });
            Some(visit)
        })
    }
}

fn calling<F, T>(f: F) -> impl FnOnce(Answer<T>) -> Request
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    move |answer| {
        Box::new(move || {
            answer.give(catch_unwind(AssertUnwindSafe(f)).map(Ok));
            None
        })
    }
}

fn wait<T>(
    request: impl FnOnce(Answer<T>) -> Request,
    job: Option<Arc<dyn Work>>,
    send: impl FnOnce(Request) -> Result<(), VisitError>,
    lost: impl FnOnce() -> VisitError,
) -> Result<T, VisitError> {
    if core::try_current().is_some() {
        return Err(VisitError::OwnThread);
    }
    let (sender, answered) = sync_channel(1);
    send(request(Answer { sender, job }))?;
    match answered.recv() {
        Ok(Ok(outcome)) => outcome.map_err(VisitError::Cancelled),
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => Err(lost()),
    }
}

type Payload = Box<dyn Any + Send>;
type Outcome<T> = Result<Result<T, Cancelled>, Payload>;

/// The way back: dropped without having been used, it says so.
struct Answer<T> {
    sender: SyncSender<Outcome<T>>,
    /// What the thread works at, for a task that waits for it.
    job: Option<Arc<dyn Work>>,
}

impl<T> Answer<T> {
    fn give(&self, outcome: Outcome<T>) {
        if let (Some(job), true) = (&self.job, is_cancelled()) {
            // Told before the thread goes on, so that it finds the task cancelled if the visit did that.
            let cause = frames::current().and_then(frames::effective_cause);
            if let Some(cause) = cause {
                job.link().cancel(Rc::unwrap_or_clone(cause));
            }
        }
        // The thread waits for one answer, so there is room for it and somebody to take it.
        if let Err(unsent) = self.sender.try_send(outcome) {
            debug_assert!(false, "a thread was answered twice");
            drop(unsent);
        }
    }
}

pin_project! {
    /// A future that a thread waits for, in a frame below the one of the host.
    struct Visiting<F, T> {
        #[pin]
        framed: Framed<F>,
        frame: Frame,
        answer: Answer<T>,
    }
}

impl<F: Future<Output = T>, T> Future for Visiting<F, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let step = || this.framed.as_mut().poll_step(this.frame, cx);
        let outcome = match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Step::Done(value))) => Ok(Ok(value)),
            Ok(Poll::Ready(Step::Cut)) => Ok(Err(cause(this.frame))),
            Err(payload) => {
                let rest = || this.framed.as_mut().drop_in(this.frame);
                report(
                    catch_unwind(AssertUnwindSafe(rest)),
                    "a destructor panicked after a panic in a visit from",
                );
                Err(payload)
            }
        };
        this.answer.give(outcome);
        Poll::Ready(())
    }
}

fn cause(frame: &Frame) -> Cancelled {
    frame
        .effective_cause()
        .unwrap_or_else(|| Cancelled::new(CancelKind::Explicit))
}
