//! Sockets as this crate wants them: they do not block, child processes do not inherit them, and
//! small writes are sent at once. With as few system calls as the system allows.

use std::io;
use std::net::{self, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

/// As long a queue of connections to be accepted as the system allows; each system cuts the number
/// down to its own limit. A shorter queue helps nobody: the system refuses or ignores connections as
/// soon as it is full, which clients take for a dead server and, on Linux, try again only after a
/// second. To limit the load, accept a connection and close it, or accept later.
const BACKLOG: i32 = i32::MAX;

/// Whether a socket that is accepted has its listener's TCP_NODELAY. Miri knows that option only at
/// connections.
pub(crate) const INHERITS_NODELAY: bool = cfg!(all(target_os = "linux", not(miri)));

/// A TCP socket that does not block and is not inherited by child processes, from its creation on
/// where the system can do that.
pub(crate) fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let protocol = Some(Protocol::TCP);
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
    ))]
    return Socket::new(domain, Type::STREAM.nonblocking(), protocol);
    #[cfg(not(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
    )))]
    {
        let socket = Socket::new(domain, Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

pub(crate) fn listen_at(address: SocketAddr) -> io::Result<net::TcpListener> {
    let socket = new_socket(address)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Elsewhere the option means that two sockets may listen at one address, whoever they belong to.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if INHERITS_NODELAY {
        // Before the first connection comes: it is inherited when that is made, not when it is
        // accepted.
        socket.set_tcp_nodelay(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One call where the system has `accept4`.
#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
))]
pub(crate) fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (socket, peer) = SockRef::from(listener).accept4(flags)?;
    with_peer(socket, &peer)
}

#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
pub(crate) fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    #[cfg(target_vendor = "apple")]
    socket.set_nosigpipe(true)?;
    with_peer(socket, &peer)
}

fn with_peer(socket: Socket, peer: &SockAddr) -> io::Result<(net::TcpStream, SocketAddr)> {
    let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    Ok((socket.into(), peer))
}
