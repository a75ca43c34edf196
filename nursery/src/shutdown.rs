//! Soft cancellation: first a request to come to an end, and after a grace period the cut.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use nestling_runtime::{
    CancelKind, Cancelled, Frame, FrameKind, Label, Timer, after, current_time, own_waker,
    poll_proceed, waits_for,
};

use crate::scope::CancelScope;

/// Waits until a scope around the caller is asked to come to an end by [`CancelScope::shutdown`].
///
/// Accept loops and other endless services await it beside their work. A shield does not hide the
/// request, since nothing is cut off by it.
///
/// # Cancel and drop
/// Cancelled, the caller is cut off here; dropped, nothing is left.
///
/// Polled outside a run it stays pending.
#[track_caller]
pub fn shutdown_requested() -> ShutdownRequested {
    ShutdownRequested {
        frame: None,
        site: Location::caller(),
    }
}

/// The future of [`shutdown_requested`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ShutdownRequested {
    frame: Option<Frame>,
    site: &'static Location<'static>,
}

impl Future for ShutdownRequested {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx));
        let site = self.site;
        let frame = self.frame.get_or_insert_with(|| {
            let label = Label::of::<ShutdownRequested>(FrameKind::Scope, site);
            let frame = Frame::new(label);
            frame.set_listener();
            frame
        });
        let entered = frame.enter(cx.waker());
        if !frame.is_shutdown_requested() {
            entered.waits_for(|| "the request to come to an end".to_owned());
            return Poll::Pending;
        }
        drop(entered);
        self.frame = None;
        Poll::Ready(())
    }
}

/// A task that had not ended when the grace period was over.
#[derive(Clone)]
pub struct Laggard {
    name: Arc<str>,
    site: &'static Location<'static>,
    running: Duration,
}

impl Laggard {
    /// The task's name.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.name
    }

    /// Where it was started.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// How long it had been running when it was cancelled, to the turn of the loop.
    #[must_use]
    pub fn running(&self) -> Duration {
        self.running
    }
}

impl fmt::Display for Laggard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.site.file(), self.site.line());
        write!(
            f,
            "`{}` ({file}:{line}), running for {:.1?}",
            self.name, self.running
        )
    }
}

impl fmt::Debug for Laggard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Laggard({self})")
    }
}

/// How a soft shutdown went.
#[derive(Clone, Debug)]
pub struct ShutdownReport {
    laggards: Vec<Laggard>,
    cancelled: bool,
}

impl ShutdownReport {
    /// The tasks that had not ended when the grace period was over and were cancelled then.
    #[must_use]
    pub fn laggards(&self) -> &[Laggard] {
        &self.laggards
    }

    /// Whether everything ended by itself before the grace period was over. A scope that had to be
    /// cancelled is not clean, though perhaps no task was left in it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.cancelled
    }
}

/// A grace period that is running.
#[derive(Clone)]
pub(crate) struct Grace {
    shared: Rc<Shared>,
}

struct Shared {
    deadline: Cell<Option<Instant>>,
    timer: RefCell<Option<Timer>>,
    report: RefCell<Option<ShutdownReport>>,
    over: Cell<bool>,
    /// Who awaits the report, each with a number of its own.
    waiters: RefCell<Vec<(u64, Waker)>>,
    next_waiter: Cell<u64>,
}

impl Grace {
    fn new() -> Grace {
        Grace {
            shared: Rc::new(Shared {
                deadline: Cell::new(None),
                timer: RefCell::default(),
                report: RefCell::default(),
                over: Cell::new(false),
                waiters: RefCell::default(),
                next_waiter: Cell::new(0),
            }),
        }
    }

    /// Cancels the scope at `deadline`, unless it is to be cancelled earlier.
    fn arm(&self, scope: &CancelScope, deadline: Instant, site: &'static Location<'static>) {
        if self
            .shared
            .deadline
            .get()
            .is_some_and(|earlier| earlier <= deadline)
        {
            return;
        }
        self.shared.deadline.set(Some(deadline));
        let weak = scope.downgrade();
        let shared = Rc::downgrade(&self.shared);
        let cut = Rc::new(move || {
            if let (Some(scope), Some(shared)) = (weak.upgrade(), shared.upgrade()) {
                // Before the cancel: afterwards they may be gone.
                *shared.report.borrow_mut() = Some(laggards(&scope));
                scope.cancel_at(CancelKind::Shutdown, site, "the grace period was over");
            }
        });
        let old = self
            .shared
            .timer
            .replace(Some(Timer::calling(deadline, cut)));
        drop(old);
    }

    /// The scope has ended: nothing is to be cancelled any more.
    pub(crate) fn scope_ended(&self) {
        let timer = self.shared.timer.take();
        drop(timer);
        self.shared.over.set(true);
        let waiters = self.shared.waiters.take();
        for (_, waiter) in waiters {
            waiter.wake();
        }
    }

