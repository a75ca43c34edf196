//! A TCP socket that takes connections.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

use nestling_runtime::io::Io;

use crate::accept_error::AcceptErrorKind;
use crate::address::{Address, Target};
use crate::error::{Error, Operation, Reason, translate};
use crate::proceed;
use crate::resolve::resolve;
use crate::socket::{self, INHERITS_NODELAY, listen_at};
use crate::tcp_stream::TcpStream;
use nestling_runtime::io::Turn;

/// A socket that listens for TCP connections.
///
/// Closed on drop. Connections that nobody has accepted by then are reset.
///
/// To serve connections, [`serve_tcp`](crate::serve_tcp()) and
/// [`serve_listeners`](crate::serve_listeners()) have the loop that this needs.
///
/// ```
/// use nestling_net::{TcpListener, TcpStream};
///
/// # nestling_runtime::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// assert_eq!(server.local_addr()?, client.peer_addr()?);
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
pub struct TcpListener {
    io: Io<net::TcpListener>,
    local: SocketAddr,
    acceptor: Turn,
    /// Whether what it accepts has TCP_NODELAY already.
    inherits_nodelay: bool,
}

impl TcpListener {
    /// Listens at `address`, or, if that stands for several, at the first of them that can be had.
    ///
    /// Port 0 stands for a free port; [`local_addr`](TcpListener::local_addr) tells which it became.
    /// `0.0.0.0` stands for all IPv4 addresses of the machine, `[::]` for all IPv6 addresses and those
    /// alone, whatever the system's own preference. For both, bind two listeners.
    ///
    /// On Unix an address can be bound again as soon as its listener is closed, even if connections
    /// of it linger.
    ///
    /// ```
    /// use nestling_net::TcpListener;
    ///
    /// # nestling_runtime::run(async {
    /// let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    /// println!("listening on {}", listener.local_addr()?);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint; it waits only for a name to be resolved. Nothing is left behind.
    ///
    /// # Errors
    /// An [`Error`] that tells what went wrong at each address, or why there is none.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn bind(address: impl Address) -> Result<TcpListener, Error> {
        TcpListener::bind_target(address.target()).await
    }

    pub(crate) async fn bind_target(target: Target) -> Result<TcpListener, Error> {
        let mut failed = Vec::new();
        for address in resolve(Operation::Bind, &target).await? {
            match listen_at(address).and_then(|socket| TcpListener::new(socket, INHERITS_NODELAY)) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed.push((address, error)),
            }
        }
        Err(Error::of_attempts(Operation::Bind, Some(&target), failed))
    }

    /// Takes over a listener of the standard library, such as one that a service manager has passed
    /// to the process.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// let inherited = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let listener = nestling_net::TcpListener::from_std(inherited)?;
    /// # let client = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # assert!(stream.nodelay()?);
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
    pub fn from_std(listener: net::TcpListener) -> Result<TcpListener, Error> {
        // Only for the error's text, so that an address without meaning does where there is none.
        let address = listener
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::new(listener, false))
            .map_err(|error| Error::at(Operation::Adopt, address, error))
    }

    fn new(listener: net::TcpListener, inherits_nodelay: bool) -> io::Result<TcpListener> {
        Ok(TcpListener {
            local: listener.local_addr()?,
            io: Io::new(listener)?,
            acceptor: Turn::default(),
            inherits_nodelay,
        })
    }

    /// The address it listens at, with the port that the system chose if it was asked to.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// None today: the system told it when the listener was made. It is a `Result` as in the standard library,
    /// so that code carries over.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }

    /// Waits for a connection. The stream comes with the address of the other side, which may be
    /// gone already; reading from it tells.
    ///
    /// A connection that has gone wrong before it could be accepted is passed over.
    ///
    /// ```
    /// use nestling_net::{Error, TcpListener};
    ///
    /// async fn greet_one_after_the_other(listener: &TcpListener) -> Result<(), Error> {
    ///     loop {
    ///         let (stream, peer) = listener.accept().await?;
    ///         stream.write_all(format!("hello {peer}\n").as_bytes()).await?;
    ///     }
    /// }
    /// ```
    ///
    /// # Cancel and drop
    /// It is a checkpoint, and no connection is lost: one that was taken from the queue is returned in
    /// the same poll.
    ///
    /// # Errors
    /// Those of the kinds [`BackOff`](AcceptErrorKind::BackOff) and [`Fail`](AcceptErrorKind::Fail), see
    /// [`accept_kind`](Error::accept_kind); [busy](Error::is_busy) if another task is accepting.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr), Error> {
        self.accept_by(socket::accept).await
    }

    async fn accept_by<F>(&self, mut accept: F) -> Result<(TcpStream, SocketAddr), Error>
    where
        F: FnMut(&net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)>,
    {
        let Some(_turn) = self.acceptor.take() else {
            proceed().await;
            let busy = Reason::Busy {
                doing: "accepting from",
                what: "listener",
            };
            return Err(Error::at(Operation::Accept, self.local, busy));
        };
        loop {
            // An operation of its own each time: a checkpoint, so that a flood of connections that
            // come and go starves nobody.
            let accepted = self.io.read_with(&mut accept).await;
            match accepted.and_then(|(stream, peer)| self.take_up(stream, peer)) {
                Ok(stream) => {
                    let peer = stream.peer();
                    return Ok((stream, peer));
                }
                Err(error) if AcceptErrorKind::of(&error) == AcceptErrorKind::Retry => {
                    tracing::debug!(listener = %self.local, %error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    return Err(Error::at(Operation::Accept, self.local, translate(error)));
                }
            }
        }
    }

    fn take_up(&self, stream: net::TcpStream, peer: SocketAddr) -> io::Result<TcpStream> {
        if !self.inherits_nodelay {
            if let Err(error) = stream.set_nodelay(true) {
                // Some systems say so if the other side has left already. Reading tells that better.
                tracing::debug!(%peer, %error, "TCP_NODELAY could not be set at a new connection");
            }
        }
        TcpStream::new(stream, peer)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("socket", self.io.get_ref())
            .field("accepting", &self.acceptor.is_taken())
            .finish()
    }
}

#[cfg(unix)]
impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

#[cfg(windows)]
impl AsSocket for TcpListener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.io.get_ref().as_socket()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn errors_of_single_connections_are_passed_over_at_once() {
        nestling_runtime::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let mut script = [
                libc::ECONNABORTED,
                libc::EPROTO,
                libc::EPERM,
                libc::ENETDOWN,
            ]
            .into_iter()
            .cycle()
            .take(1000);
            let accepted = listener.accept_by(|listener| match script.next() {
                Some(code) => Err(io::Error::from_raw_os_error(code)),
                None => socket::accept(listener),
            });
            accepted.await.unwrap();
            assert_eq!(script.next(), None);
        });
    }

    #[test]
    fn other_errors_are_reported_and_the_listener_stays_of_use() {
        nestling_runtime::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            for (code, kind) in [
                (libc::EMFILE, AcceptErrorKind::BackOff),
                (libc::EBADF, AcceptErrorKind::Fail),
            ] {
                let fails = |_: &net::TcpListener| Err(io::Error::from_raw_os_error(code));
                let error = listener.accept_by(fails).await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(code));
                assert_eq!(error.accept_kind(), kind);
            }
            listener.accept().await.unwrap();
        });
    }
}
