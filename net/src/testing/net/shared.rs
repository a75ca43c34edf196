//! The world with a clock and a timer: what every handle of a network points to.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use nestling_runtime::{Timer, try_current_time};

use super::world::World;

pub(super) struct Shared {
    world: RefCell<World>,
    /// When it was first used in a run: where its time begins.
    epoch: Cell<Option<Instant>>,
    /// For the next thing that is due, and when that is.
    timer: RefCell<Option<(u64, Timer)>>,
    me: Weak<Shared>,
}

impl Shared {
    pub(super) fn new(world: World) -> Rc<Shared> {
        Rc::new_cyclic(|me| Shared {
            world: RefCell::new(world),
            epoch: Cell::new(None),
            timer: RefCell::new(None),
            me: me.clone(),
        })
    }

    /// Brings the world up to date and does `act` with it; then wakes whom that concerns.
    ///
    /// Outside a run, where there is no time, nothing else happens than `act`; the rest follows when
    /// the network is used in a run the next time.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        let now = self.now();
        let (result, woken, dropped, next) = {
            let mut world = self.world.borrow_mut();
            if let Some(now) = now {
                world.advance(now);
            }
            let result = act(&mut world);
            if let Some(now) = now {
                // Without latency, what was done has arrived already.
                world.advance(now);
            }
            let woken = std::mem::take(&mut world.woken);
            let dropped = std::mem::take(&mut world.dropped);
            (result, woken, dropped, world.next_event())
        };
        if now.is_some() {
            self.arm(next);
        }
        // Foreign code, both; if dropping panics, all have been woken before.
        wake_all(woken);
        drop(dropped);
        result
    }

    /// The world as it was left, for those who only look.
    pub(super) fn look<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        // Not behind the clock, though: what is due has happened.
        self.with(|world| look(world))
    }

    fn now(&self) -> Option<u64> {
        let now = try_current_time()?;
        let epoch = self.epoch.get().unwrap_or_else(|| {
            self.epoch.set(Some(now));
            now
        });
        Some(super::span::nanos(now.saturating_duration_since(epoch)))
    }

    fn arm(&self, next: Option<u64>) {
        let armed = self.timer.borrow();
        let is_armed = match (&*armed, next) {
            (Some((at, timer)), Some(next)) => *at == next && timer.is_of_current_run(),
            (None, None) => true,
            _ => false,
        };
        drop(armed);
        if is_armed {
            return;
        }
        let timer = next.and_then(|at| {
            let deadline = self.epoch.get()?.checked_add(Duration::from_nanos(at))?;
            let me = Weak::clone(&self.me);
            let call = move || {
                if let Some(shared) = me.upgrade() {
                    shared.fire();
                }
            };
            Some((at, Timer::calling(deadline, Rc::new(call))))
        });
        let before = self.timer.replace(timer);
        drop(before);
    }

    fn fire(&self) {
        let fired = self.timer.take();
        drop(fired);
        self.with(|_| ());
    }
}

/// Wakes all of them, also if one panics; the first panic goes on then.
fn wake_all(wakers: Vec<Waker>) {
    let mut panic = None;
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            panic.get_or_insert(payload);
        }
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
