//! What is in a directory.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::home::Home;
use super::hop::{at, hop};

/// How many entries are read at once, by one call into a thread.
const BATCH: usize = 256;

/// Reads what is in a directory, in no particular order, without `.` and `..`.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// let mut entries = fs::read_dir("/").await?;
/// while let Some(entry) = entries.next().await? {
///     if entry.file_type().is_dir() {
///         println!("{}", entry.path().display());
///     }
/// }
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), fs::Error>(())
/// ```
///
/// What is created or removed meanwhile may be in it or not.
///
/// # Cancel and drop
/// A checkpoint; see the [module](crate::fs).
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn read_dir(path: impl AsRef<Path>) -> Result<ReadDir, Error> {
    let path = path.as_ref();
    let listing = at("list", path, |path| {
        let mut listing = Listing {
            entries: Some(fs::read_dir(path)?),
            ready: VecDeque::new(),
        };
        listing.read();
        Ok(listing)
    });
    Ok(ReadDir {
        home: Home::new(listing.await?),
        path: path.to_owned(),
    })
}

/// What is in a directory, made by [`read_dir`].
pub struct ReadDir {
    home: Arc<Home<Listing>>,
    path: PathBuf,
}

struct Listing {
    /// `None` at the end.
    entries: Option<fs::ReadDir>,
    ready: VecDeque<io::Result<DirEntry>>,
}

/// What [`ReadDir`] finds.
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    name: OsString,
    file_type: FileType,
}

impl ReadDir {
    /// The next entry; `None` after the last one. 256 of them are read by one call into a thread.
    ///
    /// # Cancel and drop
    /// A checkpoint, and no entry is lost.
    ///
    /// # Errors
    /// What the system says; the next call goes on.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn next(&mut self) -> Result<Option<DirEntry>, Error> {
        let mut listing = self.home.lend().await;
        if listing.ready.is_empty() && listing.entries.is_some() {
            hop("list", &self.path, move || {
                listing.read();
                Ok(())
            })
            .await?;
        } else {
            drop(listing);
        }
        let next = self.home.look(|listing| listing.ready.pop_front());
        let next = next.flatten().transpose();
        next.map_err(|error| Error::new("list", &self.path, error))
    }
}

impl Listing {
    fn read(&mut self) {
        while let Some(entries) = self.entries.as_mut() {
            match entries.next() {
                Some(entry) => self.ready.push_back(entry.and_then(DirEntry::new)),
                // The directory is closed.
                None => self.entries = None,
            }
            if self.ready.len() == BATCH {
                return;
            }
        }
    }
}

impl DirEntry {
    fn new(entry: fs::DirEntry) -> io::Result<DirEntry> {
        // Not the entry itself, which keeps the directory open.
        Ok(DirEntry {
            path: entry.path(),
            name: entry.file_name(),
            file_type: entry.file_type()?,
        })
    }

    /// The path of the directory and the name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name in the directory.
    #[must_use]
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// What it is. Links are links here.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.file_type
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.home.look(|listing| listing.ready.len());
        f.debug_struct("ReadDir")
            .field("path", &self.path)
            .field("ready", &ready)
            .finish()
    }
}
