//! Waiting for sockets, pipes, and whatever else the system can watch.
//!
//! [`Io`] owns a non-blocking source and turns its operations into futures: it tries the operation,
//! and if that would block, waits until the reactor says that it is worth another try. What the
//! operation does is up to the caller, so every kind of socket is built on this one type.

mod error;
mod operation;
#[cfg(test)]
mod tests;

use std::any::type_name;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use polling::AsSource;

use crate::checkpoint::poll_proceed;
use crate::core::{self, Core};
use crate::reactor::{Reactor, Source};
use crate::waits::waits_for;

pub use crate::reactor::{Direction, IoStatistics};
pub use crate::turn::{Turn, TurnGuard};
pub use error::{BusyResource, RegisterError, WrongRun};
pub use operation::{Operation, Place, Readiness};

/// A source of events, watched by the run it was made in.
///
/// The source must be non-blocking: one that blocks would hold up the whole run. `T` is what the
/// system can watch: on Unix whatever is `AsFd` (sockets, pipes, a pidfd), on Windows `AsSocket`.
///
/// One task may wait to read and one to write at the same time, through shared references. Another
/// one gets [`BusyResource`], as an error of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy).
///
/// Dropping it takes the source out of the reactor and closes it, also after the run has ended.
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::net::{TcpListener, TcpStream};
/// use nestling_runtime::io::Io;
///
/// let greeting = nestling_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     let (server, _) = listener.accept()?;
///     server.set_nonblocking(true)?;
///     let server = Io::new(server)?;
///
///     client.write_all(b"hello")?;
///     let mut buffer = [0; 16];
///     let count = server.read_with(|mut stream| stream.read(&mut buffer)).await?;
///     io::Result::Ok(buffer[..count].to_vec())
/// })?;
/// assert_eq!(greeting, b"hello");
/// # io::Result::Ok(())
/// ```
pub struct Io<T: AsSource> {
    /// The one owner beside the reactor's list.
    registered: Rc<Source<Owned<T>>>,
}

/// What the registration holds for the `Io`: one block in memory for all that a source takes.
struct Owned<T> {
    core: Rc<Core>,
    /// Nobody gets it by `&mut`: exchanged for another, it would leave a stale registration behind.
    source: T,
}

impl<T: AsSource> Io<T> {
    /// Has `source` watched by the reactor of the current run.
    ///
    /// # Errors
    /// [`RegisterError`] with the system's reason: it cannot watch such a thing (regular files), it
    /// watches this one already, or it has no room.
    ///
    /// # Panics
    /// Outside a run.
    #[track_caller]
    pub fn new(source: T) -> io::Result<Io<T>>
    where
        // The reactor relies on a registered source staying open, also if the `Io` is leaked.
        T: 'static,
    {
        let core = core::current();
        let owned = Owned {
            core: Rc::clone(&core),
            source,
        };
        let register = || {
            let registered = core.reactor.insert(owned)?;
            core.reactor.watch(&registered, &registered.owned.source)?;
            Ok(registered)
        };
        let registered = register().map_err(RegisterError::wrap::<T>)?;
        Ok(Io { registered })
    }

