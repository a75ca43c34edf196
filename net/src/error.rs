//! [`Error`]: what failed, where, why, and what to do about it.

mod failure;
mod make;
mod reason;
#[cfg(all(test, unix))]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::accept_error::AcceptErrorKind;
use crate::address::Target;

use failure::{Failure, is_too_many_files};
pub(crate) use failure::{Operation, translate};
pub(crate) use reason::Reason;

/// An operation of this crate failed.
///
/// The text says what was done, to which address, what the system said, and for common mistakes what
/// to do about them:
///
/// ```
/// # nestling_runtime::run(async {
/// use nestling_net::TcpListener;
///
/// let first = TcpListener::bind("127.0.0.1:0").await?;
/// let address = first.local_addr()?;
/// if let Err(error) = TcpListener::bind(address).await {
///     assert!(error.is_address_in_use());
///     let text = error.to_string();
///     # #[cfg(unix)]
///     assert!(text.starts_with(&format!("bind {address}: address already in use; ")));
/// }
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
///
/// If several addresses were tried, it tells about each; [`attempts`](Error::attempts) has them one
/// by one. `Debug` adds the kind and the system's number to the text, as that is what `main` prints.
///
/// `source()` is the [`io::Error`] of the last attempt. An error turns into an `io::Error` with `?`.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Failure>);

impl Error {
    /// Something went wrong at one address.
    #[cold]
    pub(crate) fn at(
        operation: Operation,
        address: SocketAddr,
        error: impl Into<io::Error>,
    ) -> Error {
        Error(Failure::new(operation, None, Some(address), error.into()))
    }

    /// Something went wrong before there was an address to do it at.
    #[cold]
    pub(crate) fn of_target(operation: Operation, target: &Target, error: io::Error) -> Error {
        Error(Failure::new(
            operation,
            Some(target.to_string()),
            None,
            error,
        ))
    }

    /// Everything went wrong. There is at least one attempt.
    #[cold]
    pub(crate) fn of_attempts(
        operation: Operation,
        target: Option<&Target>,
        mut attempts: Vec<(SocketAddr, io::Error)>,
    ) -> Error {
        let (address, error) = match attempts.pop() {
            Some((address, error)) => (Some(address), error),
            None => (None, Reason::NoAddress.into()),
        };
        // A single address speaks for itself.
        let target =
            target.filter(|target| !matches!(target, Target::Addresses(list) if list.len() == 1));
        let mut failure = Failure::new(operation, target.map(Target::to_string), address, error);
        failure.earlier = attempts;
        Error(failure)
    }

