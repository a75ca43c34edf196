//! One timer of the run, removed when its owner drops it.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::context;
use crate::core;
use crate::frame::Frame;
use crate::timers::{self, Action, Standing, TimerKey};
use crate::waits::waits_for;

/// Cancels a frame, or wakes a task, at a moment of the run's clock; dropped, it does nothing.
pub struct Timer {
    key: TimerKey,
    /// The run that it was armed in: its key means nothing to another one. (To mistake another run for it
    /// takes 4294967295 more of them on this thread.)
    run: NonZeroU32,
    not_send: PhantomData<Rc<()>>,
}

impl Timer {
    /// Cancels `frame` at `deadline`, unless the timer is dropped before.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    #[track_caller]
    pub fn cancelling(frame: &Frame, deadline: Instant) -> Timer {
        Timer::arm(deadline, Action::Cancel(frame.id()))
    }

    /// Calls `call` on the loop at `deadline`, unless the timer is dropped before.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    #[track_caller]
    pub fn calling(deadline: Instant, call: Rc<dyn Fn()>) -> Timer {
        Timer::arm(deadline, Action::Call(call))
    }

    /// Wakes the caller at `deadline`, and says so.
    pub(crate) fn waking(deadline: Instant, cx: &Context<'_>) -> Timer {
        let timer = Timer::arm(deadline, Action::Wake(crate::own_waker(cx)));
        say(deadline);
        timer
    }

    #[track_caller]
    fn arm(deadline: Instant, action: Action) -> Timer {
        let at = core::with(|core| core.nanos(deadline));
        let run = context::with(|context| NonZeroU32::new(context.run_number.get()));
        Timer {
            run: run.expect("there is no timer outside a run"),
            key: timers::with(|timers| timers.insert(at, action)),
            not_send: PhantomData,
        }
    }

    /// Whether it was armed in the run that is going on; in another one it does nothing.
    #[must_use]
    #[inline]
    pub fn is_of_current_run(&self) -> bool {
        context::with(|context| context.run_number.get() == self.run.get())
    }

    /// Cancels `frame` at another moment than before.
    pub fn reset_cancelling(&self, frame: &Frame, deadline: Instant) {
        if !self.is_of_current_run() {
            return;
        }
        let at = core::with(|core| core.nanos(deadline));
        let action = Action::Cancel(frame.id());
        let old = timers::with(|timers| timers.reset(self.key, at, action));
        drop(old);
    }

    /// Whether the timer, one of the current run, has fired; if not, it wakes the caller at `deadline`.
    pub(crate) fn poll_fired(&self, deadline: Instant, cx: &Context<'_>) -> Poll<()> {
        match timers::with(|timers| timers.standing(self.key, cx.waker())) {
            Standing::Fired => return Poll::Ready(()),
            Standing::Armed => {}
            Standing::WakesOther => {
                // Cloning and dropping wakers is foreign code: not while the timers are borrowed.
                let action = Action::Wake(crate::own_waker(cx));
                let old = timers::with(|timers| timers.replace(self.key, action));
                drop(old);
            }
        }
        say(deadline);
        Poll::Pending
    }
}

/// The run in which the deadline of a frame was armed; see [`Frame::arm_deadline`].
#[derive(Debug, Default)]
pub struct ArmedIn {
    run: u32,
}

impl ArmedIn {
    /// `true`: it is another run than before.
    #[track_caller]
    #[inline]
    pub(crate) fn enter_current_run(&mut self) -> bool {
        let run = context::with(|context| context.run_number.get());
        if run == 0 {
            // It panics, as there is none.
            core::current();
        }
        mem::replace(&mut self.run, run) != run
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.is_of_current_run() {
            let action = timers::with(|timers| timers.remove(self.key));
            drop(action);
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("of_current_run", &self.is_of_current_run())
            .finish_non_exhaustive()
    }
}

#[inline]
fn say(deadline: Instant) {
    waits_for(|| {
        let at = core::with(|core| Duration::from_nanos(core.nanos(deadline)));
        format!("its time, {at:?} into the run")
    });
}
