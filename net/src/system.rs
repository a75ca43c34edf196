//! The operating system's network.

use std::future::Future;
use std::net::SocketAddr;

use crate::address::Address;
use crate::error::Error;
use crate::stream::{ByteStream, Listener, Network};
use crate::tcp_listener::TcpListener;
use crate::tcp_stream::TcpStream;

/// The operating system's network: TCP.
///
/// ```
/// use nestling_net::{Listener, Network, System};
///
/// # nestling_runtime::run(async {
/// let listener = System.bind("127.0.0.1:0").await?;
/// let client = System.connect(listener.local_addr()?).await?;
/// let (server, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// # drop(server);
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Network for System {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn connect(&self, address: impl Address) -> impl Future<Output = Result<TcpStream, Error>> {
        TcpStream::connect(address)
    }

    fn bind(&self, address: impl Address) -> impl Future<Output = Result<TcpListener, Error>> {
        TcpListener::bind(address)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> impl Future<Output = Result<(TcpStream, SocketAddr), Error>> {
        TcpListener::accept(self)
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        TcpListener::local_addr(self)
    }
}

impl ByteStream for TcpStream {
    fn read(&self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        TcpStream::read(self, buffer)
    }

    fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        TcpStream::write(self, bytes)
    }

    fn send_eof(&self) -> impl Future<Output = Result<(), Error>> {
        TcpStream::send_eof(self)
    }

    fn read_exact(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), Error>> {
        TcpStream::read_exact(self, buffer)
    }

    fn write_all(&self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> {
        TcpStream::write_all(self, bytes)
    }
}
