//! What the loop does when no task is ready.
//!
//! In an ordinary run it waits for events and the next deadline. If somebody wants to know that it is
//! quiet (the clock, to jump; a task that waits for it; the watch for deadlocks), it looks at events
//! first, and when there is nothing, does what is due soonest:
//!
//! ```text
//! a task waits for quiet ---> its cushion has passed: wake it
//! the clock jumps        ---> its threshold has passed, and no thread works for the run: jump
//! a deadline             ---> comes by itself: wait for it
//! none of them           ---> nothing outside can wake a task either: a deadlock; else wait
//! ```

use std::io;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use crate::clock::real_now;
use crate::core::Core;
use crate::main_waker::MainWaker;
use crate::reactor::Events;
use crate::waits;

pub(crate) enum Waited {
    /// There may be something to do.
    Awake,
    Deadlock,
}

pub(crate) struct Quiet<'a> {
    core: &'a Core,
    /// Since when nobody has been polled, in real time.
    since: Option<Instant>,
    events: Events,
}

/// What ends the quiet.
#[derive(Clone, Copy)]
enum End {
    WakeIdlers,
    Jump(Instant),
    Deadline,
}

impl<'a> Quiet<'a> {
    pub(crate) fn new(core: &'a Core) -> Quiet<'a> {
        Quiet {
            core,
            since: None,
            events: Events::new(),
        }
    }

    /// Somebody is polled.
    pub(crate) fn is_over(&mut self) {
        self.since = None;
    }

    /// Looks at I/O without waiting.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        self.core.poll_io(&mut self.events)
    }

    pub(crate) fn wait(&mut self, main: &MainWaker) -> io::Result<Waited> {
        let core = self.core;
        let jumps = core.clock().autojump().is_some();
        if !jumps && core.idlers.is_empty() && !waits::is_watched() {
            core.sleep(&mut self.events)?;
            return Ok(Waited::Awake);
        }
        self.look()?;
        if main.is_set() || core.inbox.len() > 0 {
            return Ok(Waited::Awake);
        }
        let deadline = core.next_deadline();
        if deadline.is_some_and(|deadline| deadline <= core.now()) {
            return Ok(Waited::Awake);
        }
        let Some((end, after)) = self.end(deadline) else {
            if waits::is_watched() && self.is_dead() {
                // Whoever could wake somebody has gone, and may have left a message just before that.
                fence(Ordering::Acquire);
                if core.inbox.len() == 0 {
                    return Ok(Waited::Deadlock);
                }
                return Ok(Waited::Awake);
            }
            core.sleep_for(None, &mut self.events)?;
            return Ok(Waited::Awake);
        };
        let since = *self.since.get_or_insert_with(real_now);
        let left = match end {
            End::Deadline => after,
            _ if after.is_zero() => after,
            _ => after.saturating_sub(real_now().saturating_duration_since(since)),
        };
        if !left.is_zero() {
            // If nothing comes, the quiet goes on, and the next look finds that its time has come.
            core.sleep_for(Some(left), &mut self.events)?;
            return Ok(Waited::Awake);
        }
        match end {
            End::WakeIdlers => core.idlers.wake_first(),
            End::Jump(deadline) => core.clock().jump_to(deadline),
            End::Deadline => {}
        }
        Ok(Waited::Awake)
    }

    /// What comes soonest, and after how much real time. Waiting tasks go before a jump of the clock.
    fn end(&self, deadline: Option<Instant>) -> Option<(End, Duration)> {
        let core = self.core;
        let idlers = core.idlers.least_cushion();
        let jump = deadline
            .filter(|_| core.busy.get() == 0)
            .zip(core.clock().autojump());
        let by_itself = deadline
            .map(|deadline| core.clock().time_until(deadline))
            // The time stands still.
            .filter(|&left| left != Duration::MAX);
        let ends = [
            idlers.map(|cushion| (End::WakeIdlers, cushion)),
            jump.map(|(deadline, threshold)| (End::Jump(deadline), threshold)),
            by_itself.map(|left| (End::Deadline, left)),
        ];
        // The first of equals.
        ends.into_iter().flatten().min_by_key(|(_, after)| *after)
    }

    fn is_dead(&self) -> bool {
        let core = self.core;
        let io = core.reactor.statistics();
        core.busy.get() == 0
            && io.tasks_waiting_read + io.tasks_waiting_write == 0
            && std::sync::Arc::strong_count(&core.outside) == 1
            && !waits::has_foreign_wakers()
    }
}
