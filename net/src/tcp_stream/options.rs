//! Addresses and options of a connection.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;

use super::TcpStream;
use crate::error::{Error, Operation};

impl TcpStream {
    /// The address of the other side.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr()?;
    /// let stream = nestling_net::TcpStream::connect(address).await?;
    /// assert_eq!(stream.peer_addr()?, address);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// None today: the system told it when the stream was made. It is a `Result` as in the standard library,
    /// so that code carries over.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.peer())
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.connection().peer.get()
    }

    /// The address of this side.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// println!("calling from {}", stream.local_addr()?);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        let address = self.connection().socket.local_addr();
        address.map_err(|error| {
            self.connection()
                .error(Operation::Option("local address"), error)
        })
    }

    /// Whether small writes are sent at once, which they are unless [`set_nodelay`](Self::set_nodelay)
    /// has changed it.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(stream.nodelay()?);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the system says.
    pub fn nodelay(&self) -> Result<bool, Error> {
        let nodelay = self.connection().socket.nodelay();
        nodelay.map_err(|error| {
            self.connection()
                .error(Operation::Option("TCP_NODELAY"), error)
        })
    }

    /// Whether to send small writes at once (TCP_NODELAY) or to gather them while earlier ones are on
    /// their way.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_nodelay(false)?;
    /// assert!(!stream.nodelay()?);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), Error> {
        let set = self.connection().socket.set_nodelay(nodelay);
        set.map_err(|error| {
            self.connection()
                .error(Operation::Option("TCP_NODELAY"), error)
        })
    }

    /// What closing does with bytes that are still on their way (SO_LINGER). With `None`, as at the
    /// beginning, they are delivered in the background. With a duration of zero they are thrown away and
    /// the connection is reset. Other durations make the drop of the stream block the whole run for so
    /// long on many systems; avoid them.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # nestling_runtime::run(async {
    /// # let listener = nestling_net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = nestling_net::TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_linger(Some(Duration::ZERO))?;
    /// drop(stream); // the other side reads `connection reset`
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), Error> {
        let set = SockRef::from(&self.connection().socket).set_linger(linger);
        set.map_err(|error| {
            self.connection()
                .error(Operation::Option("SO_LINGER"), error)
        })
    }
}
