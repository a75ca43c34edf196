//! Making a connection: one address after the other.

use std::io;
use std::net::SocketAddr;

use nestling_runtime::io::Io;
use socket2::Socket;

use crate::address::Target;
use crate::error::{Error, Operation};
use crate::resolve::resolve;
use crate::socket::new_socket;
use crate::tcp_stream::{Connection, TcpStream};

pub(crate) async fn connect(target: Target) -> Result<TcpStream, Error> {
    let addresses = resolve(Operation::Connect, &target).await?;
    let mut failed = Vec::new();
    for address in addresses {
        match connect_to(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed.push((address, error)),
        }
    }
    Err(Error::of_attempts(
        Operation::Connect,
        Some(&target),
        failed,
    ))
}

/// Dropped half-way, it closes the socket, and the system forgets about the connection.
async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = new_socket(address)?;
    if !cfg!(miri) {
        // Miri knows the option only once there is a connection.
        socket.set_tcp_nodelay(true)?;
    }
    begin(&socket, address)?;
    let stream = TcpStream::new(socket.into(), address)?;
    let peer = connected(stream.io()).await?;
    let connection = stream.io().get_ref();
    if connection.socket.local_addr()? == peer {
        // Two ends that call each other at the same moment are connected, and so is one that calls
        // itself: the system picked, as the port to call from, the very one that nobody listens at.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // Not always what was called: nobody is at `0.0.0.0`, and this machine answers.
    connection.peer.set(peer);
    Ok(stream)
}

fn begin(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    loop {
        match socket.connect(&address.into()) {
            Ok(()) => return Ok(()),
            // Whether it goes on all the same is something the next call tells.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_begun(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn is_begun(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINPROGRESS | libc::EALREADY | libc::EISCONN)
    )
}

#[cfg(not(unix))]
fn is_begun(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Waits until the connection is made or has failed.
async fn connected(io: &Io<Connection>) -> io::Result<SocketAddr> {
    loop {
        io.writable().await?;
        if let Some(error) = io.get_ref().socket.take_error()? {
            return Err(error);
        }
        match io.get_ref().socket.peer_addr() {
            // The report was not about the connection.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            result => return result,
        }
    }
}
