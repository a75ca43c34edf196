//! How many threads may work at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use crate::checkpoint::poll_proceed;
use crate::panics::wake_all;
use crate::waits::waits_for;

/// A limit to the threads that work at the same time, first come, first served; clones share it.
///
/// Every run has one of 40, see [`default_limiter`](super::default_limiter). Give calls of one kind a
/// limit of their own where they would take all of those for long.
///
/// ```
/// use nestling_runtime::{run, to_thread};
///
/// let disk = to_thread::Limiter::new(2);
/// let written = run(to_thread::with().limiter(&disk).run_sync(|| 512))?;
/// assert_eq!(written, 512);
/// # Ok::<(), to_thread::SpawnError>(())
/// ```
#[derive(Clone)]
pub struct Limiter {
    shared: Rc<Shared>,
}

struct Shared {
    total: Cell<usize>,
    taken: Cell<usize>,
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

/// One who waits. A permit that becomes free is handed to the first, so that nobody can get ahead.
#[derive(Default)]
struct Waiter {
    granted: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

/// The figures of a [`Limiter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStatistics {
    /// How many threads may work.
    pub total: usize,
    /// How many do, those that were abandoned included.
    pub working: usize,
    /// How many calls wait.
    pub waiting: usize,
}

impl Limiter {
    /// A limiter for `total` threads. With 0, calls wait until there is a higher total.
    #[must_use]
    pub fn new(total: usize) -> Limiter {
        Limiter {
            shared: Rc::new(Shared {
                total: Cell::new(total),
                taken: Cell::new(0),
                waiting: RefCell::default(),
            }),
        }
    }

    /// Changes the limit. Calls that it has room for now begin; a lower one stops nobody who works.
    pub fn set_total(&self, total: usize) {
        self.shared.total.set(total);
        self.grant();
    }

    /// Its figures.
    #[must_use]
    pub fn statistics(&self) -> LimiterStatistics {
        LimiterStatistics {
            total: self.shared.total.get(),
            working: self.shared.taken.get(),
            waiting: self.shared.waiting.borrow().len(),
        }
    }

    /// Waits for a permit; a checkpoint.
    pub(super) fn acquire(&self) -> Acquire {
        Acquire {
            limiter: self.clone(),
            waiter: None,
        }
    }

    fn try_take(&self) -> bool {
        let shared = &*self.shared;
        let is_free = shared.taken.get() < shared.total.get() && shared.waiting.borrow().is_empty();
        if is_free {
            shared.taken.set(shared.taken.get() + 1);
        }
        is_free
    }

    /// Hands out what is free.
    fn grant(&self) {
        let shared = &*self.shared;
        let mut woken = Vec::new();
        while shared.taken.get() < shared.total.get() {
            let Some(first) = shared.waiting.borrow_mut().pop_front() else {
                break;
            };
            shared.taken.set(shared.taken.get() + 1);
            first.granted.set(true);
            woken.extend(first.waker.take());
        }
        wake_all(woken);
    }

    fn give_back(&self) {
        self.shared.taken.set(self.shared.taken.get() - 1);
        self.grant();
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.statistics();
        write!(f, "Limiter({} of {}", now.working, now.total)?;
        if now.waiting > 0 {
            write!(f, ", {} waiting", now.waiting)?;
        }
        f.write_str(")")
    }
}

/// The right to have a thread work.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Limiter,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.give_back();
    }
}

#[must_use = "futures do nothing unless awaited"]
pub(super) struct Acquire {
    limiter: Limiter,
    waiter: Option<Rc<Waiter>>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        ready!(poll_proceed(cx));
        let this = &mut *self;
        let has_one = match &this.waiter {
            None => this.limiter.try_take(),
            Some(waiter) => waiter.granted.get(),
        };
        if has_one {
            this.waiter = None;
            let limiter = this.limiter.clone();
            return Poll::Ready(Permit { limiter });
        }
        let waker = crate::own_waker(cx);
        let waiter = this.waiter.get_or_insert_with(|| {
            let waiter = Rc::new(Waiter::default());
            let mut waiting = this.limiter.shared.waiting.borrow_mut();
            waiting.push_back(Rc::clone(&waiter));
            waiter
        });
        drop(waiter.waker.replace(Some(waker)));
        waits_for(|| format!("a permit of {:?}", this.limiter));
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else {
            return;
        };
        if waiter.granted.get() {
            return self.limiter.give_back();
        }
        let mut waiting = self.limiter.shared.waiting.borrow_mut();
        waiting.retain(|other| !Rc::ptr_eq(other, &waiter));
        // The waker, which is foreign code, goes with `waiter`, after the borrow.
        drop(waiting);
    }
}
