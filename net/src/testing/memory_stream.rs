//! One end of a connection that stays in memory.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use nestling_runtime::{poll_proceed, waits_for};

use super::hooks::Hooks;
use super::pipe::Pipe;
use crate::error::Error;
use crate::proceed;
use crate::stream::ByteStream;
use nestling_runtime::io::{Turn, TurnGuard};

/// How errors call the other side.
const PEER: &str = "the other end of a memory stream";

/// One end of a connection in memory, made by [`memory_stream_pair`](super::memory_stream_pair),
/// [`memory_stream_pair_with_capacity`](super::memory_stream_pair_with_capacity) and
/// [`lockstep_stream_pair`](super::lockstep_stream_pair). Its operations are those of
/// [`ByteStream`].
///
/// Hooks make it slow or faulty where a test needs that. A hook runs after the operation's checkpoint
/// and before the operation itself, which it holds back while it waits and which it replaces by its
/// error; the direction is busy meanwhile. One hook of a kind: a new one replaces the former.
///
/// # Drop
/// The connection is closed. The other side reads what has been written, and then the end; what it
/// writes fails as [broken](Error::is_broken).
pub struct MemoryStream {
    inbound: Rc<Pipe>,
    outbound: Rc<Pipe>,
    reader: Turn,
    writer: Turn,
    eof_sent: Cell<bool>,
    hooks: Hooks,
}

/// What a [`MemoryStream`] is doing, as told by [`MemoryStream::statistics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStreamStatistics {
    /// Bytes that have come in and were not read.
    pub unread: usize,
    /// Bytes that were written and that the other side has not read.
    pub in_flight: usize,
    /// How many bytes there is room for in each direction.
    pub capacity: usize,
    /// Whether a task is reading.
    pub reading: bool,
    /// Whether a task is writing.
    pub writing: bool,
    /// Whether [`send_eof`](ByteStream::send_eof) was called.
    pub eof_sent: bool,
}

impl MemoryStream {
    pub(super) fn new(inbound: Rc<Pipe>, outbound: Rc<Pipe>) -> MemoryStream {
        MemoryStream {
            inbound,
            outbound,
            reader: Turn::default(),
            writer: Turn::default(),
            eof_sent: Cell::new(false),
            hooks: Hooks::default(),
        }
    }

    /// Runs `hook` before each read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nestling_net::{ByteStream, Error};
    /// use nestling_net::testing::memory_stream_pair;
    /// use nestling_runtime::sleep;
    ///
    /// # nestling_runtime::run(async {
    /// let (client, server) = memory_stream_pair();
    /// client.before_read(async || {
    ///     sleep(Duration::from_millis(5)).await; // a slow line
    ///     Ok(())
    /// });
    /// server.write_all(b"hello").await?;
    /// client.read_exact(&mut [0; 5]).await?;
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, Error>(())
    /// ```
    pub fn before_read(&self, hook: impl AsyncFn() -> Result<(), Error> + 'static) {
        self.hooks.set_read(hook);
    }

    /// Runs `hook` before each write, with the bytes that are to be written, of which the write may
    /// take a part only.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::io::ErrorKind;
    /// use nestling_net::{ByteStream, Error};
    /// use nestling_net::testing::memory_stream_pair;
    ///
    /// # nestling_runtime::run(async {
    /// let (client, _server) = memory_stream_pair();
    /// let left = Cell::new(1);
    /// client.before_write(async move |_bytes| {
    ///     match left.replace(left.get() - 1) {
    ///         0 => Err(Error::writing("a bad line", ErrorKind::TimedOut)),
    ///         _ => Ok(()),
    ///     }
    /// });
    /// client.write_all(b"works").await?;
    /// assert!(client.write_all(b"fails").await.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, Error>(())
    /// ```
    pub fn before_write(&self, hook: impl AsyncFn(&[u8]) -> Result<(), Error> + 'static) {
        self.hooks.set_write(hook);
    }

    /// Calls `hook` once, when this end is dropped or [aborted](MemoryStream::abort).
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use nestling_net::testing::memory_stream_pair;
    ///
    /// let closed = Rc::new(Cell::new(false));
    /// let (client, _server) = memory_stream_pair();
    /// let note = Rc::clone(&closed);
    /// client.on_close(move || note.set(true));
    /// drop(client);
    /// assert!(closed.get());
    /// ```
    pub fn on_close(&self, hook: impl FnOnce() + 'static) {
        self.hooks.set_close(hook);
    }

    /// Throws the connection away, as a reset does: from now on all that either side does fails as
    /// [broken](Error::is_broken), what waits included. The other side can still read what has come
    /// in before.
    ///
    /// ```
    /// use nestling_net::ByteStream;
    /// use nestling_net::testing::memory_stream_pair;
    ///
    /// # nestling_runtime::run(async {
    /// let (client, server) = memory_stream_pair();
    /// client.abort();
    /// assert!(server.read(&mut [0; 64]).await.is_err_and(|error| error.is_broken()));
    /// assert!(server.write(b"hello").await.is_err_and(|error| error.is_broken()));
    /// # });
    /// ```
    pub fn abort(&self) {
        self.inbound.deafen();
        self.inbound.reset();
        self.outbound.reset();
        self.hooks.close();
    }

