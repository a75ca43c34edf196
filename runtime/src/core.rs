//! The state of one run, shared by its loop and by what was made in it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::context;
use crate::frames;
use crate::idlers::Idlers;
use crate::inbox::Inbox;
use crate::reactor::{self, Events, Reactor};
use crate::threads;
use crate::timers::{self, Action};

pub(crate) struct Core {
    pub(crate) reactor: Reactor,
    pub(crate) inbox: Arc<Inbox>,
    clock: Rc<dyn Clock>,
    /// The clock is the system's, by which nobody can tell a few microseconds from the kernel's own.
    is_real: bool,
    /// The moment that the timers' nanoseconds are counted from.
    epoch: Instant,
    /// Kept between turns so that firing timers allocates nothing.
    wakers: Cell<Vec<Waker>>,
    pub(crate) idlers: Idlers,
    /// Whoever may do something to the run from outside has a clone.
    pub(crate) outside: Arc<()>,
    /// How many threads work for the run now, see [`Busy`].
    pub(crate) busy: Cell<usize>,
    pub(crate) threads: threads::OfRun,
}

/// While it lives, a thread works for somebody in the run, and will wake that one. So a run with nothing
/// else to do is not stuck, and virtual time must not pass.
pub(crate) struct Busy {
    core: Rc<Core>,
}

impl Busy {
    pub(crate) fn new(core: &Rc<Core>) -> Busy {
        core.busy.set(core.busy.get() + 1);
        Busy {
            core: Rc::clone(core),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.core.busy.set(self.core.busy.get() - 1);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The run of this thread.
///
/// # Panics
/// Outside a run.
#[track_caller]
pub(crate) fn current() -> Rc<Core> {
    with(Rc::clone)
}

/// The run of this thread, if there is one.
pub(crate) fn try_current() -> Option<Rc<Core>> {
    try_with(Rc::clone)
}

/// Asks the run of this thread, without a count of its own.
///
/// # Panics
/// Outside a run.
#[track_caller]
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Core>) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => no_run(),
    }
}

#[track_caller]
#[cold]
fn no_run() -> ! {
    panic!(
        "this operation works only inside a Nestling run: \
         call it from a future that `nestling::run` was given, or from a task below it"
    )
}

/// As [`with`]; `None` outside a run. A run begins and ends outside of `f`: it must not be dropped there.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Rc<Core>) -> R) -> Option<R> {
    // While the thread's locals are being destroyed there is no run either.
    CURRENT
        .try_with(|current| current.borrow().as_ref().map(f))
        .ok()
        .flatten()
}

/// Whether `core` is the run of this thread.
#[inline]
pub(crate) fn is_current(core: &Rc<Core>) -> bool {
    context::with(|context| context.run.get() == Rc::as_ptr(core).cast())
}

/// Whether this thread has a run, and `inbox` is its way in.
#[inline]
pub(crate) fn is_inbox_of_current(inbox: &Arc<Inbox>) -> bool {
    context::with(|context| context.inbox.get() == Arc::as_ptr(inbox).cast())
}

/// The present moment to the turn of the loop: the clock is read once a turn, and only if somebody
/// asks. `None` outside a run.
pub(crate) fn turn_time() -> Option<Instant> {
    let known = context::with(|context| context.turn.get());
    known.or_else(|| {
        let now = try_with(|core| core.now())?;
        context::with(|context| context.turn.set(Some(now)));
        Some(now)
    })
}

/// Makes `core` the run of this thread until the guard is dropped.
pub(crate) struct Installed(());

pub(crate) fn install(core: Rc<Core>) -> Option<Installed> {
    CURRENT.with(|current| {
        let mut current = current.borrow_mut();
        if current.is_some() {
            return None;
        }
        context::with(|context| {
            context.run.set(Rc::as_ptr(&core).cast());
            context.inbox.set(Arc::as_ptr(&core.inbox).cast());
            let number = context.runs.get().checked_add(1).unwrap_or(1);
            context.runs.set(number);
            context.run_number.set(number);
        });
        *current = Some(core);
        Some(Installed(()))
    })
}

impl Drop for Installed {
    fn drop(&mut self) {
        let core = CURRENT.with(|current| current.borrow_mut().take());
        context::with(|context| {
            context.run.set(ptr::null());
            context.inbox.set(ptr::null());
            context.run_number.set(0);
        });
        context::forget_turn();
        timers::clear();
        drop(core);
    }
}

