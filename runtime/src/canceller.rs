//! Cancelling from other threads.

use std::fmt;
use std::sync::{Arc, PoisonError};

use crate::cancelled::Cancelled;
use crate::core;
use crate::frame::FrameRef;
use crate::frames::{self, FrameId};
use crate::inbox::{Inbox, Message};
use crate::prim::Mutex;

/// Cancels a frame from any thread; clones do the same.
///
/// It keeps nothing alive but the run's inbox: once the frame or the run is gone it does nothing.
#[derive(Clone)]
pub struct Canceller {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    cause: Option<Cancelled>,
    /// Where to send the request to, once the frame belongs to a run.
    bound: Option<Bound>,
}

#[derive(Clone)]
struct Bound {
    inbox: Arc<Inbox>,
    frame: FrameId,
    /// Tells the run that something may come from here.
    _outside: Arc<()>,
}

impl Canceller {
    /// One that is not bound to a frame yet: a request made before is kept.
    #[must_use]
    pub fn unbound() -> Canceller {
        Canceller {
            shared: Arc::new(Mutex::new(Shared {
                cause: None,
                bound: None,
            })),
        }
    }

    /// Sends requests to `frame` in the current run from now on. Returns the one that has been made.
    ///
    /// # Panics
    /// Outside a run.
    pub fn bind(&self, frame: FrameRef) -> Option<Cancelled> {
        let core = core::current();
        let bound = Bound {
            inbox: Arc::clone(&core.inbox),
            frame: frame.id(),
            _outside: Arc::clone(&core.outside),
        };
        self.with(|shared| {
            shared.bound = Some(bound);
            shared.cause.clone()
        })
    }

    /// Sends requests nowhere any more, as what the frame was made for is over. A request that is on
    /// its way is dropped, and the run's inbox is let go of.
    pub fn unbind(&self) {
        let bound = self.with(|shared| shared.bound.take());
        drop(bound);
    }

    /// Asks for the frame to be cancelled; the first cause stays. It happens in the run's next turn.
    pub fn cancel(&self, cause: Cancelled) {
        let bound = self.with(|shared| {
            if shared.cause.is_some() {
                return None;
            }
            shared.cause = Some(cause.clone());
            shared.bound.clone()
        });
        if let Some(Bound { inbox, frame, .. }) = bound {
            let canceller = self.clone();
            let cancel = move || {
                if canceller.with(|shared| shared.bound.is_some()) {
                    frames::cancel(frame, cause);
                }
            };
            // Refused, the run has ended, and there is nothing left to cancel.
            let _ended = inbox.post(Message::Call(Box::new(cancel)));
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> R {
        // Nothing panics while it holds the lock.
        f(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.with(|shared| shared.cause.clone());
        f.debug_struct("Canceller")
            .field("requested", &cause)
            .finish_non_exhaustive()
    }
}
