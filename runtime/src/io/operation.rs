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

/// A future's place at one direction of a source, made by [`Io::place`]; given up when it is dropped.
///
/// ```
/// use std::future::poll_fn;
/// use std::io::{self, Read, Write};
/// use nestling_runtime::io::{Direction, Io};
/// # use std::net::{TcpListener, TcpStream};
///
/// # nestling_runtime::run(async {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let mut client = TcpStream::connect(listener.local_addr()?)?;
/// # let (server, _) = listener.accept()?;
/// # server.set_nonblocking(true)?;
/// # let server = Io::new(server)?;
/// # client.write_all(b"hello")?;
/// let mut buffer = [0; 16];
/// let mut place = server.place(Direction::Read);
/// let count = poll_fn(|cx| place.poll_with(cx, |mut stream| stream.read(&mut buffer))).await?;
/// assert_eq!(&buffer[..count], b"hello");
/// # io::Result::Ok(())
/// # })?;
/// # io::Result::Ok(())
/// ```
#[must_use = "it does nothing unless it is polled"]
pub struct Place<'io, T: AsSource> {
    io: &'io Io<T>,
    direction: Direction,
    claimed: bool,
}

impl<'io, T: AsSource> Place<'io, T> {
    #[inline]
    pub(super) fn new(io: &'io Io<T>, direction: Direction) -> Place<'io, T> {
        Place {
            io,
            direction,
            claimed: false,
        }
    }

    /// Where it is.
    #[inline]
    pub fn io(&self) -> &'io Io<T> {
        self.io
    }

    /// One poll: calls `op` as [`Io::read_with`] does, and waits if that finds nothing to do.
    ///
    /// From `Pending` on until it is ready or dropped, nobody else can wait here. After it was ready it
    /// can be polled again, for another operation.
    ///
    /// # Cancel and drop
    /// It is a checkpoint: in a cancelled context `op` is not called.
    ///
    /// # Errors
    /// Those of `op`; [`BusyResource`](super::BusyResource) if another task waits for the direction;
    /// [`WrongRun`](super::WrongRun).
    ///
    /// # Panics
    /// Outside a run.
    #[inline]
    pub fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let result = ready!(self.poll_step_with(cx, op));
        self.leave();
        Poll::Ready(result)
    }

    /// As [`poll_with`](Place::poll_with), but goes on holding the place when it is ready, if it did so
    /// before: for an operation of several steps, which does not let others in between.
    ///
    /// # Errors
    /// As `poll_with`.
    ///
    /// # Panics
    /// Outside a run.
    #[inline]
    pub fn poll_step_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(poll_proceed(cx));
        self.enter()?;
        if self.io.registered.is_ready(self.direction) {
            if let Some(result) = self.io.attempt(self.direction, &mut op) {
                return Poll::Ready(result);
            }
            // `op` may have let another future wait here.
            self.enter()?;
        }
        self.park(cx)
    }

    /// Holds the place, as if it waited, until [`leave`](Place::leave).
    ///
    /// # Errors
    /// As `poll_with`, if it does not hold it already.
    pub fn hold(&mut self) -> io::Result<()> {
        self.enter()?;
        self.claimed = true;
        self.io.registered.claim(self.direction);
        Ok(())
    }

    /// Gives the place up to others, if it holds it.
    #[inline]
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.claimed) {
            self.io.registered.release(self.direction);
        }
    }

    #[inline]
    fn enter(&self) -> io::Result<()> {
        self.io.enter(self.direction, self.claimed)
    }

    /// Waits for the next report. Nobody else waits here.
    ///
    /// Part of every request, and a fifth of it would be to call it.
    #[inline(always)]
    fn park<R>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        // Said first, so that the claim is also released if cloning the waker panics.
        self.claimed = true;
        if let Err(error) = self.io.park(cx, self.direction, true) {
            // It leaves nothing behind.
            self.claimed = false;
            return Poll::Ready(Err(error));
        }
        self.io.say(self.direction);
        Poll::Pending
    }
}

impl<T: AsSource> Drop for Place<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: AsSource> fmt::Debug for Place<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("direction", &self.direction)
            .field("parked", &self.claimed)
            .finish()
    }
}

/// The future of [`Io::read_with`] and [`Io::write_with`].
#[must_use = "futures do nothing unless awaited"]
pub struct Operation<'io, T: AsSource, F> {
    place: Place<'io, T>,
    op: F,
}

impl<'io, T: AsSource, F> Operation<'io, T, F> {
    pub(super) fn new(io: &'io Io<T>, direction: Direction, op: F) -> Operation<'io, T, F> {
        Operation {
            place: Place::new(io, direction),
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
        let Operation { place, op } = self.get_mut();
        place.poll_with(cx, op)
    }
}

impl<T: AsSource, F> fmt::Debug for Operation<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// The future of [`Io::readable`] and [`Io::writable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readiness<'io, T: AsSource> {
    place: Place<'io, T>,
    /// Whether what the reactor knows was reported after the first poll.
    asked: bool,
}

impl<'io, T: AsSource> Readiness<'io, T> {
    pub(super) fn new(io: &'io Io<T>, direction: Direction) -> Readiness<'io, T> {
        Readiness {
            place: Place::new(io, direction),
            asked: false,
        }
    }
}

impl<T: AsSource> Future for Readiness<'_, T> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_proceed(cx));
        let Readiness { place, asked } = self.get_mut();
        place.enter()?;
        let (io, direction) = (place.io, place.direction);
        if !*asked {
            io.registered.forget(direction);
        } else if io.registered.is_ready(direction) {
            place.leave();
            return Poll::Ready(Ok(()));
        }
        *asked = true;
        place.park(cx)
    }
}
