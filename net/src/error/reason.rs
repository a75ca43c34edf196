//! What goes wrong without the system having a say in it.

use std::io;

/// It travels inside an [`io::Error`], so that every failure has one shape.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error(
        "another task is already {doing} this {what}: one task at a time may do that; let one do it \
         and pass on what the others need, or take turns with a lock"
    )]
    Busy {
        doing: &'static str,
        what: &'static str,
    },
    #[error("its end has been sent with `send_eof`, and nothing can follow that")]
    Closed,
    #[error(
        "the buffer has no room, and to read nothing would look like the end of the stream; note that \
         `Vec::with_capacity(4096)` is empty and `vec![0; 4096]` is not"
    )]
    EmptyBuffer,
    #[error("the stream ended after {got} of {wanted} bytes")]
    UnexpectedEnd { got: usize, wanted: usize },
    #[error("there is nothing to try")]
    NoAddress,
    #[error("it belongs to another run, and only that one's loop hears of it")]
    WrongRun,
}

impl Reason {
    pub(crate) const BUSY_READING: Reason = Reason::Busy {
        doing: "reading from",
        what: "stream",
    };

    pub(crate) const BUSY_WRITING: Reason = Reason::Busy {
        doing: "writing to",
        what: "stream",
    };

    pub(super) fn of(error: &io::Error) -> Option<&Reason> {
        error.get_ref()?.downcast_ref()
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Reason::Busy { .. } => io::ErrorKind::ResourceBusy,
            Reason::Closed => io::ErrorKind::BrokenPipe,
            Reason::UnexpectedEnd { .. } => io::ErrorKind::UnexpectedEof,
            Reason::EmptyBuffer | Reason::NoAddress | Reason::WrongRun => {
                io::ErrorKind::InvalidInput
            }
        }
    }
}

impl From<Reason> for io::Error {
    fn from(reason: Reason) -> io::Error {
        io::Error::new(reason.kind(), reason)
    }
}
