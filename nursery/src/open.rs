//! Opening a nursery, and polling it to its end.
//!
//! ```text
//!        body ends                 the last child ends
//! 1 open ---------> 2 waiting for children ----------> 3 done: panic, error, value, or cancelled
//!                     | only daemons left: cancel      4 unwinding: cut from outside with nothing to
//!                     +<-------------------              say; stays pending until it is dropped
//! ```

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use nestling_runtime::{Frame, FrameKind, Framed, Label, Step};

use crate::error::NurseryError;
use crate::nursery::Nursery;
use crate::outcome::Outcome;
use crate::state::{Current, Ended, State, report_second_panic};

/// Opens a nursery, runs `body` with it, and returns when the body and all children have ended.
///
/// Children may borrow whatever lives longer than the call, as in `std::thread::scope`:
///
/// ```
/// # fn main() -> Result<(), nestling_nursery::NurseryError> {
/// # nestling_runtime::run(async {
/// use nestling_nursery::open_nursery;
/// use std::cell::Cell;
///
/// let counter = Cell::new(0);
/// open_nursery(async |nursery| {
///     for _ in 0..10 {
///         nursery.start_soon(async { counter.set(counter.get() + 1) });
///     }
/// })
/// .await?;
/// assert_eq!(counter.get(), 10);
/// # Ok(())
/// # })
/// # }
/// ```
///
/// The nursery's future never ends before its last child. The first failure, of the body or of a
/// child, cancels the rest; what else fails while it unwinds is kept as well.
///
/// # Cost of depth
/// Children are polled by their nursery, and a nursery by the task it is in. So a wake-up that comes from outside of
/// k nested nurseries (a socket, a timer, a task further out) takes k steps up and k polls down, some 640
/// instructions a level; one that comes from a sibling or the task itself takes none. What has to be fast
/// belongs into a nursery further out, which `start_soon` of an outer nursery does from anywhere inside.
///
/// # Errors
/// [`NurseryError::Failed`] with everything that failed; [`NurseryError::Cancelled`] if nothing
/// failed, but the nursery's own scope was cancelled before the body had a value.
///
/// # Cancel and drop
/// Cancelled from outside, the children and then the body are cut off where they wait; the nursery
/// is waited for. Dropped by foreign code, it drops every child before the drop returns; async
/// cleanup has no chance then.
///
/// # Panics
/// With the first panic of the body or of a child, after all others have ended. What failed or
/// panicked besides is reported through `tracing`. Polled outside a run, or in another run than the
/// one it began in, it panics too.
#[track_caller]
pub fn open_nursery<'env, F, R>(
    body: F,
) -> impl Future<Output = Result<R::Value, NurseryError>> + use<'env, F, R>
where
    F: for<'scope> AsyncFnOnce(&'scope Nursery<'scope, 'env>) -> R,
    R: Outcome,
{
    let site = Location::caller();
    async move {
        let state = State::new(Label::of::<F>(FrameKind::Nursery, site));
        let nursery = Nursery::new(Rc::clone(&state));
        let mut driver = Driver::new(&state, Label::of::<F>(FrameKind::Body, site));
        // From here on, as a body that is no async closure may start children and then panic before
        // it returns its future.
        let children = DropChildren(&state);
        let mut body = pin!(Framed::new(body(&nursery)));
        // Declared last, so that a nursery that is dropped half-way drops its children first.
        let _children = children;
        poll_fn(|cx| driver.poll(body.as_mut(), cx)).await
    }
}

enum Body<V> {
    Running,
    Value(V),
    /// Cut off, failed or panicked.
    NoValue,
    /// Nothing to report but an outer cancellation, which goes on.
    Unwinding,
}

struct Driver<'a, V> {
    state: &'a Rc<State>,
    body: Body<V>,
    body_frame: Frame,
    body_label: Label,
    body_waker: Waker,
    /// It has been polled before, so others have had a turn.
    yielded: bool,
}

