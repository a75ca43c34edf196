//! The lines of a file.

use std::path::Path;

use super::error::Error;
use super::file::File;
use super::whole::text;
use crate::line_buffer::{LENGTH_MAX, LineBuffer};

/// What is read at once: a call into a thread for as many lines as fit in here.
const BUFFER: usize = 64 << 10;

/// The lines of a file, made by [`lines()`] and [`File::lines`].
#[derive(Debug)]
pub struct Lines {
    file: File,
    buffer: LineBuffer,
    /// Where `read` puts what it reads.
    landing: Box<[u8]>,
    limit: usize,
}

/// Opens a file to be read line by line.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// # let folder = fs::temp_dir().await?;
/// # let path = folder.path().join("a");
/// # fs::write(&path, "one\r\ntwo").await?;
/// let mut lines = fs::lines(&path).await?;
/// assert_eq!(lines.next().await?.as_deref(), Some("one"));
/// assert_eq!(lines.next().await?.as_deref(), Some("two"));
/// assert_eq!(lines.next().await?, None);
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), fs::Error>(())
/// ```
///
/// # Cancel and drop
/// See [`OpenOptions::open`](super::OpenOptions::open).
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn lines(path: impl AsRef<Path>) -> Result<Lines, Error> {
    Ok(File::open(path).await?.lines())
}

impl Lines {
    pub(super) fn new(file: File) -> Lines {
        Lines {
            file,
            buffer: LineBuffer::new(),
            landing: vec![0; BUFFER].into_boxed_slice(),
            limit: LENGTH_MAX,
        }
    }

    /// Allows lines of so many bytes, without their ends. Otherwise it is 1 MiB.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Lines {
        self.limit = bytes;
        self
    }

    /// The next line, without `\n` or `\r\n` at its end; `None` after the last one. What comes after the last
    /// `\n` is a line as well, unless it is empty.
    ///
    /// # Cancel and drop
    /// A checkpoint whenever it has to read, and otherwise as well. No line is lost.
    ///
    /// # Errors
    /// [Too long](Error::is_line_too_long), or [`InvalidData`](std::io::ErrorKind::InvalidData) if it is not
    /// UTF-8: the next call goes on with the line after it. What the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        let Some(line) = self.next_bytes().await? else {
            return Ok(None);
        };
        let line = text(line).map_err(|error| Error::new("read", self.file.path(), error))?;
        Ok(Some(line))
    }

    /// As [`next`](Lines::next), for lines that need not be UTF-8.
    ///
    /// # Cancel and drop
    /// As there.
    ///
    /// # Errors
    /// As there, except for what is not UTF-8.
    ///
    /// # Panics
    /// As there.
    pub async fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        super::file::proceed().await;
        let line = loop {
            if let Some(line) = self.buffer.line(self.limit) {
                break Some(line);
            }
            match self.file.read(&mut self.landing).await? {
                0 => break self.buffer.rest(self.limit),
                count => self
                    .buffer
                    .push(self.landing.get(..count).unwrap_or_default()),
            }
        };
        line.transpose()
            .map_err(|error| Error::new("read", self.file.path(), error))
    }
}