impl Core {
    pub(crate) fn new(clock: Rc<dyn Clock>, is_real: bool) -> io::Result<Core> {
        let reactor = Reactor::new()?;
        let inbox = Arc::new(Inbox::new(reactor.notifier()));
        Ok(Core {
            reactor,
            inbox,
            epoch: clock.now(),
            clock,
            is_real,
            wakers: Cell::default(),
            idlers: Idlers::default(),
            outside: Arc::default(),
            busy: Cell::default(),
            threads: threads::OfRun::default(),
        })
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A moment as the timers count it. What lies more than 584 years ahead counts as that.
    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    /// Arms the limits of frames that were noted since the last look.
    pub(crate) fn settle_timers(&self) {
        timers::settle(|deadline| self.nanos(deadline));
    }

    /// Fires the timers that are due by now.
    pub(crate) fn fire_timers(&self) {
        if timers::with(|timers| timers.is_idle()) {
            return;
        }
        self.settle_timers();
        let now = self.now();
        // The clock has been read for this turn.
        context::with(|context| context.turn.set(Some(now)));
        let now = self.nanos(now);
        let mut wakers = self.wakers.take();
        // What is armed meanwhile for a moment that has passed fires in this round too, and cannot
        // be endless: firing wakes and cancels, it runs nobody.
        loop {
            let other = timers::with(|timers| timers.pop_wakers(now, &mut wakers));
            if wakers.is_empty() && other.is_none() {
                break;
            }
            for waker in wakers.drain(..) {
                waker.wake();
            }
            match other {
                Some(Action::Cancel(frame)) => frames::cancel_by_deadline(frame),
                Some(Action::Call(call)) => call(),
                Some(Action::Wake(waker)) => waker.wake(),
                None => {}
            }
        }
        self.wakers.set(wakers);
    }

    /// Looks at I/O without waiting, and wakes whom it concerns.
    pub(crate) fn poll_io(&self, events: &mut Events) -> io::Result<()> {
        // Nobody asks for the time while the loop looks around.
        context::forget_turn();
        if self.reactor.is_empty() {
            return Ok(());
        }
        self.reactor.wait(Some(Duration::ZERO), events, Waker::wake)
    }

    /// Blocks until there is I/O, a deadline, or a message from another thread.
    pub(crate) fn sleep(&self, events: &mut Events) -> io::Result<()> {
        let timeout = match timers::with(|timers| timers.is_idle()) {
            true => None,
            false => self.time_until_timer(),
        };
        match timeout {
            Some(Duration::ZERO) => self.poll_io(events),
            _ => self.sleep_for(timeout, events),
        }
    }

    fn time_until_timer(&self) -> Option<Duration> {
        self.settle_timers();
        let at = timers::with(|timers| match self.is_real {
            true => timers.next_wake_up(),
            false => timers.next_deadline(),
        })?;
        Some(match self.epoch.checked_add(Duration::from_nanos(at)) {
            Some(deadline) => self.clock.time_until(deadline),
            None => Duration::MAX,
        })
    }

    /// As `sleep`, for at most `timeout` of real time, whatever the clock says.
    pub(crate) fn sleep_for(
        &self,
        timeout: Option<Duration>,
        events: &mut Events,
    ) -> io::Result<()> {
        if self.reactor.is_empty() {
            // None comes meanwhile: only this thread registers any.
            context::forget_turn();
            let timeout = timeout.map(|timeout| timeout.min(reactor::WAIT_MAX));
            self.inbox.park(timeout);
            return Ok(());
        }
        if !self.inbox.fall_asleep() {
            return self.poll_io(events);
        }
        context::forget_turn();
        self.reactor.wait(timeout, events, Waker::wake)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The next moment for which a timer is armed, as far as the clock can tell it.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.settle_timers();
        let at = timers::with(|timers| timers.next_deadline())?;
        self.epoch.checked_add(Duration::from_nanos(at))
    }

    /// Armed timers.
    pub(crate) fn timer_count(&self) -> usize {
        self.settle_timers();
        timers::with(|timers| timers.len())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("clock", &self.clock)
            .field("timers", &timers::with(|timers| timers.len()))
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time that stands still, so that what is waited for can be told exactly.
    #[derive(Debug)]
    struct Still(Instant);

    impl Clock for Still {
        fn now(&self) -> Instant {
            self.0
        }
    }

    fn waits_for(is_real: bool, deadlines: &[u64]) -> Option<Duration> {
        let clock = Still(Instant::now());
        let core = Core::new(Rc::new(clock), is_real).unwrap();
        for &at in deadlines {
            timers::with(|timers| timers.insert(at, Action::Call(Rc::new(|| ()))));
        }
        let timeout = core.time_until_timer();
        timers::clear();
        timeout
    }

    #[test]
    fn only_by_the_system_s_clock_are_deadlines_waited_for_together() {
        let close = [1_000_000, 1_000_700, 1_001_000];
        let micros = |micros| Some(Duration::from_micros(micros));
        assert_eq!(waits_for(true, &close), micros(1001));
        assert_eq!(waits_for(false, &close), micros(1000));
        assert_eq!(waits_for(true, &[1_000_000, 9_000_000]), micros(1000));
        assert_eq!(waits_for(true, &[]), None);
    }
}
