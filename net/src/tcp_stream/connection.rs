//! What a stream is made of, all of it in the block that its registration takes anyway.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::num::NonZero;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

use nestling_runtime::io::BusyResource;

use crate::error::{Error, Operation, Reason, translate};

pub(crate) struct Connection {
    pub(crate) socket: net::TcpStream,
    /// Where it leads to; while it is being made, whom it calls.
    pub(crate) peer: Cell<SocketAddr>,
    pub(super) eof_sent: Cell<bool>,
    /// What ended the connection. The system says so once, to the reader or to the writer, and
    /// shows a plain end of stream afterwards, which must not be taken for one.
    pub(super) broken: Cell<Option<NonZero<i32>>>,
}

impl Connection {
    pub(super) fn new(socket: net::TcpStream, peer: SocketAddr) -> Connection {
        Connection {
            socket,
            peer: Cell::new(peer),
            eof_sent: Cell::new(false),
            broken: Cell::new(None),
        }
    }

    /// What a read of nothing stands for.
    #[cold]
    pub(super) fn ended(&self) -> Result<usize, Error> {
        match self.broken.get() {
            None => Ok(0),
            Some(code) => {
                Err(self.error(Operation::Read, io::Error::from_raw_os_error(code.get())))
            }
        }
    }

    /// The error of an operation; if it says that the connection has ended, that is noted.
    #[cold]
    pub(super) fn failed(&self, operation: Operation, error: io::Error) -> Error {
        // Not BrokenPipe: that comes of the other side's regular end, which may still be read.
        if let ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::TimedOut =
            error.kind()
        {
            self.broken.set(error.raw_os_error().and_then(NonZero::new));
        }
        if error
            .get_ref()
            .is_some_and(|inner| inner.is::<BusyResource>())
        {
            // The runtime's word names a type that users of this crate do not see.
            return self.error(
                operation,
                match operation {
                    Operation::Read => Reason::BUSY_READING,
                    _ => Reason::BUSY_WRITING,
                },
            );
        }
        self.error(operation, error)
    }

    #[cold]
    pub(super) fn error(&self, operation: Operation, error: impl Into<io::Error>) -> Error {
        Error::at(operation, self.peer.get(), translate(error.into()))
    }
}

#[cfg(unix)]
impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(windows)]
impl AsSocket for Connection {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}
