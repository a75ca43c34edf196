//! The pipes to and from a process.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::error::{Error, Misuse};
use super::pipe_lines::PipeLines;
use crate::checkpoint::poll_proceed;
use crate::io::{Direction, Io};
use crate::saying::saying;
use crate::turn::{Turn, TurnGuard};

/// A pipe that no process inherits unless it is told to.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?);
    #[cfg(target_vendor = "apple")]
    {
        let (reader, writer) = rustix::pipe::pipe()?;
        for end in [&reader, &writer] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok((reader, writer))
    }
}

/// Our end of a pipe.
struct End {
    io: Io<OwnedFd>,
    program: Arc<str>,
    turn: Turn,
}

impl End {
    fn new(fd: OwnedFd, program: &Arc<str>) -> io::Result<End> {
        // Each end of a pipe has flags of its own: the process finds its own end as usual.
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(End {
            io: Io::new(fd)?,
            program: Arc::clone(program),
            turn: Turn::default(),
        })
    }

    async fn begin(&self, operation: &'static str) -> Result<TurnGuard<'_>, Error> {
        match self.turn.take() {
            Some(turn) => Ok(turn),
            None => {
                proceed().await;
                Err(self.error(operation, Misuse::Busy))
            }
        }
    }

    fn error(&self, operation: &'static str, reason: impl Into<io::Error>) -> Error {
        Error::new(operation, &self.program, reason)
    }

    fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("program", &self.program)
            .field("in_use", &self.turn.is_taken())
            .finish()
    }
}

async fn proceed() {
    std::future::poll_fn(poll_proceed).await;
}

const READ: &str = "read the output of";
const WRITE: &str = "write to the input of";

/// How much `read_to_end` reads at once.
const PART: usize = 64 << 10;

/// What a process writes, made by [`Stdio::Pipe`](super::Stdio::Pipe).
///
/// # Drop
/// The pipe is closed. Writing on, the process gets a SIGPIPE or an error.
pub struct PipeReader(End);

impl PipeReader {
    pub(super) fn new(fd: OwnedFd, program: &Arc<str>) -> io::Result<PipeReader> {
        Ok(PipeReader(End::new(fd, program)?))
    }

    /// Reads what has come, up to the size of `buffer`, and waits if that is nothing. Returns the number of
    /// bytes, which is 0 only at the end: when the process, and each that inherited the pipe from it, has
    /// closed it.
    ///
    /// ```
    /// use nestling_runtime::process::{Command, Stdio};
    ///
    /// # nestling_runtime::run(async {
    /// let mut child = Command::new("echo").arg("hello").stdout(Stdio::Pipe).spawn().await?;
    /// let mut buffer = [0; 64];
    /// if let Some(stdout) = child.stdout.take() {
    ///     let count = stdout.read(&mut buffer).await?;
    ///     assert_eq!(&buffer[..count], b"hello\n");
    /// }
    /// child.wait().await?;
    /// # Ok::<_, nestling_runtime::process::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::process::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and no byte is lost.
    ///
    /// # Errors
    /// [Busy](Error::is_busy); an empty `buffer`; what the system says.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let _turn = self.0.begin(READ).await?;
        if buffer.is_empty() {
            proceed().await;
            return Err(self.0.error(READ, Misuse::EmptyBuffer));
        }
        self.read_some(buffer).await
    }

    /// Reads everything up to the end.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, what it had read is gone; use [`read`](PipeReader::read) where that
    /// matters.
    ///
    /// # Errors
    /// As [`read`](PipeReader::read).
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn read_to_end(&self) -> Result<Vec<u8>, Error> {
        let _turn = self.0.begin(READ).await?;
        let mut bytes = Vec::new();
        let mut part = vec![0; PART];
        loop {
            match self.read_some(&mut part).await? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            }
        }
    }

    /// Reads it line by line.
    #[must_use]
    pub fn lines(self) -> PipeLines {
        PipeLines::new(self)
    }

    pub(super) async fn read_some(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let words = || format!("output of `{}`", self.0.program);
        let asked = buffer.len();
        let read = self
            .0
            .io
            .read_with(|fd| Ok(rustix::io::read(fd, &mut *buffer)?));
        let count = saying(words, read).await;
        let count = count.map_err(|error| self.0.error(READ, error))?;
        if count < asked {
            self.0.io.drained(Direction::Read);
        }
        Ok(count)
    }

    pub(super) fn error(&self, reason: impl Into<io::Error>) -> Error {
        self.0.error(READ, reason)
    }
}

/// What a process reads, made by [`Stdio::Pipe`](super::Stdio::Pipe).
///
/// # Drop
/// The pipe is closed: the process reads what was written, and then the end.
pub struct PipeWriter(End);

impl PipeWriter {
    pub(super) fn new(fd: OwnedFd, program: &Arc<str>) -> io::Result<PipeWriter> {
        Ok(PipeWriter(End::new(fd, program)?))
    }

    /// Writes as much of `bytes` as there is room for, and waits if that is nothing. Returns the number of
    /// bytes, which is 0 only if `bytes` is empty.
    ///
    /// # Cancel and drop
    /// A checkpoint, and exact: cut off, it has written nothing.
    ///
    /// # Errors
    /// [Busy](Error::is_busy); [broken](Error::is_broken) if nobody reads any more.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        let _turn = self.0.begin(WRITE).await?;
        self.write_some(bytes).await
    }

    /// Writes all of `bytes`.
    ///
    /// ```
    /// use nestling_runtime::process::{Command, Stdio};
    ///
    /// # nestling_runtime::run(async {
    /// let mut child = Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null).spawn().await?;
    /// if let Some(stdin) = child.stdin.take() {
    ///     stdin.write_all(b"hello").await?;
    /// }
    /// child.wait().await?;
    /// # Ok::<_, nestling_runtime::process::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::process::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off half-way, it has written a part of unknown length; use
    /// [`write`](PipeWriter::write) where that matters.
    ///
    /// # Errors
    /// As [`write`](PipeWriter::write); a part may have been written.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        let _turn = self.0.begin(WRITE).await?;
        let mut rest = bytes;
        loop {
            let count = self.write_some(rest).await?;
            rest = rest.get(count..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    async fn write_some(&self, bytes: &[u8]) -> Result<usize, Error> {
        if bytes.is_empty() {
            proceed().await;
            return Ok(0);
        }
        let words = || format!("room in the input of `{}`", self.0.program);
        let write = self.0.io.write_with(|fd| Ok(rustix::io::write(fd, bytes)?));
        match saying(words, write).await {
            Ok(0) => Err(self.0.error(WRITE, io::ErrorKind::WriteZero)),
            Ok(count) => Ok(count),
            Err(error) => Err(self.0.error(WRITE, error)),
        }
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt("PipeReader", f)
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt("PipeWriter", f)
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.io.get_ref().as_fd()
    }
}

impl AsFd for PipeWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.io.get_ref().as_fd()
    }
}
