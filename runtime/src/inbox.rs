//! The one way into a run from other threads: a queue of messages and the handshake that wakes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handshake::Handshake;
use crate::prim::{ConcurrentQueue, PushError};
use crate::reactor::Notifier;
use crate::task::TaskQueue;

pub(crate) type Callback = Box<dyn FnOnce() + Send>;

pub(crate) enum Message {
    /// The run's main future was woken.
    Main,
    /// Tasks of this queue, or the body next to it, were woken.
    Tasks(Arc<TaskQueue>),
    /// A closure to run on the loop.
    Call(Callback),
}

pub(crate) struct Inbox {
    queue: ConcurrentQueue<Message>,
    handshake: Handshake,
    notifier: Notifier,
}

impl Inbox {
    pub(crate) fn new(notifier: Notifier) -> Inbox {
        Inbox {
            queue: ConcurrentQueue::unbounded(),
            handshake: Handshake::new(),
            notifier,
        }
    }

    /// Hands a message to the run, from any thread. Given back if the run has ended.
    pub(crate) fn post(&self, message: Message) -> Result<(), Message> {
        match self.queue.push(message) {
            Ok(()) => {
                if self.handshake.ring() {
                    self.notifier.notify();
                }
                Ok(())
            }
            Err(PushError::Closed(message) | PushError::Full(message)) => Err(message),
        }
    }

    /// Whether there may be messages; the loop only.
    pub(crate) fn take(&self) -> bool {
        self.handshake.take()
    }

    /// As [`take`](Self::take), but it takes nothing.
    pub(crate) fn has_rung(&self) -> bool {
        self.handshake.has_rung()
    }

    pub(crate) fn fall_asleep(&self) -> bool {
        self.handshake.fall_asleep()
    }

    /// Blocks until there are messages, for at most `timeout`; the loop only, if nothing else can end its
    /// wait.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        self.handshake.park(timeout);
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn pop(&self) -> Option<Message> {
        self.queue.pop().ok()
    }

    /// From here on every `post` is refused; what was accepted is still there to pop.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("messages", &self.queue.len())
            .field("open", &!self.queue.is_closed())
            .finish_non_exhaustive()
    }
}
