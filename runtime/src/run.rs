//! The loop.
//!
//! Everything is one tree of polls: the main future polls its nurseries, these poll their ready
//! tasks. One turn of the loop: messages from other threads, the main future if it was woken, and
//! then timers and I/O: at once if nothing is ready any more, else after 61 polls of tasks.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::cancelled::{CancelKind, Cancelled};
use crate::clock::{Clock, SystemClock};
use crate::context;
use crate::core::{self, Core};
use crate::frame::Frame;
use crate::framed::{Framed, Step};
use crate::inbox::Message;
use crate::label::{FrameKind, Label};
use crate::main_waker::MainWaker;

/// How many tasks are polled before the loop looks at timers and I/O though more are ready. A look
/// costs as much as some ten short polls; tokio uses the same figure.
const POLLS_PER_LOOK: u32 = 61;

/// Runs `main` and everything it starts on this thread, and returns its value when all is over.
///
/// ```
/// let answer = nestling_runtime::run(async { 6 * 7 });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
/// Inside another run on the same thread; if the system refuses the descriptors that a run needs
/// (see [`Builder::try_run`]); and with what `main`, a task, or a closure of
/// [`RunHandle::run_soon`](crate::RunHandle::run_soon) panics with.
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    Builder::new().run(main)
}

/// Settings of a run.
#[derive(Clone)]
#[must_use = "it does nothing until `run` is called"]
pub struct Builder {
    clock: Rc<dyn Clock>,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is a run on this thread already.
    #[error(
        "`nestling::run` was called inside a run on the same thread, which would block it for ever: \
         await the future instead, start it in a nursery, or start another thread for the other run"
    )]
    Nested,
    /// The system refused what the loop waits on.
    #[error("the loop could not be set up: {0} (a run needs 2 to 3 file descriptors)")]
    Reactor(#[source] io::Error),
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("clock", &self.clock)
            .finish()
    }
}

impl Builder {
    /// What [`run`] uses: the system's monotonic clock.
    pub fn new() -> Builder {
        Builder {
            clock: Rc::new(SystemClock),
        }
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Builder {
        self.clock = Rc::new(clock);
        self
    }

    /// As [`run`](crate::run()), with these settings.
    ///
    /// # Panics
    /// As `run`.
    #[track_caller]
    pub fn run<F: Future>(self, main: F) -> F::Output {
        match self.try_run(main) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`run`](crate::run()), but with an error instead of a panic if the run cannot begin.
    ///
    /// # Errors
    /// See [`RunError`]; `main` has not been polled then.
    #[track_caller]
    pub fn try_run<F: Future>(self, main: F) -> Result<F::Output, RunError> {
        let site = Location::caller();
        if core::try_current().is_some() {
            return Err(RunError::Nested);
        }
        let core = Rc::new(Core::new(self.clock).map_err(RunError::Reactor)?);
        let _installed = core::install(Rc::clone(&core)).ok_or(RunError::Nested)?;
        // Dropped after `main`: what its destructors hand in is still run.
        let closing = Closing(&core);
        let frame = Frame::new(Label::of::<F>(FrameKind::Main, site));
        let output = {
            let main = pin!(Framed::new(main));
            Loop::new(&core, frame).turn_until_done(main)
        };
        let panic = closing.close();
        match (output, panic) {
            (Ok(output), None) => Ok(output),
            (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
        }
    }
}

type Payload = Box<dyn Any + Send>;

struct Loop<'a> {
    core: &'a Rc<Core>,
    frame: Frame,
    /// The first panic of a `run_soon` closure.
    panic: Option<Payload>,
}

impl Drop for Loop<'_> {
    fn drop(&mut self) {
        if let Some(payload) = self.panic.take() {
            // The main future panicked after that, and its panic goes first.
            tracing::error!(
                panic = describe(&*payload),
                "a closure of `run_soon` panicked too"
            );
        }
    }
}

impl Loop<'_> {
    fn new(core: &Rc<Core>, frame: Frame) -> Loop<'_> {
        Loop {
            core,
            frame,
            panic: None,
        }
    }

    fn turn_until_done<F: Future>(
        mut self,
        mut main: Pin<&mut Framed<F>>,
    ) -> Result<F::Output, Payload> {
        let woken = Arc::new(MainWaker::new(Arc::clone(&self.core.inbox)));
        let waker = Waker::from(Arc::clone(&woken));
        self.frame.set_waker(waker.clone());
        let mut cx = Context::from_waker(&waker);
        let polls = || context::with(|context| context.polls.get());
        let mut polls_at_look = polls();
        loop {
            if self.core.inbox.take() {
                self.read_inbox(&woken);
            }
            if woken.take() {
                let before = polls();
                match main.as_mut().poll_task(&self.frame, &mut cx) {
                    Poll::Pending => {}
                    Poll::Ready(Step::Done(output)) => {
                        return self.panic.take().map_or(Ok(output), Err);
                    }
                    // Nothing else cancels the main frame than such a panic.
                    Poll::Ready(Step::Cut) => {
                        let unknown = || Box::new("the main future was cancelled") as Payload;
                        return Err(self.panic.take().unwrap_or_else(unknown));
                    }
                }
                if polls() != before.wrapping_add(1) {
                    // It did no more than to lead to its tasks.
                    polls_at_look = polls_at_look.wrapping_add(1);
                }
            }
            let looked = if !woken.is_set() {
                self.core.sleep()
            } else if polls().wrapping_sub(polls_at_look) >= POLLS_PER_LOOK {
                self.core.poll_io()
            } else {
                continue;
            };
            polls_at_look = polls();
            if let Err(error) = looked {
                panic!("the loop cannot wait for events any more: {error}");
            }
            self.core.fire_timers();
        }
    }

    /// Handles the messages that are there now. Who sends one meanwhile rings after that, so the next
    /// `take` tells of it.
    fn read_inbox(&mut self, main: &MainWaker) {
        for _ in 0..self.core.inbox.len() {
            let Some(message) = self.core.inbox.pop() else {
                return;
            };
            if matches!(message, Message::Main) {
                main.message_arrived();
            }
            if let Some(payload) = handle(message) {
                self.panic.get_or_insert(payload);
                self.frame.cancel(
                    Cancelled::new(CancelKind::Shutdown)
                        .because("a closure of `run_soon` panicked"),
                );
            }
        }
    }
}

/// Does what the message asks; the payload if a closure, or a waker, panicked.
fn handle(message: Message) -> Option<Payload> {
    let handle = || match message {
        Message::Main => {}
        Message::Tasks(queue) => queue.collect(),
        Message::Call(call) => call(),
    };
    catch_unwind(AssertUnwindSafe(handle)).err()
}

/// Ends a run, also when it is unwound: refuses new messages and handles those it accepted.
struct Closing<'a>(&'a Core);

impl Closing<'_> {
    fn close(self) -> Option<Payload> {
        self.drain()
    }

    fn drain(&self) -> Option<Payload> {
        self.0.inbox.close();
        let mut panic = None;
        while let Some(message) = self.0.inbox.pop() {
            if let Some(payload) = handle(message) {
                panic.get_or_insert(payload);
            }
        }
        panic
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(payload) = self.drain() {
            // The run is being unwound by an earlier panic, which goes first.
            tracing::error!(
                panic = describe(&*payload),
                "a closure of `run_soon` panicked too"
            );
        }
    }
}

/// What a panic said, as far as it is text.
#[must_use]
pub fn describe(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic whose payload is no text"
    }
}
