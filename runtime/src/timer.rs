//! One timer of the run, removed when its owner drops it.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::core::{self, Core};
use crate::frame::Frame;
use crate::timers::{Action, TimerKey};
use crate::waits::waits_for;

/// Cancels a frame, or wakes a task, at a moment of the run's clock; dropped, it does nothing.
#[derive(Debug)]
pub struct Timer {
    core: Rc<Core>,
    key: TimerKey,
}

impl Timer {
    /// Cancels `frame` at `deadline`, unless the timer is dropped before.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    pub fn cancelling(frame: &Frame, deadline: Instant) -> Timer {
        Timer::arm(core::current(), deadline, Action::Cancel(frame.id()))
    }

    /// Calls `call` on the loop at `deadline`, unless the timer is dropped before.
    ///
    /// # Panics
    /// Outside a run.
    #[must_use]
    pub fn calling(deadline: Instant, call: Rc<dyn Fn()>) -> Timer {
        Timer::arm(core::current(), deadline, Action::Call(call))
    }

    fn arm(core: Rc<Core>, deadline: Instant, action: Action) -> Timer {
        let at = core.nanos(deadline);
        let key = core.with_timers(|timers| timers.insert(at, action));
        Timer { core, key }
    }

    /// Whether it was armed in the run that is going on; in another one it does nothing.
    #[must_use]
    pub fn is_of_current_run(&self) -> bool {
        core::is_current(&self.core)
    }

    /// Cancels `frame` at another moment than before.
    pub fn reset_cancelling(&self, frame: &Frame, deadline: Instant) {
        let at = self.core.nanos(deadline);
        let action = Action::Cancel(frame.id());
        self.core
            .with_timers(|timers| timers.reset(self.key, at, Some(action)));
    }

    /// Polls for `deadline`, arming `timer` at the first `Pending`.
    pub(crate) fn poll_until(
        timer: &mut Option<Timer>,
        deadline: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if let Some(armed) = timer {
            if armed.is_of_current_run() {
                let core = &armed.core;
                if core.with_timers(|timers| timers.has_fired(armed.key)) {
                    return Poll::Ready(());
                }
                armed.set_waker(cx);
                say(core, deadline);
                return Poll::Pending;
            }
            // It was armed in a run that is over; this one knows nothing of it.
            *timer = None;
        }
        let core = core::current();
        if deadline <= core.now() {
            return Poll::Ready(());
        }
        let waker = crate::own_waker(cx);
        say(&core, deadline);
        *timer = Some(Timer::arm(core, deadline, Action::Wake(waker)));
        Poll::Pending
    }

    fn set_waker(&self, cx: &mut Context<'_>) {
        let known = self.core.with_timers(|timers| {
            timers
                .waker_mut(self.key)
                .is_some_and(|waker| waker.will_wake(cx.waker()))
        });
        if known {
            return;
        }
        // Cloning and dropping wakers is foreign code: not while the timers are borrowed.
        let mut waker = crate::own_waker(cx);
        self.core.with_timers(|timers| {
            if let Some(old) = timers.waker_mut(self.key) {
                std::mem::swap(old, &mut waker);
            }
        });
        drop(waker);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let action = self.core.with_timers(|timers| timers.remove(self.key));
        drop(action);
    }
}

fn say(core: &Core, deadline: Instant) {
    waits_for(|| {
        let at = Duration::from_nanos(core.nanos(deadline));
        format!("its time, {at:?} into the run")
    });
}