impl<'a, V> Driver<'a, V> {
    fn new(state: &'a Rc<State>, label: Label) -> Driver<'a, V> {
        let body_frame = state.scope.frame().child(label.clone());
        let body_waker = state.queue.body_waker();
        body_frame.set_waker(body_waker.clone());
        body_waker.wake_by_ref();
        Driver {
            state,
            body: Body::Running,
            body_frame,
            body_label: label,
            body_waker,
            yielded: false,
        }
    }

    fn poll<F>(
        &mut self,
        mut body: Pin<&mut Framed<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<V, NurseryError>>
    where
        F: Future<Output: Outcome<Value = V>>,
    {
        let state = self.state;
        assert!(
            state.queue.is_of_current_run(),
            "a nursery was polled outside the run that it was opened in"
        );
        let yielded = std::mem::replace(&mut self.yielded, true);
        let frame = state.scope.frame();
        let Some(turns) = state.queue.begin_poll(cx) else {
            // It is of the current run, which is of this thread.
            return Poll::Pending;
        };
        if turns.is_new_waker() {
            frame.set_waker(cx.waker().clone());
        }
        let entered = frame.enter_below_current();
        let current = Current::set(state);
        let has_ended = loop {
            turns.run_ready();
            if turns.take_body() && self.is_body_running() {
                self.poll_body(body.as_mut());
            }
            if !self.is_body_running() {
                if state.live() == 0 {
                    break true;
                }
                if state.only_daemons() {
                    state.cancel_daemons(&self.body_label);
                }
            }
            if !turns.goes_on() {
                break false;
            }
        };
        if !has_ended {
            state.note_wait(self.is_body_running());
        }
        drop(current);
        drop(entered);
        drop(turns);
        if !has_ended {
            return Poll::Pending;
        }
        if !yielded {
            // Also an empty nursery gives everybody else a turn, and is not cut off there: it is
            // still a guest of the frame around it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.finish()
    }

    fn is_body_running(&self) -> bool {
        matches!(self.body, Body::Running)
    }

    fn poll_body<F>(&mut self, mut body: Pin<&mut Framed<F>>)
    where
        F: Future<Output: Outcome<Value = V>>,
    {
        let mut cx = Context::from_waker(&self.body_waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let step = body.as_mut().poll_task(&self.body_frame, &mut cx);
            step.map(|step| match step {
                Step::Done(output) => Some(output.into_result()),
                Step::Cut => None,
            })
        }));
        let ended = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(Some(Ok(value)))) => {
                self.body = Body::Value(value);
                return;
            }
            Ok(Poll::Ready(Some(Err(error)))) => Ended::Failed(error),
            Ok(Poll::Ready(None)) => Ended::Cut,
            Err(payload) => {
                let dropped = catch_unwind(AssertUnwindSafe(|| body.drop_in(&self.body_frame)));
                report_second_panic(dropped, "a nursery's body");
                Ended::Panicked(payload)
            }
        };
        self.body = Body::NoValue;
        self.state.record(&self.body_label, ended);
    }

    fn is_cut_from_outside(&self) -> bool {
        self.state.has_cut() && self.state.scope.frame().is_cancelled_from_outside()
    }

    /// Everything has ended: reports it.
    fn finish(&mut self) -> Poll<Result<V, NurseryError>> {
        let frame = self.state.scope.frame();
        frame.set_guest(false);
        let body = std::mem::replace(&mut self.body, Body::Unwinding);
        let value = match body {
            // Part of the work was cut off by a cancel from outside, so the value is not the whole's: a limit
            // in time around a nursery whose body has ended is not to be missed.
            Body::Value(value) if self.state.has_bad_news() || self.is_cut_from_outside() => {
                // Dropped here: its destructor may panic, and what failed is not to be lost then.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                    self.state
                        .record(&self.body_label, Ended::Panicked(payload));
                }
                None
            }
            Body::Value(value) => Some(value),
            Body::Running | Body::NoValue | Body::Unwinding => None,
        };
        let ended = ready!(self.state.end(value.is_some(), &self.body_label));
        match (ended, value) {
            (Ok(()), Some(value)) => Poll::Ready(Ok(value)),
            (Ok(()), None) => Poll::Pending,
            (Err(error), _) => Poll::Ready(Err(error)),
        }
    }
}

/// On drop, drops the children that are left, each in place.
struct DropChildren<'a>(&'a State);

impl Drop for DropChildren<'_> {
    fn drop(&mut self) {
        let state = self.0;
        state.close();
        // A waker is foreign code, and panics perhaps: nobody is woken from here on, and it is dropped
        // when no child is left.
        let _owner = state.queue.retire();
        if state.live() > 0 {
            // Each is through when it panics: with a waker of a future in a child, or with what goes when a child
            // has been dropped.
            let wake = || state.scope.frame().wake_children();
            state.also_panicked(catch_unwind(AssertUnwindSafe(wake)));
            let run = || state.queue.run_until(|| state.live() == 0);
            state.also_panicked(catch_unwind(AssertUnwindSafe(run)));
        }
        state.queue.clear();
        if !state.scope.is_over() {
            state.scope.end();
        }
        state.resume_panic_on_drop();
    }
}
