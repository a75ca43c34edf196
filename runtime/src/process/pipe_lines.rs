//! The lines that a process writes.

use std::io;

use super::error::Error;
use super::pipe::PipeReader;
use crate::checkpoint::poll_proceed;
use crate::line_buffer::{LENGTH_MAX, LineBuffer};

const BUFFER: usize = 8 << 10;

/// The lines that a process writes, made by [`PipeReader::lines`].
#[derive(Debug)]
pub struct PipeLines {
    pipe: PipeReader,
    buffer: LineBuffer,
    landing: Box<[u8]>,
    limit: usize,
}

impl PipeLines {
    pub(super) fn new(pipe: PipeReader) -> PipeLines {
        PipeLines {
            pipe,
            buffer: LineBuffer::new(),
            landing: vec![0; BUFFER].into_boxed_slice(),
            limit: LENGTH_MAX,
        }
    }

    /// Allows lines of so many bytes, without their ends. Otherwise it is 1 MiB.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> PipeLines {
        self.limit = bytes;
        self
    }

    /// The next line, without `\n` or `\r\n` at its end; `None` after the last one. What comes after the last
    /// `\n` is a line as well, unless it is empty.
    ///
    /// ```
    /// use nestling_runtime::process::{Command, Stdio};
    ///
    /// # nestling_runtime::run(async {
    /// let mut child = Command::new("ls").arg("/").stdout(Stdio::Pipe).spawn().await?;
    /// if let Some(stdout) = child.stdout.take() {
    ///     let mut lines = stdout.lines();
    ///     while let Some(line) = lines.next().await? {
    ///         println!("/{line}");
    ///     }
    /// }
    /// child.wait().await?;
    /// # Ok::<_, nestling_runtime::process::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::process::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and nothing is lost: half a line waits for the rest.
    ///
    /// # Errors
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the line is too long or not UTF-8: the next call goes on
    /// with the line after it. What the system says.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        std::future::poll_fn(poll_proceed).await;
        let line = loop {
            if let Some(line) = self.buffer.line(self.limit) {
                break Some(line);
            }
            match self.pipe.read_some(&mut self.landing).await? {
                0 => break self.buffer.rest(self.limit),
                count => {
                    let read = self.landing.get(..count).unwrap_or_default();
                    self.buffer.push(read);
                }
            }
        };
        let Some(line) = line else { return Ok(None) };
        let text = line.map_err(io::Error::from).and_then(|line| {
            String::from_utf8(line)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        });
        text.map(Some).map_err(|error| self.pipe.error(error))
    }
}
