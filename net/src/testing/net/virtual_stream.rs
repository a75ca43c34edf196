//! One end of a connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker, ready};

use nestling_runtime::{poll_proceed, waits_for};

use super::shared::Shared;
use super::statistics::StreamStatistics;
use super::world::{End, EndId, EndState, World};
use crate::error::{Error, Operation, Reason};
use crate::proceed;
use crate::stream::ByteStream;
use nestling_runtime::io::{Turn, TurnGuard};

/// One end of a connection between two hosts, made by [`Host::connect`](super::Host::connect) and
/// [`VirtualListener::accept`](super::VirtualListener::accept).
///
/// Its operations are those of [`TcpStream`](crate::TcpStream), with the same promises.
///
/// ```
/// # use nestling_net::testing::net::VirtualNet;
/// # nestling_runtime::run(async {
/// let net = VirtualNet::new(7);
/// let listener = net.host("server").bind("0.0.0.0:80").await?;
/// let stream = net.host("client").connect("server:80").await?;
/// stream.write_all(b"ping").await?;
/// stream.send_eof().await?;
/// assert_eq!(stream.statistics().bytes_written, 4);
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
///
/// # Drop
/// The connection is closed. What has been written is still delivered, unless received bytes were
/// left unread: the connection is reset then.
pub struct VirtualStream {
    shared: Rc<Shared>,
    id: EndId,
    local: SocketAddr,
    peer: SocketAddr,
    reader: Turn,
    writer: Turn,
}

impl VirtualStream {
    /// The stream that has this end from now on.
    pub(super) fn new(shared: Rc<Shared>, id: EndId) -> VirtualStream {
        let addresses = shared.look(|world| world.end(id).map(|end| (end.local, end.peer)));
        // There is one: an end is open until its stream is dropped.
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let (local, peer) = addresses.unwrap_or((nowhere, nowhere));
        VirtualStream {
            shared,
            id,
            local,
            peer,
            reader: Turn::default(),
            writer: Turn::default(),
        }
    }

