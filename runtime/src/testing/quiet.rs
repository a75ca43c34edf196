//! Waiting until everybody else waits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::checkpoint::poll_proceed;
use crate::core::{self, Core};
use crate::idlers::IdlerKey;
use crate::waits::{own_waker, waits_for};

/// Returns when every other task of the run waits: for time to pass, for a socket, a thread, or each
/// other. So a test knows that what it has set in motion has come as far as it can, without guessing
/// how long that takes.
///
/// ```
/// use std::cell::Cell;
/// use nestling_runtime::testing::wait_all_tasks_blocked;
/// # use std::future::Future;
/// # async fn both(one: impl Future<Output = ()>, two: impl Future<Output = ()>) {
/// #     let (mut one, mut two) = (Box::pin(one), Box::pin(two));
/// #     let (mut first, mut second) = (false, false);
/// #     std::future::poll_fn(|cx| {
/// #         first = first || one.as_mut().poll(cx).is_ready();
/// #         second = second || two.as_mut().poll(cx).is_ready();
/// #         if first && second { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
/// #     }).await;
/// # }
/// use nestling_runtime::checkpoint;
///
/// # nestling_runtime::run(async {
/// let steps = Cell::new(0);
/// let worker = async {
///     for _ in 0..10 {
///         checkpoint().await;
///         steps.set(steps.get() + 1);
///     }
/// };
/// let test = async {
///     wait_all_tasks_blocked().await;
///     assert_eq!(steps.get(), 10);
/// };
/// both(worker, test).await; // two tasks of a nursery, say
/// # });
/// ```
///
/// [`cushion`](WaitAllTasksBlocked::cushion) waits for the quiet to last. Of several waiting tasks those
/// with the shortest cushion go first, and together. Virtual time does not pass meanwhile, unless its
/// threshold is shorter than the cushion.
///
/// # Cancel and drop
/// A checkpoint. Nothing is left.
pub fn wait_all_tasks_blocked() -> WaitAllTasksBlocked {
    WaitAllTasksBlocked {
        cushion: Duration::ZERO,
        parked: None,
    }
}

/// The future of [`wait_all_tasks_blocked`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitAllTasksBlocked {
    cushion: Duration,
    parked: Option<(Rc<Core>, IdlerKey)>,
}

impl WaitAllTasksBlocked {
    /// Waits until the quiet has lasted for `cushion` of real time.
    ///
    /// This is for what the run cannot see, such as an answer from another process, and like every
    /// wait for real time it is a guess.
    pub fn cushion(mut self, cushion: Duration) -> WaitAllTasksBlocked {
        self.cushion = cushion;
        self
    }
}

impl Future for WaitAllTasksBlocked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_proceed(cx));
        if let Some((core, key)) = &self.parked {
            if core.idlers.take_woken(*key) {
                self.parked = None;
                return Poll::Ready(());
            }
        }
        if self.parked.is_none() {
            let core = core::current();
            let key = core.idlers.insert(self.cushion);
            self.parked = Some((core, key));
        }
        if let Some((core, key)) = &self.parked {
            core.idlers.set_waker(*key, own_waker(cx));
        }
        waits_for(|| "everybody else to wait".to_owned());
        Poll::Pending
    }
}

impl Drop for WaitAllTasksBlocked {
    fn drop(&mut self) {
        if let Some((core, key)) = self.parked.take() {
            core.idlers.remove(key);
        }
    }
}

impl fmt::Debug for WaitAllTasksBlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitAllTasksBlocked")
            .field("cushion", &self.cushion)
            .field("waiting", &self.parked.is_some())
            .finish()
    }
}
