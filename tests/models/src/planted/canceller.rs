//! The canceller with a bug.

use std::sync::Arc;

use crate::cancelled::Cancelled;
use crate::core;
use crate::frames::{self, FrameId};
use crate::inbox::{Inbox, Message};
use crate::models::Request;
use crate::prim::Mutex;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `cancel` reads where to send the request, lets the lock go, and leaves the cause then.
    LooksFirst,
    /// `cancel` leaves the cause, lets the lock go, and reads then where to send it.
    LooksLater,
}

#[derive(Clone)]
pub(crate) struct Planted {
    shared: Arc<Mutex<Shared>>,
    bug: Bug,
}

#[derive(Default)]
struct Shared {
    cause: Option<Cancelled>,
    bound: Option<Arc<Inbox>>,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            shared: Arc::new(Mutex::new(Shared::default())),
            bug,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> R {
        f(&mut self.shared.lock().unwrap())
    }

    fn bound(&self) -> Option<Arc<Inbox>> {
        self.with(|shared| shared.bound.clone())
    }

    fn leave(&self, cause: &Cancelled) -> bool {
        self.with(|shared| {
            let first = shared.cause.is_none();
            shared.cause.get_or_insert_with(|| cause.clone());
            first
        })
    }
}

impl Request for Planted {
    fn bind(&self) -> Option<Cancelled> {
        let inbox = core::current().inbox.clone();
        self.with(|shared| {
            shared.bound = Some(inbox);
            shared.cause.clone()
        })
    }

    fn cancel(&self, cause: Cancelled) {
        let (first, bound) = match self.bug {
            Bug::LooksFirst => {
                let bound = self.bound();
                (self.leave(&cause), bound)
            }
            Bug::LooksLater => (self.leave(&cause), self.bound()),
        };
        if let Some(inbox) = bound.filter(|_| first) {
            let cancel = move || frames::cancel(FrameId, cause);
            let _ended = inbox.post(Message::Call(Box::new(cancel)));
        }
    }
}
