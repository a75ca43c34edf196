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
use crate::context::{self, OwnWaker};
use crate::core::{self, Core};
use crate::deadlock::Deadlock;
use crate::frame::Frame;
use crate::framed::{Framed, Step};
use crate::inbox::Message;
use crate::label::{FrameKind, Label};
use crate::main_waker::MainWaker;
use crate::quiet::{Quiet, Waited};
use crate::rng::Rng;
use crate::waits;

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
    /// The clock is the system's.
    is_real: bool,
    seed: Option<u64>,
    detect_deadlock: Option<bool>,
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
    /// Nothing could ever happen again. The main future was dropped then.
    #[error(transparent)]
    Deadlock(Deadlock),
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
            .field("seed", &self.seed)
            .field("detect_deadlock", &self.detect_deadlock)
            .finish()
    }
}

impl Builder {
    /// What [`run`] uses: the system's monotonic clock.
    pub fn new() -> Builder {
        Builder {
            clock: Rc::new(SystemClock),
            is_real: true,
            seed: None,
            detect_deadlock: None,
        }
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Builder {
        self.is_real = (&clock as &dyn Any).is::<SystemClock>();
        // A run in virtual time is watched.
        waits::prepare();
        self.clock = Rc::new(clock);
        self
    }

    /// Shuffles the tasks that are ready in one turn of a nursery, as `seed` says.
    ///
    /// The same seed gives the same order, as long as what comes from outside (sockets, other threads,
    /// the time of the system's clock) is the same; so a failure that one seed shows can be looked at
    /// again. Without a seed tasks run in the order in which they became ready.
    ///
    /// ```
    /// use nestling_runtime::Builder;
    ///
    /// Builder::new().seed(7).run(async {});
    /// ```
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Whether the run ends with [`RunError::Deadlock`] when nothing can ever happen again, instead of
    /// waiting for ever: no task is ready, and there is no timer, no socket that somebody waits for, no
    /// thread that works for the run, and nothing outside that could wake a task.
    ///
    /// By default it is on with virtual time and off with real time, since it costs something: in a
    /// watched run each wait is noted, so that the tree in the error, and
    /// [`task_tree`](crate::task_tree), can tell what everybody waits for.
    ///
    /// What it cannot see through counts as able to wake: a waker that a future of another library holds,
    /// a [`RunHandle`](crate::RunHandle), a [`Canceller`](crate::Canceller), anyone who waits for a
    /// socket or a signal, and a set of futures that polls its own with wakers of its own, such as
    /// `FuturesUnordered`. A run that waits for such goes on waiting. Primitives of one's own are seen through if
    /// they keep [`own_waker`](crate::own_waker).
    ///
    /// ```
    /// use nestling_runtime::{Builder, RunError, sleep_forever};
    ///
    /// let result = Builder::new().detect_deadlock(true).try_run(sleep_forever());
    /// assert!(matches!(result, Err(RunError::Deadlock(_))));
    /// ```
    pub fn detect_deadlock(mut self, detect: bool) -> Builder {
        waits::prepare();
        self.detect_deadlock = Some(detect);
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
    /// See [`RunError`]; except for a deadlock, `main` has not been polled then.
    #[track_caller]
    pub fn try_run<F: Future>(self, main: F) -> Result<F::Output, RunError> {
        self.try_run_with(None, main)
    }

    /// As `try_run`; the main future goes by `name`, if there is one.
    #[track_caller]
    pub(crate) fn try_run_with<F: Future>(
        self,
        name: Option<Arc<str>>,
        main: F,
    ) -> Result<F::Output, RunError> {
        let site = Location::caller();
        if core::try_current().is_some() {
            return Err(RunError::Nested);
        }
        let is_virtual = self.clock.autojump().is_some();
        let watched = self.detect_deadlock.unwrap_or(is_virtual);
        let core = Rc::new(Core::new(self.clock, self.is_real).map_err(RunError::Reactor)?);
        let _installed = core::install(Rc::clone(&core)).ok_or(RunError::Nested)?;
        let _settings = Settings::set(self.seed, watched);
        // Dropped after `main`: what its destructors hand in is still run.
        let closing = Closing(&core);
        let frame = Frame::new(Label::of::<F>(FrameKind::Main, site).named(name));
        let output = {
            let main = pin!(Framed::new(main));
            Loop::new(&core, frame).turn_until_done(main)
        };
        let panic = closing.close();
        match (output, panic) {
            (Ok(output), None) => output.map_err(RunError::Deadlock),
            (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
        }
    }
}

/// What the thread's context holds for the time of a run.
struct Settings;

impl Settings {
    fn set(seed: Option<u64>, watched: bool) -> Settings {
        context::with(|context| {
            context.watched.set(watched);
            context
                .shuffle
                .set(seed.map_or(0, |seed| Rng::new(seed).state()));
        });
        Settings
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        context::with(|context| {
            context.watched.set(false);
            context.shuffle.set(0);
        });
        waits::forget_all();
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
    ) -> Result<Result<F::Output, Deadlock>, Payload> {
        let woken = Arc::new(MainWaker::new(Arc::clone(&self.core.inbox)));
        let waker = Waker::from(Arc::clone(&woken));
        context::note_own_waker(OwnWaker::Main, &waker);
        self.frame.set_waker(waker.clone());
        let mut cx = Context::from_waker(&waker);
        let polls = || context::with(|context| context.polls.get());
        let note_look = || context::with(|context| context.polls_at_look.set(context.polls.get()));
        note_look();
        let mut quiet = Quiet::new(self.core);
        loop {
            if self.core.inbox.take() {
                self.read_inbox(&woken);
            }
            if woken.take() {
                quiet.is_over();
                context::with(|context| context.climb.set(false));
                let before = polls();
                match main.as_mut().poll_task(&self.frame, &mut cx) {
                    Poll::Pending => {}
                    Poll::Ready(Step::Done(output)) => {
                        return self.panic.take().map_or(Ok(Ok(output)), Err);
                    }
                    // Nothing else cancels the main frame than such a panic.
                    Poll::Ready(Step::Cut) => {
                        let unknown = || Box::new("the main future was cancelled") as Payload;
                        return Err(self.panic.take().unwrap_or_else(unknown));
                    }
                }
                if polls() != before.wrapping_add(1) {
                    // It did no more than to lead to its tasks.
                    context::with(|context| {
                        let at_look = context.polls_at_look.get();
                        context.polls_at_look.set(at_look.wrapping_add(1));
                    });
                }
            }
            let looked = if !woken.is_set() {
                match quiet.wait(&woken) {
                    Ok(Waited::Awake) => Ok(()),
                    Ok(Waited::Deadlock) => {
                        match waits::deadlock(self.frame.id(), self.core.now()) {
                            Some(found) => return self.panic.take().map_or(Ok(Err(found)), Err),
                            // Only a run that is not watched, and such a one is not said to be dead.
                            None => Ok(()),
                        }
                    }
                    Err(error) => Err(error),
                }
            } else if context::is_time_to_look() {
                quiet.look()
            } else {
                continue;
            };
            note_look();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MockClock;

    #[test]
    fn the_system_s_clock_is_known_also_if_it_was_asked_for() {
        assert!(Builder::new().is_real);
        assert!(!Builder::new().clock(MockClock::new()).is_real);
        let back = Builder::new().clock(MockClock::new()).clock(SystemClock);
        assert!(back.is_real);
    }
}
