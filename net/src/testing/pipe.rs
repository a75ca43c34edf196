//! One direction of a memory stream.
//!
//! Without a buffer (capacity 0) there is room only for what a waiting reader has asked for. So a
//! write gives its bytes only into open hands, and neither side can be cut off between giving and
//! taking: should the reader turn away, what was put down for it stays for the next one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::task::{Context, Poll, Waker};

use nestling_runtime::wake_all;

#[derive(Debug, Default)]
pub(super) struct Pipe {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The size of the waiting reader's buffer, 0 if nobody waits.
    wanted: usize,
    /// Nothing follows what is there.
    ended: bool,
    /// Nobody will ever read.
    deaf: bool,
    /// An end has thrown the connection away.
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn room(&self) -> usize {
        let limit = if self.capacity == 0 {
            self.wanted
        } else {
            self.capacity
        };
        limit.saturating_sub(self.bytes.len())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Poll<Result<usize, ErrorKind>> {
        if self.bytes.is_empty() {
            return if self.reset {
                Poll::Ready(Err(ErrorKind::ConnectionReset))
            } else if self.ended {
                Poll::Ready(Ok(0))
            } else {
                Poll::Pending
            };
        }
        self.wanted = 0;
        // A deque hands out its front part only, up to where it wraps around.
        let mut count = 0;
        while count < buffer.len() && !self.bytes.is_empty() {
            match self.bytes.read(&mut buffer[count..]) {
                Ok(more) => count += more,
                Err(error) => return Poll::Ready(Err(error.kind())),
            }
        }
        Poll::Ready(Ok(count))
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<Result<usize, ErrorKind>> {
        if self.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset));
        }
        if self.deaf {
            return Poll::Ready(Err(ErrorKind::BrokenPipe));
        }
        let count = self.room().min(bytes.len());
        if count == 0 {
            return Poll::Pending;
        }
        self.bytes.extend(&bytes[..count]);
        Poll::Ready(Ok(count))
    }
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Pipe {
        Pipe {
            state: RefCell::new(State {
                capacity,
                ..State::default()
            }),
        }
    }

    /// Bytes that nobody has read yet.
    pub(super) fn unread(&self) -> usize {
        self.state.borrow().bytes.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.state.borrow().capacity
    }

    /// `buffer` is not empty.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ErrorKind>> {
        let mut known = false;
        loop {
            let mut state = self.state.borrow_mut();
            if let Poll::Ready(result) = state.read(buffer) {
                let room = state.room() > 0;
                let writer = state.writer.take_if(|_| room);
                drop(state);
                wake_all(writer);
                return Poll::Ready(result);
            }
            state.wanted = buffer.len();
            known = known || knows(&state.reader, cx);
            // It may have waited for this reader.
            let lockstep = state.capacity == 0;
            let writer = state.writer.take_if(|_| lockstep);
            drop(state);
            wake_all(writer);
            if known {
                return Poll::Pending;
            }
            // Wakers are foreign code: cloned and dropped without a borrow, and then looked again.
            let reader = nestling_runtime::own_waker(cx);
            let _old = self.state.borrow_mut().reader.replace(reader);
            known = true;
        }
    }

    /// `bytes` is not empty.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, ErrorKind>> {
        let mut known = false;
        loop {
            let mut state = self.state.borrow_mut();
            if let Poll::Ready(result) = state.write(bytes) {
                let reader = state.reader.take();
                drop(state);
                wake_all(reader);
                return Poll::Ready(result);
            }
            known = known || knows(&state.writer, cx);
            drop(state);
            if known {
                return Poll::Pending;
            }
            let writer = nestling_runtime::own_waker(cx);
            let _old = self.state.borrow_mut().writer.replace(writer);
            known = true;
        }
    }

    /// The waiting reader has turned away, or has what it wanted.
    pub(super) fn forget_reader(&self) {
        let mut state = self.state.borrow_mut();
        state.wanted = 0;
        let _waker = state.reader.take();
        drop(state);
    }

    /// The waiting writer has turned away, or has done what it wanted.
    pub(super) fn forget_writer(&self) {
        let _waker = self.state.borrow_mut().writer.take();
    }

    /// Whether an end has thrown the connection away.
    pub(super) fn is_reset(&self) -> bool {
        self.state.borrow().reset
    }

    /// Nothing follows.
    pub(super) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Nobody will read any more.
    pub(super) fn deafen(&self) {
        self.change(|state| {
            state.deaf = true;
            state.bytes = VecDeque::new();
        });
    }

    /// The connection is thrown away. What is there can still be read.
    pub(super) fn reset(&self) {
        self.change(|state| state.reset = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.borrow_mut();
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wake_all(wakers.into_iter().flatten());
    }
}

fn knows(waker: &Option<Waker>, cx: &Context<'_>) -> bool {
    waker
        .as_ref()
        .is_some_and(|waker| waker.will_wake(cx.waker()))
}
