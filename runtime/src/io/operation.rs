//! The futures that wait at a source.
//!
//! Each holds a place at one direction of a source from its first `Pending` until it is ready or
//! dropped. While it holds the place, others get `BusyResource`.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use polling::AsSource;

use super::{Direction, Io};
use crate::checkpoint::poll_proceed;

/// A future's place at one direction of a source.
struct Wait<'io, T: AsSource> {
    io: &'io Io<T>,
    direction: Direction,
    claimed: bool,
}

impl<'io, T: AsSource> Wait<'io, T> {
    fn new(io: &'io Io<T>, direction: Direction) -> Wait<'io, T> {
        Wait {
            io,
            direction,
            claimed: false,
        }
    }

    fn enter(&self) -> io::Result<()> {
        self.io.enter(self.direction, self.claimed)
    }

    fn park(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // `op` may have let another future wait here.
        self.enter()?;
        // Said first, so that the claim is also released if cloning the waker panics.
        self.claimed = true;
        let parked = self.io.park(cx, self.direction, true);
        // An error leaves nothing behind.
        self.claimed = parked.is_ok();
        parked
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.claimed) {
            self.io.registered.release(self.direction);
        }
    }
}

impl<T: AsSource> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: AsSource> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("direction", &self.direction)
            .field("parked", &self.claimed)
            .finish()
    }
}

/// The future of [`Io::read_with`] and [`Io::write_with`].
#[must_use = "futures do nothing unless awaited"]
pub struct Operation<'io, T: AsSource, F> {
    wait: Wait<'io, T>,
    op: F,
}

impl<'io, T: AsSource, F> Operation<'io, T, F> {
    pub(super) fn new(io: &'io Io<T>, direction: Direction, op: F) -> Operation<'io, T, F> {
        Operation {
            wait: Wait::new(io, direction),
            op,
        }
    }
}

// `op` is called through `&mut`, never pinned.
impl<T: AsSource, F> Unpin for Operation<'_, T, F> {}

impl<T, R, F> Future for Operation<'_, T, F>
where
    T: AsSource,
    F: FnMut(&T) -> io::Result<R>,
{
    type Output = io::Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        ready!(poll_proceed(cx));
        let Operation { wait, op } = self.get_mut();
        wait.enter()?;
        if let Some(result) = wait.io.attempt(wait.direction, op) {
            wait.leave();
            return Poll::Ready(result);
        }
        wait.park(cx)?;
        wait.io.say(wait.direction);
        Poll::Pending
    }
}

impl<T: AsSource, F> fmt::Debug for Operation<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// The future of [`Io::readable`] and [`Io::writable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readiness<'io, T: AsSource> {
    wait: Wait<'io, T>,
    /// Whether what the reactor knows was reported after the first poll.
    asked: bool,
}

impl<'io, T: AsSource> Readiness<'io, T> {
    pub(super) fn new(io: &'io Io<T>, direction: Direction) -> Readiness<'io, T> {
        Readiness {
            wait: Wait::new(io, direction),
            asked: false,
        }
    }
}

impl<T: AsSource> Future for Readiness<'_, T> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_proceed(cx));
        let Readiness { wait, asked } = self.get_mut();
        wait.enter()?;
        let (io, direction) = (wait.io, wait.direction);
        if !*asked {
            io.registered.forget(direction);
        } else if io.registered.facts(direction).ready {
            wait.leave();
            return Poll::Ready(Ok(()));
        }
        wait.park(cx)?;
        wait.io.say(wait.direction);
        *asked = true;
        Poll::Pending
    }
}