    /// What kind of error it is. If several addresses were tried and failed in different ways, it is
    /// [`Other`](io::ErrorKind::Other).
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// use std::io::ErrorKind;
    /// use nestling_net::TcpStream;
    ///
    /// let result = TcpStream::connect("localhost").await; // the port is missing
    /// assert!(result.is_err_and(|error| error.kind() == ErrorKind::InvalidInput));
    /// # });
    /// ```
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        let kind = self.0.error.kind();
        let mut earlier = self.0.earlier.iter();
        let all_the_same = earlier.all(|(_, error)| error.kind() == kind);
        if all_the_same {
            kind
        } else {
            io::ErrorKind::Other
        }
    }

    /// The system's number of the last attempt's error, if the system had a say in it.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// use nestling_net::TcpListener;
    ///
    /// let first = TcpListener::bind("127.0.0.1:0").await?;
    /// if let Err(error) = TcpListener::bind(first.local_addr()?).await {
    ///     println!("the system calls it {:?}", error.raw_os_error());
    /// }
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.error.raw_os_error()
    }

    /// The addresses that were tried, each with what went wrong there, in the order in which they
    /// were tried.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// use nestling_net::TcpStream;
    ///
    /// if let Err(error) = TcpStream::connect("localhost:1").await {
    ///     for (address, reason) in error.attempts() {
    ///         eprintln!("{address}: {reason}");
    ///     }
    /// }
    /// # });
    /// ```
    pub fn attempts(&self) -> impl Iterator<Item = (SocketAddr, &io::Error)> {
        self.0
            .all()
            .filter_map(|(address, error)| Some((address?, error)))
    }

    /// What to do about a failed `accept`; see [`AcceptErrorKind`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use nestling_net::{AcceptErrorKind, Error, TcpListener, TcpStream};
    /// use nestling_runtime::sleep;
    ///
    /// async fn accept(listener: &TcpListener) -> Result<TcpStream, Error> {
    ///     loop {
    ///         match listener.accept().await {
    ///             Ok((stream, _peer)) => return Ok(stream),
    ///             Err(error) if error.accept_kind() == AcceptErrorKind::Fail => return Err(error),
    ///             Err(_) => sleep(Duration::from_millis(100)).await,
    ///         }
    ///     }
    /// }
    /// # nestling_runtime::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// # accept(&listener).await?;
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<_, Error>(())
    /// ```
    #[must_use]
    pub fn accept_kind(&self) -> AcceptErrorKind {
        AcceptErrorKind::of(&self.0.error)
    }

    /// Whether another task is using the same direction of the stream.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// use nestling_net::{TcpListener, TcpStream};
    /// use nestling_nursery::{BoxError, open_nursery};
    /// use nestling_runtime::checkpoint;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// open_nursery(async |nursery| {
    ///     nursery.start_soon(async { stream.read(&mut [0; 64]).await.map(drop) });
    ///     checkpoint().await; // it waits now
    ///     let second = stream.read(&mut [0; 64]).await;
    ///     assert!(second.is_err_and(|error| error.is_busy()));
    ///     nursery.cancel();
    ///     Ok::<_, BoxError>(())
    /// })
    /// .await?;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.0.reason(), Some(Reason::Busy { .. }))
    }

    /// Whether this side has closed the direction itself, with
    /// [`send_eof`](crate::TcpStream::send_eof).
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # use nestling_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.send_eof().await?;
    /// let late = stream.write_all(b"one more thing").await;
    /// assert!(late.is_err_and(|error| error.is_closed()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.reason(), Some(Reason::Closed))
    }

    /// Whether the connection is gone: the other side has reset it or has left, or the network gave
    /// it up. Servers get this from clients at any time, and mostly want to take it for an end.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # use std::time::Duration;
    /// # use nestling_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (peer, _) = listener.accept().await?;
    /// peer.set_linger(Some(Duration::ZERO))?;
    /// drop(peer); // resets the connection
    /// let end = stream.read(&mut [0; 64]).await;
    /// assert!(end.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn is_broken(&self) -> bool {
        use io::ErrorKind;
        !self.is_closed()
            && matches!(
                self.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
                    | ErrorKind::TimedOut
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
            )
    }

    /// Whether the stream ended before [`read_exact`](crate::TcpStream::read_exact) had filled its
    /// buffer.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # use nestling_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (peer, _) = listener.accept().await?;
    /// peer.write_all(b"abc").await?;
    /// peer.send_eof().await?;
    /// let frame = stream.read_exact(&mut [0; 4]).await;
    /// assert!(frame.is_err_and(|error| error.is_unexpected_end()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn is_unexpected_end(&self) -> bool {
        matches!(self.0.reason(), Some(Reason::UnexpectedEnd { .. }))
    }

    /// Whether nobody listens at the address, or at any of the addresses.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # use nestling_net::{TcpListener, TcpStream};
    /// # let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    /// match TcpStream::connect(address).await {
    ///     Err(error) if error.is_connection_refused() => println!("the server is not up yet"),
    ///     other => drop(other?),
    /// }
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn is_connection_refused(&self) -> bool {
        self.kind() == io::ErrorKind::ConnectionRefused
    }

    /// Whether somebody else listens at the address already.
    ///
    /// ```
    /// use nestling_net::{Error, TcpListener};
    ///
    /// async fn bind_somewhere() -> Result<TcpListener, Error> {
    ///     match TcpListener::bind("127.0.0.1:8080").await {
    ///         Err(error) if error.is_address_in_use() => TcpListener::bind("127.0.0.1:0").await,
    ///         bound => bound,
    ///     }
    /// }
    /// # nestling_runtime::run(bind_somewhere())?;
    /// # Ok::<_, Error>(())
    /// ```
    #[must_use]
    pub fn is_address_in_use(&self) -> bool {
        self.kind() == io::ErrorKind::AddrInUse
    }

    /// Whether the process or the system has no descriptor left.
    ///
    /// ```
    /// # use nestling_net::Error;
    /// fn advice(error: &Error) -> &'static str {
    ///     if error.is_too_many_files() { "raise `ulimit -n`" } else { "look at the text" }
    /// }
    /// # nestling_runtime::run(async {
    /// # let error = nestling_net::TcpStream::connect("localhost").await.unwrap_err();
    /// # assert_eq!(advice(&error), "look at the text");
    /// # });
    /// ```
    #[must_use]
    pub fn is_too_many_files(&self) -> bool {
        is_too_many_files(&self.0.error)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?}", self.kind())?;
        if let Some(number) = self.raw_os_error() {
            write!(f, ", os error {number}")?;
        }
        f.write_str(")")
    }
}

impl From<Error> for io::Error {
    /// Of the same kind, with the [`Error`] inside.
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}
