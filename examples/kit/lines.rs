//! Lines of text from a stream, of limited length.

use nestling::net::{ByteStream, Error};

/// Reads lines from a stream, which may be a reference to one.
pub struct Lines<S> {
    stream: S,
    /// What has come in and was not returned yet.
    buffer: Vec<u8>,
    /// How many bytes of that have no end of line among them.
    searched: usize,
    bytes_max: usize,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Stream(#[from] Error),
}

impl<S: ByteStream> Lines<S> {
    /// Lines of at most `bytes_max` bytes. Who never ends a line does not fill our memory.
    pub fn new(stream: S, bytes_max: usize) -> Lines<S> {
        Lines {
            stream,
            buffer: Vec::new(),
            searched: 0,
            bytes_max,
        }
    }

    /// The stream, to write to.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The next line without its end, or `None` at the end of the stream.
    ///
    /// Cut off while it waits it has lost nothing: what has come in is in the buffer.
    pub async fn next(&mut self) -> Result<Option<String>, LineError> {
        loop {
            let new = &self.buffer[self.searched..];
            if let Some(found) = new.iter().position(|byte| *byte == b'\n') {
                return self.take(self.searched + found, 1).map(Some);
            }
            self.searched = self.buffer.len();
            if self.searched > self.bytes_max {
                return Err(LineError::TooLong(self.bytes_max));
            }
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece).await? {
                0 if self.buffer.is_empty() => return Ok(None),
                0 => return self.take(self.searched, 0).map(Some),
                count => self.buffer.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Takes a line and its end out of the buffer.
    fn take(&mut self, length: usize, end: usize) -> Result<String, LineError> {
        self.searched = 0;
        let mut line: Vec<u8> = self.buffer.drain(..length + end).collect();
        line.truncate(length);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > self.bytes_max {
            return Err(LineError::TooLong(self.bytes_max));
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}
