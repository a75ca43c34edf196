//! What the runtime's `prim` hands to its cross-thread files, made of loom's types.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::atomic::AtomicUsize;

pub(crate) use crate::word::Word;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
pub(crate) use loom::sync::{Condvar, Mutex};

/// A locked queue whose length is read without the lock and without any ordering: whoever relies on
/// it has to have been told by other means.
pub(crate) struct ConcurrentQueue<T> {
    state: Mutex<QueueState<T>>,
    len: AtomicUsize,
}

struct QueueState<T> {
    items: VecDeque<T>,
    closed: bool,
}

pub(crate) enum PushError<T> {
    #[allow(dead_code, reason = "an unbounded queue is never full")]
    Full(T),
    Closed(T),
}

pub(crate) struct Empty;

impl<T> ConcurrentQueue<T> {
    pub(crate) fn unbounded() -> ConcurrentQueue<T> {
        ConcurrentQueue {
            state: Mutex::new(QueueState {
                items: VecDeque::new(),
                closed: false,
            }),
            len: AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), PushError<T>> {
        let mut state = self.state.lock().unwrap();
        if state.closed {
            return Err(PushError::Closed(item));
        }
        state.items.push_back(item);
        self.len.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Result<T, Empty> {
        let mut state = self.state.lock().unwrap();
        let item = state.items.pop_front().ok_or(Empty)?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        Ok(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().unwrap().closed
    }
}

/// One token: `parking`'s pair, and what the reactor's notifier comes down to.
#[derive(Clone)]
pub(crate) struct Unparker {
    token: Arc<Token>,
}

struct Token {
    there: Mutex<bool>,
    changed: Condvar,
}

impl Unparker {
    pub(crate) fn unpark(&self) {
        *self.token.there.lock().unwrap() = true;
        self.token.changed.notify_one();
    }
}

pub(crate) struct Parker {
    unparker: Unparker,
}

impl Parker {
    pub(crate) fn new() -> Parker {
        let token = Arc::new(Token {
            there: Mutex::new(false),
            changed: Condvar::new(),
        });
        Parker {
            unparker: Unparker { token },
        }
    }

    pub(crate) fn unparker(&self) -> Unparker {
        self.unparker.clone()
    }

    pub(crate) fn park(&self) {
        let token = &self.unparker.token;
        let mut there = token.there.lock().unwrap();
        while !*there {
            there = token.changed.wait(there).unwrap();
        }
        *there = false;
    }
}
