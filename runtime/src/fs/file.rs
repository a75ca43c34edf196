//! An open file.

use std::cell::Cell;
use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::error::{Error, Misuse};
use super::home::{Away, Home};
use super::hop::{hop, retry};
use super::lines::Lines;
use super::options::OpenOptions;
use crate::checkpoint::poll_proceed;
use crate::turn::{Turn, TurnGuard};

/// How many bytes one call reads or writes at most.
const PART: usize = 256 << 10;

/// An open file.
///
/// All operations take `&self`, and one goes on at a time: another one gets an error that
/// [is busy](Error::is_busy). Each is a call into a thread, so read and write in pieces of some size.
///
/// ```
/// use nestling_runtime::fs::File;
/// use std::io::SeekFrom;
///
/// # nestling_runtime::run(async {
/// # let folder = nestling_runtime::fs::temp_dir().await?;
/// # let path = folder.path().join("a");
/// let file = File::options().read(true).write(true).create(true).open(path).await?;
/// file.write_all(b"hello").await?;
/// file.seek(SeekFrom::Start(1)).await?;
/// let mut buffer = [0; 16];
/// let count = file.read(&mut buffer).await?;
/// assert_eq!(&buffer[..count], b"ello");
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// # Drop
/// The file is closed, here and now; what was written is there for whoever opens it, and on the disk at some
/// later time, see [`sync_all`](File::sync_all). If foreign code has dropped an operation whose thread
/// is still at work, that thread closes the file.
pub struct File {
    home: Arc<Home<Opened>>,
    path: Arc<Path>,
    turn: Turn,
    figures: Cell<FileStatistics>,
}

/// What goes into threads.
struct Opened {
    file: fs::File,
    /// Bytes that were read and have not been delivered, from `start` on.
    ahead: Vec<u8>,
    start: usize,
    /// What is to be written.
    outgoing: Vec<u8>,
    figures: FileStatistics,
}

/// What has been done with a [`File`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStatistics {
    /// Bytes that have been read.
    pub bytes_read: u64,
    /// Bytes that have been written.
    pub bytes_written: u64,
    /// Whether a thread is working on it.
    pub busy: bool,
}

impl File {
    /// Opens a file for reading.
    ///
    /// ```
    /// use nestling_runtime::fs::File;
    ///
    /// # nestling_runtime::run(async {
    /// let missing = File::open("/does/not/exist").await;
    /// assert!(missing.is_err_and(|error| error.is_not_found()));
    /// # });
    /// ```
    ///
    /// # Cancel and drop
    /// See [`OpenOptions::open`].
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn open(path: impl AsRef<Path>) -> Result<File, Error> {
        File::options().read(true).open(path).await
    }

    /// Opens a file for writing. If there is none it is created, and if there is one it is emptied.
    ///
    /// ```
    /// use nestling_runtime::fs::File;
    ///
    /// # nestling_runtime::run(async {
    /// # let folder = nestling_runtime::fs::temp_dir().await?;
    /// # let path = folder.path().join("a");
    /// let file = File::create(path).await?;
    /// file.write_all(b"hello").await?;
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// See [`OpenOptions::open`].
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn create(path: impl AsRef<Path>) -> Result<File, Error> {
        let options = File::options().write(true).create(true);
        options.truncate(true).open(path).await
    }