    /// The address of this side.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Reads what has come in, up to the size of `buffer`, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only at the end of the stream.
    ///
    /// # Cancel and drop
    /// A checkpoint, and no byte is lost.
    ///
    /// # Errors
    /// As [`ByteStream::read`].
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let Some(_turn) = self.reader.take() else {
            return Err(self.misuse(Operation::Read, Reason::BUSY_READING).await);
        };
        if buffer.is_empty() {
            return Err(self.misuse(Operation::Read, Reason::EmptyBuffer).await);
        }
        self.read_some(buffer).await
    }

    /// Fills `buffer`.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has taken bytes from the stream that nobody else will see.
    ///
    /// # Errors
    /// As [`ByteStream::read_exact`].
    pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Error> {
        let Some(_turn) = self.reader.take() else {
            return Err(self.misuse(Operation::Read, Reason::BUSY_READING).await);
        };
        if buffer.is_empty() {
            proceed().await;
        }
        let wanted = buffer.len();
        let mut got = 0;
        while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.read_some(rest).await? {
                0 => return Err(self.error(Operation::Read, Reason::UnexpectedEnd { got, wanted })),
                count => got += count,
            }
        }
        Ok(())
    }

    /// Writes as much of `bytes` as there is room for, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only if `bytes` is empty.
    ///
    /// # Cancel and drop
    /// A checkpoint; cut off, it has written nothing.
    ///
    /// # Errors
    /// As [`ByteStream::write`].
    pub async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        let _turn = self.begin_write().await?;
        self.write_some(bytes).await
    }

    /// Writes all of `bytes`.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has written a part of unknown length.
    ///
    /// # Errors
    /// As [`ByteStream::write_all`].
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
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

    /// Tells the other side that nothing follows. Reading goes on in the other direction. A second
    /// call does nothing.
    ///
    /// # Cancel and drop
    /// A checkpoint that does not wait.
    ///
    /// # Errors
    /// As [`ByteStream::send_eof`].
    pub async fn send_eof(&self) -> Result<(), Error> {
        let Some(_turn) = self.writer.take() else {
            return Err(self.misuse(Operation::SendEof, Reason::BUSY_WRITING).await);
        };
        proceed().await;
        if self.eof_sent() {
            return Ok(());
        }
        let sent = self.shared.with(|world| world.send_eof(self.id));
        sent.map_err(|error| self.error(Operation::SendEof, error))
    }

    /// Ends the connection at once: the operations of this side fail from now on, and so do the other
    /// side's as soon as it hears of it. What was written and has not been sent is lost.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let listener = net.host("server").bind("0.0.0.0:80").await?;
    /// # let stream = net.host("client").connect("server:80").await?;
    /// # let (peer, _) = listener.accept().await?;
    /// stream.reset();
    /// assert!(stream.write(b"abc").await.is_err_and(|error| error.is_broken()));
    /// assert!(peer.read(&mut [0; 8]).await.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn reset(&self) {
        self.shared.with(|world| world.reset(self.id));
    }

    /// Figures.
    #[must_use]
    pub fn statistics(&self) -> StreamStatistics {
        let statistics = self.look(|end| StreamStatistics {
            bytes_written: end.bytes_written,
            bytes_read: end.bytes_read,
            queued: end.lane.queued.len(),
            on_the_wire: end.lane.bytes_on_wire(),
            unread: end.unread.len(),
        });
        statistics.unwrap_or_default()
    }

    fn look<R>(&self, look: impl FnOnce(&End) -> R) -> Option<R> {
        self.shared.look(|world| world.end(self.id).map(look))
    }

    fn eof_sent(&self) -> bool {
        self.look(|end| end.eof_sent).unwrap_or(false)
    }

    async fn read_some(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let _parked = Parked(self, |end| &mut end.reader);
        let what = "data from";
        self.wait(what, |world, waker| world.read(self.id, buffer, waker))
            .await
            .map_err(|error| self.error(Operation::Read, error))
    }

    async fn write_some(&self, bytes: &[u8]) -> Result<usize, Error> {
        if bytes.is_empty() {
            proceed().await;
            return Ok(0);
        }
        let _parked = Parked(self, |end| &mut end.writer);
        let what = "room for data to";
        self.wait(what, |world, waker| world.write(self.id, bytes, waker))
            .await
            .map_err(|error| self.error(Operation::Write, error))
    }

    async fn wait(
        &self,
        what: &str,
        mut step: impl FnMut(&mut World, &mut Option<Waker>) -> Option<io::Result<usize>>,
    ) -> io::Result<usize> {
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            // Cloned and dropped here, where nothing is borrowed.
            let mut waker = Some(nestling_runtime::own_waker(cx));
            match self.shared.with(|world| step(world, &mut waker)) {
                Some(result) => Poll::Ready(result),
                None => {
                    waits_for(|| format!("{what} {}", self.peer));
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn begin_write(&self) -> Result<TurnGuard<'_>, Error> {
        let Some(turn) = self.writer.take() else {
            return Err(self.misuse(Operation::Write, Reason::BUSY_WRITING).await);
        };
        if self.eof_sent() {
            return Err(self.misuse(Operation::Write, Reason::Closed).await);
        }
        Ok(turn)
    }

    #[cold]
    fn error(&self, operation: Operation, error: impl Into<io::Error>) -> Error {
        Error::at(operation, self.peer, error.into())
    }

    /// An error that needs no look at the connection, after the checkpoint that it takes the place of.
    async fn misuse(&self, operation: Operation, reason: Reason) -> Error {
        proceed().await;
        self.error(operation, reason)
    }
}

/// Takes the waker back when nobody waits any more.
struct Parked<'a>(&'a VirtualStream, fn(&mut End) -> &mut Option<Waker>);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let Parked(stream, slot) = self;
        let waker = stream
            .shared
            .with(|world| world.end_mut(stream.id).and_then(|end| slot(end).take()));
        drop(waker);
    }
}

impl ByteStream for VirtualStream {
    async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        VirtualStream::read(self, buffer).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        VirtualStream::write(self, bytes).await
    }

    async fn send_eof(&self) -> Result<(), Error> {
        VirtualStream::send_eof(self).await
    }

    async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Error> {
        VirtualStream::read_exact(self, buffer).await
    }

    async fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        VirtualStream::write_all(self, bytes).await
    }
}

impl Drop for VirtualStream {
    fn drop(&mut self) {
        self.shared.with(|world| world.close(self.id));
    }
}

impl fmt::Debug for VirtualStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics = self.statistics();
        let is_broken = self.look(|end| end.broken.is_some() || end.state != EndState::Open);
        f.debug_struct("VirtualStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("queued", &statistics.queued)
            .field("unread", &statistics.unread)
            .field("eof_sent", &self.eof_sent())
            .field("broken", &is_broken.unwrap_or(true))
            .finish_non_exhaustive()
    }
}