    /// What it is doing at the moment.
    ///
    /// ```
    /// use nestling_net::ByteStream;
    /// use nestling_net::testing::memory_stream_pair;
    ///
    /// # nestling_runtime::run(async {
    /// let (client, server) = memory_stream_pair();
    /// client.write_all(b"hello").await?;
    /// assert_eq!(client.statistics().in_flight, 5);
    /// assert_eq!(server.statistics().unread, 5);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn statistics(&self) -> MemoryStreamStatistics {
        MemoryStreamStatistics {
            unread: self.inbound.unread(),
            in_flight: self.outbound.unread(),
            capacity: self.outbound.capacity(),
            reading: self.reader.is_taken(),
            writing: self.writer.is_taken(),
            eof_sent: self.eof_sent.get(),
        }
    }

    async fn begin_read(&self) -> Result<TurnGuard<'_>, Error> {
        match self.reader.take() {
            Some(turn) => Ok(turn),
            None => {
                proceed().await;
                Err(Error::busy_reading(PEER))
            }
        }
    }

    async fn begin_write(&self) -> Result<TurnGuard<'_>, Error> {
        let Some(turn) = self.writer.take() else {
            proceed().await;
            return Err(Error::busy_writing(PEER));
        };
        if self.eof_sent.get() {
            proceed().await;
            return Err(Error::closed(PEER));
        }
        Ok(turn)
    }

    async fn read_some(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        if let Some(hook) = self.hooks.read() {
            proceed().await;
            hook().await?;
        }
        let read = Reading {
            pipe: &self.inbound,
            buffer,
        };
        read.await.map_err(|kind| Error::reading(PEER, kind))
    }

    async fn write_some(&self, bytes: &[u8]) -> Result<usize, Error> {
        if let Some(hook) = self.hooks.write() {
            proceed().await;
            hook(bytes).await?;
        }
        if bytes.is_empty() {
            proceed().await;
            return Ok(0);
        }
        let written = Writing {
            pipe: &self.outbound,
            bytes,
        };
        written.await.map_err(|kind| Error::writing(PEER, kind))
    }
}

impl ByteStream for MemoryStream {
    async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let _turn = self.begin_read().await?;
        if buffer.is_empty() {
            proceed().await;
            return Err(Error::empty_buffer(PEER));
        }
        self.read_some(buffer).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        let _turn = self.begin_write().await?;
        self.write_some(bytes).await
    }

    async fn send_eof(&self) -> Result<(), Error> {
        let Some(_turn) = self.writer.take() else {
            proceed().await;
            return Err(Error::busy_writing(PEER));
        };
        proceed().await;
        if self.outbound.is_reset() {
            return Err(Error::writing(PEER, ErrorKind::ConnectionReset));
        }
        self.eof_sent.set(true);
        self.outbound.end();
        Ok(())
    }

    // Of its own, so that other tasks are kept out between the steps.
    async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Error> {
        let _turn = self.begin_read().await?;
        if buffer.is_empty() {
            proceed().await;
        }
        let mut got = 0;
        while got < buffer.len() {
            match self.read_some(&mut buffer[got..]).await? {
                0 => return Err(Error::unexpected_end(PEER, got, buffer.len())),
                count => got += count,
            }
        }
        Ok(())
    }

    async fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        let _turn = self.begin_write().await?;
        let mut rest = bytes;
        loop {
            let count = self.write_some(rest).await?;
            rest = rest.get(count..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.outbound.end();
        self.inbound.deafen();
        self.hooks.close();
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("statistics", &self.statistics())
            .field("hooks", &self.hooks)
            .finish()
    }
}

struct Reading<'a> {
    pipe: &'a Pipe,
    buffer: &'a mut [u8],
}

impl Future for Reading<'_> {
    type Output = Result<usize, ErrorKind>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_proceed(cx));
        let this = self.get_mut();
        let read = this.pipe.poll_read(cx, this.buffer);
        if read.is_pending() {
            waits_for(|| "bytes from the other end of a memory stream".to_owned());
        }
        read
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.pipe.forget_reader();
    }
}

struct Writing<'a> {
    pipe: &'a Pipe,
    bytes: &'a [u8],
}

impl Future for Writing<'_> {
    type Output = Result<usize, ErrorKind>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_proceed(cx));
        let written = self.pipe.poll_write(cx, self.bytes);
        if written.is_pending() {
            waits_for(|| match self.pipe.capacity() {
                0 => "a read at the other end of a lockstep stream".to_owned(),
                capacity => {
                    format!("room in a memory stream ({capacity} of {capacity} bytes unread)")
                }
            });
        }
        written
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.pipe.forget_writer();
    }
}