    /// Other ways to open a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library; errors call it by `path`.
    ///
    /// ```
    /// use nestling_runtime::fs::File;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # nestling_runtime::run(async {
    /// # let temporary = nestling_runtime::fs::temp_file().await?;
    /// # let path = temporary.path();
    /// let file = File::from_std(std::fs::File::open(path)?, path);
    /// assert_eq!(file.metadata().await?.len(), 0);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[must_use]
    pub fn from_std(file: fs::File, path: impl AsRef<Path>) -> File {
        File {
            home: Home::new(Opened {
                file,
                ahead: Vec::new(),
                start: 0,
                outgoing: Vec::new(),
                figures: FileStatistics::default(),
            }),
            path: Arc::from(path.as_ref()),
            turn: Turn::default(),
            figures: Cell::default(),
        }
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at the present place, up to the size of `buffer` and 256 KiB. Returns the number of bytes,
    /// which is 0 only at the end of the file.
    ///
    /// ```
    /// use nestling_runtime::fs::{Error, File};
    ///
    /// async fn count_zeros(file: &File) -> Result<usize, Error> {
    ///     let mut buffer = vec![0; 64 << 10];
    ///     let mut zeros = 0;
    ///     loop {
    ///         match file.read(&mut buffer).await? {
    ///             0 => return Ok(zeros),
    ///             count => zeros += buffer[..count].iter().filter(|byte| **byte == 0).count(),
    ///         }
    ///     }
    /// }
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// # assert_eq!(count_zeros(&file).await?, 0);
    /// # Ok::<_, Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and no byte is lost: what the thread had read is delivered, or by the next `read`
    /// if foreign code has dropped this one.
    ///
    /// # Errors
    /// [Busy](Error::is_busy); what the system says; an empty buffer.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        const WORD: &str = "read";
        let _turn = self.begin(WORD).await?;
        if buffer.is_empty() {
            proceed().await;
            return Err(Error::new(WORD, &self.path, Misuse::EmptyBuffer));
        }
        let mut opened = self.home.lend().await;
        if opened.pending().is_empty() {
            let count = buffer.len().min(PART);
            hop(WORD, &self.path, move || opened.read_ahead(count)).await?;
            opened = self.lend_again(WORD)?;
        }
        let bytes = opened.pending();
        let count = bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        opened.start += count;
        Ok(count)
    }

    /// Writes at the present place, at most 256 KiB of `bytes`. Returns the number of bytes, which is 0
    /// only if `bytes` is empty.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// let count = file.write(b"hello").await?;
    /// assert_eq!(count, 5);
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, and exact: cut off, it has written nothing; what was written is told. Dropped by
    /// foreign code while its thread works, it writes nevertheless, and before the next write.
    ///
    /// # Errors
    /// [Busy](Error::is_busy), and what the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        let _turn = self.begin("write").await?;
        self.write_part(bytes, |opened| opened.write()).await
    }

    /// Writes all of `bytes`, 256 KiB at a time.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// file.write_all(b"hello").await?;
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. It is cut off between those parts; [`statistics`](File::statistics) tell how many bytes
    /// have been written, and [`stream_position`](File::stream_position) where that was.
    ///
    /// # Errors
    /// As [`write`](File::write); a part may have been written.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        let _turn = self.begin("write").await?;
        let mut parts = bytes.chunks(PART);
        let first = parts.next().unwrap_or_default();
        self.write_part(first, |opened| opened.write_all()).await?;
        for part in parts {
            self.write_part(part, |opened| opened.write_all()).await?;
        }
        Ok(())
    }

    /// Goes to another place, and returns its distance from the beginning, in bytes.
    ///
    /// ```
    /// use std::io::SeekFrom;
    ///
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// let size = file.seek(SeekFrom::End(0)).await?;
    /// # assert_eq!(size, 0);
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint; see the [module](crate::fs).
    ///
    /// # Errors
    /// [Busy](Error::is_busy), and what the system says: pipes have no places.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn seek(&self, to: SeekFrom) -> Result<u64, Error> {
        self.call("seek in", move |opened| {
            opened.settle()?;
            opened.file.seek(to)
        })
        .await
    }

    /// The present place, as its distance from the beginning in bytes.
    ///
    /// # Cancel and drop
    /// A checkpoint; see the [module](crate::fs).
    ///
    /// # Errors
    /// As [`seek`](File::seek).
    ///
    /// # Panics
    /// Outside a run.
    pub async fn stream_position(&self) -> Result<u64, Error> {
        self.seek(SeekFrom::Current(0)).await
    }

    /// Makes the file that long: cuts it off, or fills it up with zeros.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// file.set_len(10).await?;
    /// assert_eq!(file.metadata().await?.len(), 10);
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint; see the [module](crate::fs).
    ///
    /// # Errors
    /// [Busy](Error::is_busy), and what the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn set_len(&self, bytes: u64) -> Result<(), Error> {
        let set = move |opened: &mut Opened| retry(|| opened.file.set_len(bytes));
        self.call("set the length of", set).await
    }

    /// Waits until everything is on the disk, as far as the system knows.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// # let file = nestling_runtime::fs::temp_file().await?;
    /// file.write_all(b"paid").await?;
    /// file.sync_all().await?;
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint; see the [module](crate::fs).
    ///
    /// # Errors
    /// [Busy](Error::is_busy); what the system could not write, which may be lost.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn sync_all(&self) -> Result<(), Error> {
        let sync = |opened: &mut Opened| retry(|| opened.file.sync_all());
        self.call("synchronize", sync).await
    }

    /// What the system knows about the file.
    ///
    /// # Cancel and drop
    /// A checkpoint; see the [module](crate::fs).
    ///
    /// # Errors
    /// [Busy](Error::is_busy), and what the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        self.call("look at", |opened| opened.file.metadata()).await
    }

    /// Reads it line by line, from the present place on.
    #[must_use]
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }

    /// Its figures. While a thread works on it they are those of before.
    #[must_use]
    pub fn statistics(&self) -> FileStatistics {
        let mut figures = self.figures.get();
        match self.home.look(|opened| opened.figures) {
            Some(now) => {
                self.figures.set(now);
                figures = now;
            }
            None => figures.busy = true,
        }
        figures
    }

    async fn begin(&self, operation: &'static str) -> Result<TurnGuard<'_>, Error> {
        match self.turn.take() {
            Some(turn) => Ok(turn),
            None => {
                proceed().await;
                Err(Error::new(operation, &self.path, Misuse::Busy))
            }
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&mut Opened) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let _turn = self.begin(operation).await?;
        let mut opened = self.home.lend().await;
        hop(operation, &self.path, move || f(&mut opened)).await
    }

    async fn write_part<T: Send + 'static>(
        &self,
        part: &[u8],
        f: impl FnOnce(&mut Opened) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut opened = self.home.lend().await;
        opened.outgoing.clear();
        let part = part.get(..PART).unwrap_or(part);
        opened.outgoing.extend_from_slice(part);
        hop("write", &self.path, move || f(&mut opened)).await
    }

    /// Takes what our own thread has just brought home.
    fn lend_again(&self, operation: &'static str) -> Result<Away<Opened>, Error> {
        let missing = || io::Error::other("the file has not come back from its thread");
        let opened = self.home.try_lend();
        opened.ok_or_else(|| Error::new(operation, &self.path, missing()))
    }
}

