//! The single steps that reading and writing are made of: one system call, if it does not have to wait.

use std::io::{self, ErrorKind, Read, Write};

use nestling_runtime::io::Direction;

use super::TcpStream;
use crate::error::{Error, Operation, Reason, translate};
use crate::proceed;
use nestling_runtime::io::TurnGuard;

impl TcpStream {
    pub(super) async fn read_some(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.io.read_with(|mut stream| stream.read(buffer)).await;
        match read.map_err(|error| self.ended_by(error)) {
            Ok(0) => match self.broken.get() {
                None => Ok(0),
                Some(code) => Err(self.error(Operation::Read, io::Error::from_raw_os_error(code))),
            },
            Ok(count) => {
                if count < buffer.len() {
                    self.io.drained(Direction::Read);
                }
                Ok(count)
            }
            Err(error) => Err(self.error(Operation::Read, error)),
        }
    }

    pub(super) async fn write_some(&self, bytes: &[u8]) -> Result<usize, Error> {
        if bytes.is_empty() {
            proceed().await;
            return Ok(0);
        }
        let written = self.io.write_with(|mut stream| stream.write(bytes)).await;
        match written.map_err(|error| self.ended_by(error)) {
            Ok(0) => Err(self.error(Operation::Write, ErrorKind::WriteZero)),
            Ok(count) => {
                if count < bytes.len() {
                    self.io.drained(Direction::Write);
                }
                Ok(count)
            }
            Err(error) => Err(self.error(Operation::Write, error)),
        }
    }

    pub(super) async fn begin_write(&self) -> Result<TurnGuard<'_>, Error> {
        let Some(turn) = self.writer.take() else {
            return Err(self.misuse(Operation::Write, Reason::BUSY_WRITING).await);
        };
        if self.eof_sent.get() {
            return Err(self.misuse(Operation::Write, Reason::Closed).await);
        }
        Ok(turn)
    }

    /// Notes that the connection has ended with `error`, if it has.
    fn ended_by(&self, error: io::Error) -> io::Error {
        // Not BrokenPipe: that comes of the other side's regular end, which may still be read.
        if let ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::TimedOut =
            error.kind()
        {
            self.broken.set(error.raw_os_error());
        }
        error
    }

    #[cold]
    pub(super) fn error(&self, operation: Operation, error: impl Into<io::Error>) -> Error {
        Error::at(operation, self.peer, translate(error.into()))
    }

    /// An error that needs no system call, after the checkpoint that it takes the place of.
    pub(super) async fn misuse(&self, operation: Operation, reason: Reason) -> Error {
        proceed().await;
        self.error(operation, reason)
    }
}
