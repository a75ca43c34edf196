//! The main future's waker with a bug.

use std::sync::Arc;
use std::task::Wake;

use crate::context;
use crate::inbox::{Inbox, Message};
use crate::models::MainBell;
use crate::prim::{AtomicBool, Ordering};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// Other threads store to the flag that the loop stores to.
    OneFlag,
    /// Each waking from another thread sends a message.
    ManyMessages,
    /// The loop does not say that the message arrived.
    NoAcknowledgement,
    /// That a message is on its way orders nothing.
    Relaxed,
}

pub(crate) struct Planted {
    woken: AtomicBool,
    posted: AtomicBool,
    thread: u64,
    inbox: Arc<Inbox>,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(inbox: Arc<Inbox>, bug: Bug) -> Planted {
        Planted {
            woken: AtomicBool::new(true),
            posted: AtomicBool::new(false),
            thread: context::thread_id(),
            inbox,
            bug,
        }
    }

    fn order(&self) -> Ordering {
        match self.bug {
            Bug::Relaxed => Ordering::Relaxed,
            _ => Ordering::AcqRel,
        }
    }
}

impl MainBell for Planted {
    fn is_set(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    fn take(&self) -> bool {
        self.is_set() && self.woken.swap(false, Ordering::AcqRel)
    }

    fn message_arrived(&self) {
        if self.bug == Bug::OneFlag {
            return;
        }
        if self.bug != Bug::NoAcknowledgement {
            self.posted.swap(false, self.order());
        }
        self.woken.store(true, Ordering::Release);
    }
}

impl Wake for Planted {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let own = context::thread_id() == self.thread;
        if own || self.bug == Bug::OneFlag {
            self.woken.store(true, Ordering::Release);
        }
        let must_post = match self.bug {
            Bug::OneFlag | Bug::ManyMessages => true,
            _ => own || !self.posted.swap(true, self.order()),
        };
        if !own && must_post {
            let _ended = self.inbox.post(Message::Main);
        }
    }
}