    fn number(&self) -> u64 {
        let number = self.shared.next_waiter.get();
        self.shared.next_waiter.set(number + 1);
        number
    }

    /// Has `waker` woken at the end, in place of the one that `number` gave before.
    fn wait(&self, number: u64, waker: Option<&Waker>) {
        // Cloning and dropping wakers is foreign code: not while they are borrowed.
        let waker = waker.map(|waker| (number, waker.clone()));
        let old = {
            let mut waiters = self.shared.waiters.borrow_mut();
            let known = waiters.iter().position(|(known, _)| *known == number);
            match (known, waker) {
                (Some(at), Some(waker)) => Some(std::mem::replace(&mut waiters[at], waker)),
                (Some(at), None) => Some(waiters.remove(at)),
                (None, waker) => {
                    waiters.extend(waker);
                    None
                }
            }
        };
        drop(old);
    }
}

fn laggards(scope: &CancelScope) -> ShutdownReport {
    let now = current_time();
    let laggard = |label: Label| Laggard {
        name: label.name(),
        site: label.site(),
        running: label
            .since()
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
    };
    ShutdownReport {
        laggards: scope.frame().tasks().into_iter().map(laggard).collect(),
        cancelled: true,
    }
}

impl CancelScope {
    /// Asks what runs in the scope to come to an end, and cancels it if it has not within `grace`.
    ///
    /// The request is made by this call, not by awaiting: [`shutdown_requested`] is ready inside at
    /// once. The future that is returned waits until the scope has ended and tells who had to be
    /// cancelled; it may as well be dropped. Awaited inside the scope itself it can only be cut off.
    /// Called again, the earlier end of the two grace periods counts.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nestling_nursery::{open_nursery, shutdown_requested, CancelScope};
    /// use nestling_runtime::{run, sleep_forever};
    ///
    /// let report = run(async {
    ///     let work = CancelScope::new();
    ///     open_nursery(async |nursery| {
    ///         nursery.start_soon(async {
    ///             let all = open_nursery(async |workers| {
    ///                 workers.task().name("polite").start_soon(shutdown_requested());
    ///                 workers.task().name("deaf").start_soon(sleep_forever());
    ///             });
    ///             work.run(all).await.ok(); // cut off after the grace period
    ///         });
    ///         nestling_runtime::checkpoint().await;
    ///         let report = work.shutdown(Duration::from_millis(1)).await;
    ///         nestling_nursery::ok(report)
    ///     })
    ///     .await
    /// });
    /// let late: Vec<_> = report.iter().flat_map(|report| report.laggards()).collect();
    /// # let late: Vec<_> = late.iter().filter(|late| late.task() == "deaf").collect();
    /// assert_eq!(late[0].task(), "deaf");
    /// ```
    ///
    /// # Panics
    /// Outside a run.
    #[track_caller]
    pub fn shutdown(&self, grace: Duration) -> Shutdown {
        let site = Location::caller();
        self.frame().request_shutdown();
        let deadline = after(grace);
        let running = {
            let mut slot = self.grace().borrow_mut();
            slot.get_or_insert_with(Grace::new).clone()
        };
        if self.is_over() {
            running.scope_ended();
        } else {
            running.arm(self, deadline, site);
        }
        Shutdown {
            number: running.number(),
            grace: running,
        }
    }
}

/// The future of [`CancelScope::shutdown`].
#[must_use = "the request has been made; await it for the report, or drop it"]
pub struct Shutdown {
    grace: Grace,
    number: u64,
}

impl Future for Shutdown {
    type Output = ShutdownReport;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ShutdownReport> {
        ready!(poll_proceed(cx));
        let shared = &self.grace.shared;
        if shared.over.get() {
            let report = shared.report.borrow().clone();
            return Poll::Ready(report.unwrap_or(ShutdownReport {
                laggards: Vec::new(),
                cancelled: false,
            }));
        }
        self.grace.wait(self.number, Some(&own_waker(cx)));
        waits_for(|| "a scope to come to an end".to_owned());
        Poll::Pending
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        self.grace.wait(self.number, None);
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("over", &self.grace.shared.over.get())
            .finish()
    }
}

/// Why the caller is cancelled, as the outermost scope that reaches it would report.
#[must_use]
pub fn current_cancellation() -> Option<Cancelled> {
    nestling_runtime::effective_deadline().err()
}

/// The moment at which the caller will be cut off by a deadline: the least of those around it, up to
/// the first shield. `None` if there is no deadline; if the caller is cancelled already, a moment
/// that has passed.
///
/// Code that cannot succeed in the time that is left may give up at once.
///
/// # Panics
/// Outside a run.
#[must_use]
#[track_caller]
pub fn current_effective_deadline() -> Option<Instant> {
    let now = current_time();
    nestling_runtime::effective_deadline().unwrap_or(Some(now))
}
