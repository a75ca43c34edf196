//! Errors made by other streams than this crate's sockets.

use std::fmt::Display;
use std::io;

use super::Error;
use super::failure::{Failure, Operation};
use super::reason::Reason;

impl Error {
    /// Reading from `peer` failed with `cause`. The predicates go by the kind of `cause`:
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use nestling_net::Error;
    ///
    /// let error = Error::reading("the tunnel", ErrorKind::ConnectionReset);
    /// assert!(error.is_broken());
    /// assert_eq!(error.to_string(), "read from the tunnel: connection reset");
    /// ```
    #[cold]
    #[must_use]
    pub fn reading(peer: impl Display, cause: impl Into<io::Error>) -> Error {
        Error::with(Operation::Read, peer, cause.into())
    }

    /// Writing to `peer` failed with `cause`. The predicates go by the kind of `cause`:
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use nestling_net::Error;
    ///
    /// let error = Error::writing("the tunnel", ErrorKind::BrokenPipe);
    /// assert!(error.is_broken());
    /// assert_eq!(error.to_string(), "write to the tunnel: broken pipe");
    /// ```
    #[cold]
    #[must_use]
    pub fn writing(peer: impl Display, cause: impl Into<io::Error>) -> Error {
        Error::with(Operation::Write, peer, cause.into())
    }

    /// Another task is reading from `peer` already; see [`is_busy`](Error::is_busy).
    ///
    /// ```
    /// assert!(nestling_net::Error::busy_reading("the tunnel").is_busy());
    /// ```
    #[cold]
    #[must_use]
    pub fn busy_reading(peer: impl Display) -> Error {
        Error::with(Operation::Read, peer, Reason::BUSY_READING.into())
    }

    /// Another task is writing to `peer` already; see [`is_busy`](Error::is_busy).
    ///
    /// ```
    /// assert!(nestling_net::Error::busy_writing("the tunnel").is_busy());
    /// ```
    #[cold]
    #[must_use]
    pub fn busy_writing(peer: impl Display) -> Error {
        Error::with(Operation::Write, peer, Reason::BUSY_WRITING.into())
    }

    /// Something is to be written to `peer` after `send_eof`; see [`is_closed`](Error::is_closed).
    ///
    /// ```
    /// let error = nestling_net::Error::closed("the tunnel");
    /// assert!(error.is_closed() && !error.is_broken());
    /// ```
    #[cold]
    #[must_use]
    pub fn closed(peer: impl Display) -> Error {
        Error::with(Operation::Write, peer, Reason::Closed.into())
    }

    /// The buffer to read into is empty, which a stream has to refuse, as the answer 0 would look like
    /// the end.
    ///
    /// ```
    /// let error = nestling_net::Error::empty_buffer("the tunnel");
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    #[cold]
    #[must_use]
    pub fn empty_buffer(peer: impl Display) -> Error {
        Error::with(Operation::Read, peer, Reason::EmptyBuffer.into())
    }

    /// The stream ended after `got` of `wanted` bytes; see
    /// [`is_unexpected_end`](Error::is_unexpected_end).
    ///
    /// ```
    /// let error = nestling_net::Error::unexpected_end("the tunnel", 3, 4);
    /// assert!(error.is_unexpected_end());
    /// assert_eq!(error.to_string(), "read from the tunnel: the stream ended after 3 of 4 bytes");
    /// ```
    #[cold]
    #[must_use]
    pub fn unexpected_end(peer: impl Display, got: usize, wanted: usize) -> Error {
        Error::with(
            Operation::Read,
            peer,
            Reason::UnexpectedEnd { got, wanted }.into(),
        )
    }

    fn with(operation: Operation, peer: impl Display, error: io::Error) -> Error {
        Error(Failure::new(operation, Some(peer.to_string()), None, error))
    }
}

impl From<io::Error> for Error {
    /// The [`Error`] inside, if there is one; otherwise an error with the text and the kind of this
    /// one, which does not say what was being done. See [`Error::reading`] and [`Error::writing`] for
    /// errors that do.
    fn from(error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error(Failure::new(Operation::Unnamed, None, None, error)),
        }
    }
}
