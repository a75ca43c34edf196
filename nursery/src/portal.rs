//! A way into a nursery from any thread.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use nestling_runtime::from_thread::{Request, VisitError, ask, ask_sync};
use nestling_runtime::{CancelKind, Cancelled, poll_proceed, waits_for};

use crate::error::NurseryError;
use crate::open::open_nursery;

/// Runs async closures in a nursery for threads that have no task of their own there: those of other
/// runtimes, of a graphical interface, of libraries that call back. Clones lead to the same place.
///
/// It comes with a *service*, to be started in a nursery. What threads send is run by tasks of the service;
/// cancelling the nursery cuts them off, and no task is left when it has ended.
///
/// ```
/// use nestling_nursery::{open_nursery, portal};
/// use nestling_runtime::{run, sleep};
/// use std::time::Duration;
///
/// let (portal, service) = portal();
/// let stranger = std::thread::spawn(move || {
///     portal.run(async || {
///         sleep(Duration::from_millis(1)).await;
///         6 * 7
///     })
/// });
/// // The service ends when the last portal is gone.
/// run(open_nursery(async |nursery| nursery.start_soon(service)))?;
/// assert_eq!(stranger.join().unwrap_or(Ok(0)), Ok(42));
/// # Ok::<(), nestling_nursery::NurseryError>(())
/// ```
pub struct Portal {
    shared: Arc<Shared>,
}

/// A [`Portal`] and its service. What threads send waits until the service is polled.
///
/// # Cancel and drop
/// Cancelled, the service cuts off what it runs, and waits for what is not cut off. Afterwards, and also if
/// it is dropped, the threads that wait get an error, as do those that come later.
///
/// # Errors
/// Those of clean-ups which failed ([`on_cancel`](crate::on_cancel()) in what was sent). What else goes wrong
/// with something that was sent is told to its sender.
pub fn portal() -> (
    Portal,
    impl Future<Output = Result<(), NurseryError>> + use<>,
) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            requests: VecDeque::new(),
            portals: 1,
            is_served: true,
            service: None,
        }),
    });
    let serving = Serving(Arc::clone(&shared));
    (Portal { shared }, serve(serving))
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    requests: VecDeque<Request>,
    portals: usize,
    is_served: bool,
    /// Who is to be woken when there is a request, or no portal any more.
    service: Option<Waker>,
}

impl Shared {
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        // Nothing panics while it holds the lock.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next request; `None` once there will be no more.
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        ready!(poll_proceed(cx));
        // Wakers are cloned and dropped outside of the lock, as that is foreign code.
        let waker = cx.waker().clone();
        let (next, old) = self.with(|state| match state.requests.pop_front() {
            Some(request) => (Poll::Ready(Some(request)), Some(waker)),
            None if state.portals == 0 => (Poll::Ready(None), Some(waker)),
            None => (Poll::Pending, state.service.replace(waker)),
        });
        drop(old);
        if next.is_pending() {
            waits_for(|| String::from("a request through a portal"));
        }
        next
    }
}

/// The service's side. On drop, nobody is served any more.
struct Serving(Arc<Shared>);

impl Drop for Serving {
    fn drop(&mut self) {
        let left = self.0.with(|state| {
            state.is_served = false;
            (mem::take(&mut state.requests), state.service.take())
        });
        drop(left);
    }
}

async fn serve(serving: Serving) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        while let Some(request) = poll_fn(|cx| serving.0.poll_next(cx)).await {
            if let Some(visit) = request() {
                nursery.task().name("visit").start_soon(visit);
            }
        }
    })
    .await
}

impl Portal {
    /// Has a task of the service run an async closure, and waits for its value.
    ///
    /// # Errors
    /// [`VisitError::Cancelled`] if it was cut off, [`VisitError::PortalClosed`] if the service has ended,
    /// [`VisitError::OwnThread`] in a thread in which a run is going on.
    ///
    /// # Panics
    /// With the panic of `f`.
    #[track_caller]
    pub fn run<F, T>(&self, f: F) -> Result<T, VisitError>
    where
        F: AsyncFnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ask(f, |request| self.send(request), lost)
    }

    /// Has the service call `f` between two of its polls, and waits for its value.
    ///
    /// # Errors
    /// As [`Portal::run`].
    ///
    /// # Panics
    /// With the panic of `f`.
    pub fn run_sync<F, T>(&self, f: F) -> Result<T, VisitError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ask_sync(f, |request| self.send(request), lost)
    }

    fn send(&self, request: Request) -> Result<(), VisitError> {
        let sent = self.shared.with(|state| {
            if !state.is_served {
                return Err(request);
            }
            state.requests.push_back(request);
            Ok(state.service.take())
        });
        match sent {
            Ok(service) => {
                if let Some(service) = service {
                    service.wake();
                }
                Ok(())
            }
            Err(refused) => {
                drop(refused);
                Err(VisitError::PortalClosed)
            }
        }
    }
}

/// Sent, and dropped before it had ended.
fn lost() -> VisitError {
    let cause = Cancelled::new(CancelKind::Explicit);
    VisitError::Cancelled(cause.because("the service of the portal came to its end"))
}

impl Clone for Portal {
    fn clone(&self) -> Portal {
        self.shared.with(|state| state.portals += 1);
        Portal {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let service = self.shared.with(|state| {
            state.portals -= 1;
            match state.portals {
                0 => state.service.take(),
                _ => None,
            }
        });
        if let Some(service) = service {
            service.wake();
        }
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.with(|state| {
            f.debug_struct("Portal")
                .field("waiting", &state.requests.len())
                .field("portals", &state.portals)
                .field("is_served", &state.is_served)
                .finish()
        })
    }
}
