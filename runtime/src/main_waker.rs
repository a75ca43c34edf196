//! The waker of a run's main future.
//!
//! Other threads do not touch the flag that the loop reads, but send a message, so that what happened
//! before a wake-up is seen by the poll that follows it: if both stored to one flag, the loop's own
//! wake-up could hide another thread's, and with it what that thread had done before.

use std::sync::Arc;
use std::task::Wake;

use crate::context;
use crate::inbox::{Inbox, Message};
use crate::prim::{AtomicBool, Ordering};

pub(crate) struct MainWaker {
    /// The main future is to be polled; touched by the run's own thread only.
    woken: AtomicBool,
    /// A message is on its way, so that a storm of wake-ups sends one. Changed by read-modify-write
    /// only: who finds it set hands over to the loop through that chain.
    posted: AtomicBool,
    thread: u64,
    inbox: Arc<Inbox>,
}

impl MainWaker {
    /// For a main future of this thread, to be polled at once.
    pub(crate) fn new(inbox: Arc<Inbox>) -> MainWaker {
        MainWaker {
            woken: AtomicBool::new(true),
            posted: AtomicBool::new(false),
            thread: context::thread_id(),
            inbox,
        }
    }

    /// Whether the main future was woken since `take`; the loop only, as the rest below.
    pub(crate) fn is_set(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Whether it was woken, and forgets it.
    pub(crate) fn take(&self) -> bool {
        let woken = self.is_set();
        self.woken.store(false, Ordering::Relaxed);
        woken
    }

    /// The message of another thread arrived.
    pub(crate) fn message_arrived(&self) {
        self.posted.swap(false, Ordering::AcqRel);
        self.woken.store(true, Ordering::Relaxed);
    }
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if context::thread_id() == self.thread {
            self.woken.store(true, Ordering::Relaxed);
        } else if !self.posted.swap(true, Ordering::AcqRel) {
            // Refused, the run has ended, and there is nobody to wake.
            let _ended = self.inbox.post(Message::Main);
        }
    }
}
