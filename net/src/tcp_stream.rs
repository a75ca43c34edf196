//! A TCP connection.

mod connection;
mod options;
mod peer;
mod steps;

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{self, Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

use std::task::{Poll, ready};

use nestling_runtime::io::{Direction, Io};

pub(crate) use self::connection::Connection;
use self::steps::{poll_read, poll_read_exact, poll_write, poll_write_all};
use crate::address::Address;
use crate::connect::connect;
use crate::error::{Error, Operation, Reason};
use crate::proceed;

/// A TCP connection.
///
/// All operations take `&self`, so that one task may read and another one write at the same time; a
/// second reader or a second writer gets an [`is_busy`](Error::is_busy) error.
///
/// Small writes are sent at once (TCP_NODELAY is on): gather what belongs together and write it in one
/// go. No write ever raises SIGPIPE.
///
/// ```
/// use nestling_net::{TcpListener, TcpStream};
///
/// # nestling_runtime::run(async {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// let stream = TcpStream::connect(address).await?;
/// stream.write_all(b"ping").await?;
/// stream.send_eof().await?; // nothing follows, but the answer can still be read
/// # let (peer, _) = listener.accept().await?;
/// # peer.write_all(b"pong").await?;
/// let mut answer = [0; 4];
/// stream.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"pong");
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
///
/// # Drop
/// The connection is closed. What has been written is still delivered, unless received bytes were
/// left unread: the system resets the connection then, and the other side may lose what was on its
/// way. To part in good order, call [`send_eof`](TcpStream::send_eof) and read to the end.
pub struct TcpStream {
    /// All that it has is kept with the registration, so that streams are cheap to move and to store.
    io: Io<Connection>,
}

impl TcpStream {
    /// Takes over a socket that does not block.
    pub(crate) fn new(socket: net::TcpStream, peer: SocketAddr) -> io::Result<TcpStream> {
        let io = Io::new(Connection::new(socket, peer))?;
        Ok(TcpStream { io })
    }

    pub(crate) fn io(&self) -> &Io<Connection> {
        &self.io
    }

    fn connection(&self) -> &Connection {
        self.io.get_ref()
    }

    /// Connects to `address`; if that stands for several, tries one after the other.
    ///
    /// A host and its port may also come as a pair: `TcpStream::connect(("localhost", 8080))`. How long
    /// an attempt may take is up to the system, often minutes; to give up earlier, put a deadline
    /// around the call.
    ///
    /// ```
    /// use nestling_net::{Error, TcpListener, TcpStream};
    ///
    /// # nestling_runtime::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let port = listener.local_addr()?.port();
    /// let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off or dropped half-way, it closes its socket.
    ///
    /// # Errors
    /// An [`Error`] that tells what went wrong at each address, or why there is none.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn connect(address: impl Address) -> Result<TcpStream, Error> {
        connect(address.target()).await
    }

    /// Takes over a connection of the standard library.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// let stream = std::net::TcpStream::connect(address)?;
    /// let stream = nestling_net::TcpStream::from_std(stream)?;
    /// stream.write_all(b"hello").await?;
    /// # std::io::Result::Ok(())
    /// # })?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// What the system says when it is asked about the socket or to watch it.
    ///
    /// # Panics
    /// Outside a run.
    pub fn from_std(stream: net::TcpStream) -> Result<TcpStream, Error> {
        let peer = stream.peer_addr();
        // Only for the error's text, so that an address without meaning does where there is none.
        let address = peer
            .as_ref()
            .map_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)), |peer| *peer);
        peer.and_then(|peer| {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            TcpStream::new(stream, peer)
        })
        .map_err(|error| Error::at(Operation::Adopt, address, error))
    }

    /// Reads what has come in, up to the size of `buffer`, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only at the end of the stream, then and at every later call.
    ///
    /// ```
    /// use nestling_net::{Error, TcpStream};
    ///
    /// async fn read_to_end(stream: &TcpStream) -> Result<Vec<u8>, Error> {
    ///     let mut all = Vec::new();
    ///     let mut buffer = [0; 4096];
    ///     loop {
    ///         match stream.read(&mut buffer).await? {
    ///             0 => return Ok(all),
    ///             count => all.extend_from_slice(&buffer[..count]),
    ///         }
    ///     }
    /// }
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (peer, _) = listener.accept().await?;
    /// # peer.write_all(b"abc").await?;
    /// # drop(peer);
    /// # assert_eq!(read_to_end(&stream).await?, b"abc");
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and no byte is lost: what was read is returned in the same poll.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is reading. [Broken](Error::is_broken) if the connection
    /// is gone; what had come in before is read first. An empty `buffer` is an error, as the answer 0
    /// would look like the end of the stream.
    ///
    /// # Panics
    /// Polled outside a run.
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        let mut place = self.io.place(Direction::Read);
        poll_fn(move |cx| {
            let count = ready!(poll_read(&mut place, cx, buffer));
            place.leave();
            Poll::Ready(count)
        })
    }

    /// Fills `buffer`.
    ///
    /// ```
    /// use nestling_net::{Error, TcpStream};
    ///
    /// async fn read_number(stream: &TcpStream) -> Result<u32, Error> {
    ///     let mut bytes = [0; 4];
    ///     stream.read_exact(&mut bytes).await?;
    ///     Ok(u32::from_be_bytes(bytes))
    /// }
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (peer, _) = listener.accept().await?;
    /// # peer.write_all(&[0, 0, 1, 0]).await?;
    /// # assert_eq!(read_number(&stream).await?, 256);
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has taken bytes from the stream that nobody else will see;
    /// use [`read`](TcpStream::read) where the stream is to be read on.
    ///
    /// # Errors
    /// [Unexpected end](Error::is_unexpected_end) if the stream ends before; otherwise as
    /// [`read`](TcpStream::read). Bytes that came before the error are in `buffer`.
    ///
    /// # Panics
    /// Polled outside a run.
    pub fn read_exact(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), Error>> {
        let mut place = self.io.place(Direction::Read);
        let mut got = 0;
        poll_fn(move |cx| {
            let read = ready!(poll_read_exact(&mut place, cx, buffer, &mut got));
            place.leave();
            Poll::Ready(read)
        })
    }

    /// Writes as much of `bytes` as there is room for now, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only if `bytes` is empty.
    ///
    /// Use [`write_all`](TcpStream::write_all) unless you want to know how much was written when the
    /// task is cut off.
    ///
    /// ```
    /// use nestling_net::{Error, TcpStream};
    ///
    /// /// Sends `bytes`; `sent` tells how many are out, also if this is cut off.
    /// async fn send(stream: &TcpStream, bytes: &[u8], sent: &mut usize) -> Result<(), Error> {
    ///     while *sent < bytes.len() {
    ///         *sent += stream.write(&bytes[*sent..]).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let mut sent = 0;
    /// # send(&stream, b"abc", &mut sent).await?;
    /// # assert_eq!(sent, 3);
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and exact: if it is cut off, it has written nothing.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is writing; [closed](Error::is_closed) after
    /// [`send_eof`](TcpStream::send_eof); [broken](Error::is_broken) if the connection is gone. That
    /// bytes were written does not mean that they arrive: an error may come with a later write.
    ///
    /// # Panics
    /// Polled outside a run.
    #[inline]
    pub fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        let mut place = self.io.place(Direction::Write);
        poll_fn(move |cx| {
            let count = ready!(poll_write(&mut place, cx, bytes));
            place.leave();
            Poll::Ready(count)
        })
    }

    /// Writes all of `bytes`.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has written a part of unknown length, so that all one can do
    /// with the stream is to close it; use [`write`](TcpStream::write) where that matters.
    ///
    /// # Errors
    /// As [`write`](TcpStream::write); a part may have been written.
    ///
    /// # Panics
    /// Polled outside a run.
    #[inline]
    pub fn write_all(&self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> {
        let mut place = self.io.place(Direction::Write);
        let mut rest = bytes;
        poll_fn(move |cx| {
            let written = ready!(poll_write_all(&mut place, cx, &mut rest));
            place.leave();
            Poll::Ready(written)
        })
    }

    /// Tells the other side that nothing follows: it reads what was written and then the end of the
    /// stream. Reading goes on in the other direction. A second call does nothing.
    ///
    /// ```
    /// use nestling_net::{Error, TcpListener, TcpStream};
    ///
    /// # nestling_runtime::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (peer, _) = listener.accept().await?;
    /// stream.send_eof().await?;
    /// assert_eq!(peer.read(&mut [0; 64]).await?, 0);
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint that does not wait.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is writing; [broken](Error::is_broken) if the connection
    /// is gone.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn send_eof(&self) -> Result<(), Error> {
        let connection = self.connection();
        proceed().await;
        if self.io.is_busy(Direction::Write) {
            return Err(connection.error(Operation::SendEof, Reason::BUSY_WRITING));
        }
        if !connection.ends.is_eof_sent() {
            let sent = connection.socket.shutdown(Shutdown::Write);
            sent.map_err(|error| connection.error(Operation::SendEof, error))?;
            connection.ends.set_eof_sent();
        }
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.connection();
        f.debug_struct("TcpStream")
            .field("socket", &connection.socket)
            .field("reading", &self.io.is_busy(Direction::Read))
            .field("writing", &self.io.is_busy(Direction::Write))
            .field("eof_sent", &connection.ends.is_eof_sent())
            .finish()
    }
}

#[cfg(unix)]
impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection().as_fd()
    }
}

#[cfg(windows)]
impl AsSocket for TcpStream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.connection().as_socket()
    }
}
