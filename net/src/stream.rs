//! What connections, listeners and networks of all kinds have in common.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::address::Address;
use crate::error::Error;
use crate::proceed;

/// Bytes that go in and out: what a TCP connection, a pair of streams in memory and a connection of a
/// virtual network have in common.
///
/// It has the operations of [`TcpStream`](crate::TcpStream), with the same promises:
///
/// * One task may read and another one write at the same time; a second reader or a second writer
///   gets an error that [is busy](Error::is_busy).
/// * `read` returns 0 only at the end of the stream, and then at every later call. An empty buffer is
///   an error.
/// * `write` returns 0 only if it is given nothing. After [`send_eof`](ByteStream::send_eof) it fails
///   with an error that [is closed](Error::is_closed).
/// * When the other side has been dropped, what it wrote can still be read, then comes the end, and
///   writing fails sooner or later with an error that [is broken](Error::is_broken), and does so from
///   then on.
/// * Each operation is a checkpoint: it asks [`poll_proceed`](nestling_runtime::poll_proceed) first in
///   every poll. A `read` or a `write` that is cut off or dropped has taken or given no byte.
/// * Dropping the stream closes it.
///
/// `check_stream` and `check_half_close` of `nestling::testing` test a type of your own for all that.
/// [`Error`] has constructors for the errors that it needs.
///
/// ```
/// use nestling_net::{ByteStream, Error};
///
/// /// Counts what goes out.
/// struct Metered<S> {
///     inner: S,
///     sent: std::cell::Cell<usize>,
/// }
///
/// impl<S: ByteStream> ByteStream for Metered<S> {
///     async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
///         self.inner.read(buffer).await
///     }
///
///     async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
///         let count = self.inner.write(bytes).await?;
///         self.sent.set(self.sent.get() + count);
///         Ok(count)
///     }
///
///     async fn send_eof(&self) -> Result<(), Error> {
///         self.inner.send_eof().await
///     }
/// }
/// # nestling_runtime::run(async {
/// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
/// # let inner = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
/// # let (peer, _) = listener.accept().await?;
/// # let stream = Metered { inner, sent: Default::default() };
/// # stream.write_all(b"abc").await?;
/// # peer.write_all(b"abc").await?;
/// # stream.read_exact(&mut [0; 3]).await?;
/// # stream.send_eof().await?;
/// # assert_eq!(stream.sent.get(), 3);
/// # Ok::<_, Error>(())
/// # })?;
/// # Ok::<_, Error>(())
/// ```
pub trait ByteStream {
    /// Reads what has come in, up to the size of `buffer`, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only at the end of the stream.
    ///
    /// # Cancel and drop
    /// A checkpoint, and no byte is lost.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is reading, [broken](Error::is_broken) if the connection
    /// is gone; what had come in before is read first. An empty `buffer` is an error.
    fn read(&self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, Error>>;

    /// Writes as much of `bytes` as there is room for, and waits if that is nothing. Returns the
    /// number of bytes, which is 0 only if `bytes` is empty.
    ///
    /// # Cancel and drop
    /// A checkpoint; cut off, it has written nothing.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is writing, [closed](Error::is_closed) after
    /// [`send_eof`](ByteStream::send_eof), [broken](Error::is_broken) if the connection is gone.
    fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>>;

    /// Tells the other side that nothing follows. Reading goes on in the other direction. A second
    /// call does nothing.
    ///
    /// # Cancel and drop
    /// A checkpoint; cut off, it has done nothing.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is writing, [broken](Error::is_broken) if the connection
    /// is gone.
    fn send_eof(&self) -> impl Future<Output = Result<(), Error>>;

    /// Fills `buffer`.
    ///
    /// The form that every stream has is made of reads, and does not keep other readers out between
    /// them.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has taken bytes from the stream that nobody else will see.
    ///
    /// # Errors
    /// [Unexpected end](Error::is_unexpected_end) if the stream ends before; otherwise as
    /// [`read`](ByteStream::read).
    fn read_exact(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), Error>> {
        async move {
            if buffer.is_empty() {
                proceed().await;
            }
            let mut got = 0;
            while got < buffer.len() {
                match self.read(&mut buffer[got..]).await? {
                    0 => return Err(Error::unexpected_end("the stream", got, buffer.len())),
                    count => got += count,
                }
            }
            Ok(())
        }
    }

    /// Writes all of `bytes`.
    ///
    /// The form that every stream has is made of writes, and does not keep other writers out between
    /// them.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has written a part of unknown length.
    ///
    /// # Errors
    /// As [`write`](ByteStream::write); a part may have been written.
    fn write_all(&self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> {
        async move {
            let mut rest = bytes;
            loop {
                let count = self.write(rest).await?;
                rest = rest.get(count..).unwrap_or_default();
                if rest.is_empty() {
                    return Ok(());
                }
                if count == 0 {
                    // Never, from a stream that keeps its promises; without this, a loop for ever.
                    return Err(Error::writing("the stream", std::io::ErrorKind::WriteZero));
                }
            }
        }
    }
}

/// Something that connections come from.
///
/// ```
/// use nestling_net::{ByteStream, Error, Listener, TcpListener};
///
/// async fn greet_one_after_the_other(listener: impl Listener) -> Result<(), Error> {
///     loop {
///         let (stream, peer) = listener.accept().await?;
///         stream.write_all(format!("hello {peer}\n").as_bytes()).await?;
///     }
/// }
/// # async fn works_with_tcp(listener: TcpListener) {
/// #     greet_one_after_the_other(listener).await.ok();
/// # }
/// ```
///
/// [`serve_listeners`](crate::serve_listeners()) has the loop that a server needs.
pub trait Listener {
    /// The connections.
    type Stream: ByteStream;

    /// Waits for a connection, which comes with the address of the other side.
    ///
    /// # Cancel and drop
    /// A checkpoint, and no connection is lost.
    ///
    /// # Errors
    /// What [`Error::accept_kind`] says about it is what [`serve_listeners`](crate::serve_listeners())
    /// does: it passes over what concerned a single connection, waits while the system lacks
    /// something, and ends with any other error.
    fn accept(&self) -> impl Future<Output = Result<(Self::Stream, SocketAddr), Error>>;

    /// The address it listens at.
    ///
    /// # Errors
    /// If it has none; it cannot be served from then.
    fn local_addr(&self) -> Result<SocketAddr, Error>;
}

/// Where connections are made: [`System`](crate::System) is the operating system's network, and a test
/// may bring one of its own.
///
/// A program that takes the network as an argument runs on all of them:
///
/// ```
/// use nestling_net::{ByteStream, Error, Network, System, serve_on};
/// use nestling_nursery::{BoxError, Nursery, NurseryError, open_nursery};
///
/// /// Answers every connection with what came in, in capital letters.
/// async fn shout(stream: impl ByteStream) -> Result<(), Error> {
///     let mut buffer = [0; 256];
///     loop {
///         match stream.read(&mut buffer).await? {
///             0 => return stream.send_eof().await,
///             count => stream.write_all(&buffer[..count].to_ascii_uppercase()).await?,
///         }
///     }
/// }
///
/// async fn ask<N: Network>(network: &N, server: std::net::SocketAddr) -> Result<String, Error> {
///     let stream = network.connect(server).await?;
///     stream.write_all(b"hello").await?;
///     stream.send_eof().await?;
///     let mut answer = vec![0; 5];
///     stream.read_exact(&mut answer).await?;
///     Ok(String::from_utf8_lossy(&answer).into_owned())
/// }
///
/// async fn program(network: impl Network) -> Result<(), NurseryError> {
///     open_nursery(async |nursery| {
///         let address = nursery
///             .start(async |ready| serve_on(&network, shout, "127.0.0.1:0").ready(ready).await)
///             .await?;
///         assert_eq!(ask(&network, address).await?, "HELLO");
///         nursery.cancel();
///         Ok::<_, BoxError>(())
///     })
///     .await
/// }
///
/// fn main() -> Result<(), NurseryError> {
///     nestling_runtime::run(program(System))
/// }
/// ```
pub trait Network {
    /// Connections.
    type Stream: ByteStream + 'static;
    /// Where connections come in.
    type Listener: Listener<Stream = Self::Stream> + 'static;

    /// Connects to `address`.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it leaves no connection behind.
    ///
    /// # Errors
    /// What went wrong at each address, or why there is none.
    fn connect(&self, address: impl Address) -> impl Future<Output = Result<Self::Stream, Error>>;

    /// Listens at `address`. Port 0 stands for a free port.
    ///
    /// # Cancel and drop
    /// A checkpoint. Nothing is left behind.
    ///
    /// # Errors
    /// What went wrong at each address, or why there is none.
    fn bind(&self, address: impl Address) -> impl Future<Output = Result<Self::Listener, Error>>;
}

/// What points to a stream, listener or network is one.
macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: ByteStream + ?Sized> ByteStream for $pointer {
            fn read(&self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
                (**self).read(buffer)
            }

            fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
                (**self).write(bytes)
            }

            fn send_eof(&self) -> impl Future<Output = Result<(), Error>> {
                (**self).send_eof()
            }

            fn read_exact(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), Error>> {
                (**self).read_exact(buffer)
            }

            fn write_all(&self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> {
                (**self).write_all(bytes)
            }
        }

        impl<T: Listener + ?Sized> Listener for $pointer {
            type Stream = T::Stream;

            fn accept(&self) -> impl Future<Output = Result<(T::Stream, SocketAddr), Error>> {
                (**self).accept()
            }

            fn local_addr(&self) -> Result<SocketAddr, Error> {
                (**self).local_addr()
            }
        }

        impl<T: Network + ?Sized> Network for $pointer {
            type Stream = T::Stream;
            type Listener = T::Listener;

            fn connect(
                &self,
                address: impl Address,
            ) -> impl Future<Output = Result<T::Stream, Error>> {
                (**self).connect(address)
            }

            fn bind(
                &self,
                address: impl Address,
            ) -> impl Future<Output = Result<T::Listener, Error>> {
                (**self).bind(address)
            }
        }
    )*};
}

pointers!(&T, Box<T>, Rc<T>);
