//! The inbox with a bug.

use crate::handshake::Handshake;
use crate::inbox::Message;
use crate::models::Door;
use crate::prim::{AtomicBool, ConcurrentQueue, Ordering, PushError};
use crate::reactor::Notifier;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// `post` rings before it pushes.
    RingsFirst,
    /// `post` asks whether the inbox is closed before it pushes, not in one step.
    LooksFirst,
    /// What was accepted and not looked at when the run ends is forgotten.
    ForgetsRest,
}

pub(crate) struct Planted {
    queue: ConcurrentQueue<Message>,
    handshake: Handshake,
    notifier: Notifier,
    closed: AtomicBool,
    bug: Bug,
}

impl Planted {
    pub(crate) fn new(notifier: Notifier, bug: Bug) -> Planted {
        Planted {
            queue: ConcurrentQueue::unbounded(),
            handshake: Handshake::new(),
            notifier,
            closed: AtomicBool::new(false),
            bug,
        }
    }

    fn ring(&self) {
        if self.handshake.ring() {
            self.notifier.notify();
        }
    }
}

impl Door for Planted {
    fn post(&self, message: Message) -> Result<(), Message> {
        if self.bug == Bug::LooksFirst && self.closed.load(Ordering::Acquire) {
            return Err(message);
        }
        if self.bug == Bug::RingsFirst {
            self.ring();
        }
        match self.queue.push(message) {
            Ok(()) => {
                if self.bug != Bug::RingsFirst {
                    self.ring();
                }
                Ok(())
            }
            Err(PushError::Closed(message) | PushError::Full(message)) => Err(message),
        }
    }

    fn take(&self) -> bool {
        self.handshake.take()
    }

    fn fall_asleep(&self) -> bool {
        self.handshake.fall_asleep()
    }

    fn park(&self) {
        self.handshake.park(None);
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn pop(&self) -> Option<Message> {
        if self.bug == Bug::ForgetsRest && self.closed.load(Ordering::Acquire) {
            return None;
        }
        self.queue.pop().ok()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if self.bug != Bug::LooksFirst {
            self.queue.close();
        }
    }
}
