//! What ends connections, and what cannot be had in a virtual network.

use std::io;

/// Why an end of a connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The other side has reset the connection.
    Reset,
    /// The other side has ended its stream, and then refused what was sent.
    Gone,
    /// Nobody answered for too long.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// There is no host with that address.
    NoRoute,
    /// The host it is on has crashed.
    Crashed,
}

impl From<Cause> for io::Error {
    fn from(cause: Cause) -> io::Error {
        match cause {
            Cause::Reset => io::ErrorKind::ConnectionReset.into(),
            Cause::Gone => io::ErrorKind::BrokenPipe.into(),
            Cause::TimedOut => io::ErrorKind::TimedOut.into(),
            Cause::Refused => io::ErrorKind::ConnectionRefused.into(),
            Cause::NoRoute => io::Error::new(io::ErrorKind::NetworkUnreachable, Trouble::NoRoute),
            Cause::Crashed => io::Error::new(io::ErrorKind::NetworkDown, Trouble::Crashed),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(
        "the virtual network has no host with that address: `net.host(..)` makes hosts, and their \
         `ip()` tells where they are"
    )]
    NoRoute,
    #[error(
        "the virtual host it was on has crashed, and everything that was open there with it; after \
         `restart` sockets can be opened again"
    )]
    Crashed,
    #[error(
        "the virtual network has no host of that name: it knows {known}; make one with \
         `net.host(..)`"
    )]
    UnknownName { known: String },
    #[error("all ports of the virtual host are taken: close some")]
    NoPort,
}

impl Trouble {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Trouble::NoRoute => io::ErrorKind::NetworkUnreachable,
            Trouble::Crashed => io::ErrorKind::NetworkDown,
            Trouble::UnknownName { .. } => io::ErrorKind::NotFound,
            Trouble::NoPort => io::ErrorKind::AddrInUse,
        }
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> io::Error {
        io::Error::new(trouble.kind(), trouble)
    }
}