impl Opened {
    fn pending(&self) -> &[u8] {
        self.ahead.get(self.start..).unwrap_or_default()
    }

    fn read_ahead(&mut self, count: usize) -> io::Result<()> {
        self.start = 0;
        self.ahead.resize(count, 0);
        let result = retry(|| self.file.read(&mut self.ahead));
        let count = *result.as_ref().unwrap_or(&0);
        self.ahead.truncate(count);
        self.figures.bytes_read += count as u64;
        result.map(drop)
    }

    /// Goes back to where the reader is who was delivered less than was read.
    fn settle(&mut self) -> io::Result<()> {
        let count = self.pending().len() as i64;
        if count == 0 {
            return Ok(());
        }
        match self.file.seek(SeekFrom::Current(-count)) {
            Ok(_) => self.start = self.ahead.len(),
            // A pipe or a terminal: what comes out of it has nothing to do with what goes in.
            Err(error) if error.kind() == ErrorKind::NotSeekable => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<usize> {
        self.settle()?;
        let count = retry(|| self.file.write(&self.outgoing))?;
        self.figures.bytes_written += count as u64;
        Ok(count)
    }

    fn write_all(&mut self) -> io::Result<()> {
        self.settle()?;
        let mut rest = &*self.outgoing;
        while !rest.is_empty() {
            let count = retry(|| self.file.write(rest))?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.figures.bytes_written += count as u64;
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

pub(super) async fn proceed() {
    std::future::poll_fn(poll_proceed).await;
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.statistics();
        f.debug_struct("File")
            .field("path", &self.path)
            .field("in_use", &self.turn.is_taken())
            .field("bytes_read", &now.bytes_read)
            .field("bytes_written", &now.bytes_written)
            .finish()
    }
}
