//! What a stream is made of, all of it in the block that its registration takes anyway.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

use nestling_runtime::io::BusyResource;

use super::peer::Peer;
use crate::error::{Error, Operation, Reason, translate};

pub(crate) struct Connection {
    pub(crate) socket: net::TcpStream,
    /// Where it leads to; while it is being made, whom it calls.
    pub(crate) peer: Peer,
    pub(super) ends: Ends,
}

/// How the directions have ended, in four bytes.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The error's number, 0 if there is none; none is negative. `EOF_SENT` is a bit beside it.
    bits: Cell<i32>,
}

const EOF_SENT: i32 = i32::MIN;

impl Ends {
    pub(super) fn is_eof_sent(&self) -> bool {
        self.bits.get() & EOF_SENT != 0
    }

    pub(super) fn set_eof_sent(&self) {
        self.bits.set(self.bits.get() | EOF_SENT);
    }

    /// What ended the connection. The system says so once, to the reader or to the writer, and
    /// shows a plain end of stream afterwards, which must not be taken for one.
    pub(super) fn broken(&self) -> Option<i32> {
        Some(self.bits.get() & !EOF_SENT).filter(|&code| code != 0)
    }

    fn set_broken(&self, code: Option<i32>) {
        let code = code.unwrap_or(0) & !EOF_SENT;
        self.bits.set(self.bits.get() & EOF_SENT | code);
    }
}

impl Connection {
    pub(super) fn new(socket: net::TcpStream, peer: SocketAddr) -> Connection {
        Connection {
            socket,
            peer: Peer::new(peer),
            ends: Ends::default(),
        }
    }

    /// What a read of nothing stands for.
    #[cold]
    pub(super) fn ended(&self) -> Result<usize, Error> {
        match self.ends.broken() {
            None => Ok(0),
            Some(code) => Err(self.error(Operation::Read, io::Error::from_raw_os_error(code))),
        }
    }

    /// The error of an operation; if it says that the connection has ended, that is noted.
    #[cold]
    pub(super) fn failed(&self, operation: Operation, error: io::Error) -> Error {
        // Not BrokenPipe: that comes of the other side's regular end, which may still be read.
        if let ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::TimedOut =
            error.kind()
        {
            self.ends.set_broken(error.raw_os_error());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, target_pointer_width = "64"))]
    fn it_takes_32_bytes() {
        assert_eq!(size_of::<Connection>(), 32);
    }

    #[test]
    fn an_error_and_the_end_are_kept_apart() {
        for eof_first in [true, false] {
            let ends = Ends::default();
            assert!(!ends.is_eof_sent() && ends.broken().is_none());
            if eof_first {
                ends.set_eof_sent();
                assert!(ends.is_eof_sent() && ends.broken().is_none());
            }
            for code in [Some(104), Some(10_054), Some(i32::MAX), None, Some(1)] {
                ends.set_broken(code);
                assert_eq!((ends.is_eof_sent(), ends.broken()), (eof_first, code));
            }
            ends.set_eof_sent();
            assert_eq!((ends.is_eof_sent(), ends.broken()), (true, Some(1)));
        }
    }
}