    /// The source, for operations that do not wait.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.registered.owned.source
    }

    /// Takes the source out of the reactor and gives it back; it is still non-blocking.
    ///
    /// # Errors
    /// What the system says if the source is not in its list any more, because some other code has
    /// closed it. The source is dropped then.
    pub fn into_inner(self) -> io::Result<T> {
        self.leave()?;
        let registered = Rc::clone(&self.registered);
        drop(self);
        match Rc::into_inner(registered) {
            Some(registered) => Ok(registered.owned.source),
            None => unreachable!("the reactor has let go of it, and nobody else had it"),
        }
    }

    fn leave(&self) -> io::Result<()> {
        self.reactor().deregister(&self.registered, self.get_ref())
    }

    /// Reads, accepts, or does whatever else waits for incoming things: calls `op` until it returns
    /// something else than [`WouldBlock`](io::ErrorKind::WouldBlock) or
    /// [`Interrupted`](io::ErrorKind::Interrupted), each time that the source may be readable.
    ///
    /// `op` must return `WouldBlock` only if the source itself has nothing to read, since it is not
    /// called again before the system reports a change.
    ///
    /// # Cancel and drop
    /// It is a checkpoint: in a cancelled context `op` is not called. Once `op` has had an effect the
    /// future is ready in that very poll, so nothing it read can be lost.
    ///
    /// # Errors
    /// Those of `op`; [`BusyResource`] if another task waits to read; [`WrongRun`].
    ///
    /// # Panics
    /// Polled outside a run.
    pub fn read_with<R, F>(&self, op: F) -> Operation<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        Operation::new(self, Direction::Read, op)
    }

    /// As [`read_with`](Io::read_with), for operations that wait until something can go out.
    pub fn write_with<R, F>(&self, op: F) -> Operation<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        Operation::new(self, Direction::Write, op)
    }

    /// A place at the source, for futures of one's own that do what [`read_with`](Io::read_with) and
    /// [`write_with`](Io::write_with) do, but in several steps, or with an operation that is another one
    /// in each poll.
    #[inline]
    pub fn place(&self, direction: Direction) -> Place<'_, T> {
        Place::new(self, direction)
    }

    /// One poll of [`read_with`](Io::read_with), for those who implement a trait like `AsyncRead`.
    ///
    /// The task is woken when another poll is worth it. If several tasks poll, the last one is woken,
    /// as usual with such traits; a future of `read_with` takes precedence over them all.
    ///
    /// # Errors
    /// As `read_with`.
    ///
    /// # Panics
    /// Outside a run.
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Direction::Read, op)
    }

    /// One poll of [`write_with`](Io::write_with); see [`poll_read_with`](Io::poll_read_with).
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Direction::Write, op)
    }

    /// Waits until the source is readable or at its end, without reading.
    ///
    /// The system is asked anew, so earlier events do not count. Between its answer and the caller's
    /// next step somebody else may have read, so the step must still be ready to find nothing.
    /// [`read_with`](Io::read_with) is cheaper wherever there is an operation to try.
    ///
    /// # Cancel and drop
    /// It is a checkpoint without an effect; nothing is left behind.
    ///
    /// # Errors
    /// [`BusyResource`] if another task waits to read; [`WrongRun`].
    ///
    /// # Panics
    /// Polled outside a run.
    pub fn readable(&self) -> Readiness<'_, T> {
        Readiness::new(self, Direction::Read)
    }

    /// Waits until the source is writable (a connection: made or refused), without writing; see
    /// [`readable`](Io::readable).
    pub fn writable(&self) -> Readiness<'_, T> {
        Readiness::new(self, Direction::Write)
    }

    /// Whether a task waits for `direction` with a future, so that others are refused.
    #[must_use]
    pub fn is_busy(&self, direction: Direction) -> bool {
        self.registered.is_claimed(direction)
    }

    /// Says that an operation did less than it was asked for, as a read that did not fill its buffer.
    ///
    /// The next operation then waits for the system's report instead of being tried in vain. An end
    /// of the stream behind the data is not missed.
    ///
    /// Only byte streams allow that conclusion. If there was more after all, it would be read no
    /// sooner than the next bytes come in.
    #[inline]
    pub fn drained(&self, direction: Direction) {
        self.reactor().drained(&self.registered, direction);
    }

    #[inline]
    fn say(&self, direction: Direction) {
        waits_for(|| match direction {
            Direction::Read => format!("a `{}` to have something to read", type_name::<T>()),
            Direction::Write => format!("a `{}` to have room to write", type_name::<T>()),
        });
    }

    #[inline]
    fn reactor(&self) -> &Reactor {
        &self.registered.owned.core.reactor
    }

    fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(poll_proceed(cx));
        self.enter(direction, false)?;
        if let Some(result) = self.attempt(direction, &mut op) {
            return Poll::Ready(result);
        }
        // `op` may have let a future wait here.
        self.enter(direction, false)?;
        self.park(cx, direction, false)?;
        self.say(direction);
        Poll::Pending
    }

    /// Whether the current task may use `direction` at all. `claimed`: it has waited for it already.
    #[inline]
    fn enter(&self, direction: Direction, claimed: bool) -> io::Result<()> {
        if !core::is_current(&self.registered.owned.core) {
            return Err(wrong_run::<T>());
        }
        if !claimed && self.registered.is_claimed(direction) {
            return Err(busy::<T>(direction));
        }
        Ok(())
    }

    /// Calls `op` as long as the source may be ready; `None` if it is not.
    #[inline]
    fn attempt<R>(
        &self,
        direction: Direction,
        op: &mut impl FnMut(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        while self.registered.is_ready(direction) {
            match op(self.get_ref()) {
                Err(error) => {
                    if let Some(error) = self.failed(direction, error) {
                        return Some(Err(error));
                    }
                }
                result => return Some(result),
            }
        }
        None
    }

    /// `None`: it is no failure of the operation.
    #[cold]
    fn failed(&self, direction: Direction, error: io::Error) -> Option<io::Error> {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.reactor().would_block(&self.registered, direction);
                None
            }
            io::ErrorKind::Interrupted => None,
            _ => Some(error),
        }
    }

    #[inline]
    fn park(&self, cx: &mut Context<'_>, direction: Direction, claim: bool) -> io::Result<()> {
        self.reactor().park(
            &self.registered,
            direction,
            self.get_ref(),
            cx.waker(),
            claim,
        )
    }
}

impl<T: AsSource> Drop for Io<T> {
    fn drop(&mut self) {
        if self.registered.is_void() {
            return;
        }
        // Nobody is left to act on an error; it means that the descriptor was closed by somebody else,
        // and a report on whatever bears its number now finds the registration void.
        if let Err(error) = self.leave() {
            tracing::warn!(%error, "a source had left the reactor before its `Io` was dropped");
        }
    }
}

impl<T: AsSource + fmt::Debug> fmt::Debug for Io<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reader = self.registered.is_claimed(Direction::Read);
        let writer = self.registered.is_claimed(Direction::Write);
        f.debug_struct("Io")
            .field("source", self.get_ref())
            .field("reader_waits", &reader)
            .field("writer_waits", &writer)
            .finish()
    }
}

#[cold]
fn wrong_run<T>() -> io::Error {
    // Outside a run it is the caller's mistake, and a panic.
    drop(core::current());
    io::Error::new(io::ErrorKind::InvalidInput, WrongRun::of::<T>())
}

#[cold]
fn busy<T>(direction: Direction) -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        BusyResource::of::<T>(direction),
    )
}
