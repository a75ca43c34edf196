//! Files and directories that vanish.
//!
//! Their names are drawn by chance, and they are created only if there is nothing of that name, so nobody
//! can lead the program to a file of their own by a link. Others may not look inside.

use std::collections::hash_map::RandomState;
use std::env;
use std::fmt;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::mem;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::file::File;
use super::hop::at;

/// How many names are tried.
const ATTEMPTS: u32 = 100;

/// Creates a file among the system's temporary ones, open for reading and writing.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// let file = fs::temp_file().await?;
/// file.write_all(b"scratch").await?;
/// let path = file.path().to_owned();
/// drop(file);
/// assert!(!fs::exists(path).await?);
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), fs::Error>(())
/// ```
///
/// # Cancel and drop
/// A checkpoint. Dropped by foreign code while its thread works, the file is removed there.
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn temp_file() -> Result<TempFile, Error> {
    temp_file_in(env::temp_dir()).await
}

/// As [`temp_file`], in `folder`. To take the place of another file by
/// [`persist`](TempFile::persist), it has to be in the same file system.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// # let folder = fs::temp_dir().await?;
/// # let folder = folder.path();
/// let file = fs::temp_file_in(folder).await?;
/// file.write_all(b"colour = blue").await?;
/// file.sync_all().await?;
/// file.persist(folder.join("settings")).await?;
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), fs::Error>(())
/// ```
///
/// # Cancel and drop
/// As [`temp_file`].
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn temp_file_in(folder: impl AsRef<Path>) -> Result<TempFile, Error> {
    let (file, doomed) = at("create a temporary file in", folder, |folder| {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        create(
            folder,
            |path| fs::remove_file(path),
            |path| options.open(path),
        )
    })
    .await?;
    let file = File::from_std(file, &doomed.path);
    Ok(TempFile { file, doomed })
}

/// Creates a directory among the system's temporary ones.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// let folder = fs::temp_dir().await?;
/// fs::write(folder.path().join("a"), "a").await?;
/// folder.remove().await?;
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), fs::Error>(())
/// ```
///
/// # Cancel and drop
/// A checkpoint. Dropped by foreign code while its thread works, the directory is removed there.
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn temp_dir() -> Result<TempDir, Error> {
    temp_dir_in(env::temp_dir()).await
}

/// As [`temp_dir`], in `folder`.
///
/// # Cancel and drop
/// As there.
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn temp_dir_in(folder: impl AsRef<Path>) -> Result<TempDir, Error> {
    let ((), doomed) = at("create a temporary directory in", folder, |folder| {
        #[cfg_attr(not(unix), expect(unused_mut, reason = "it has no mode there"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        create(
            folder,
            |path| fs::remove_dir_all(path),
            |path| builder.create(path),
        )
    })
    .await?;
    Ok(TempDir { doomed })
}

/// A file that is removed when it is dropped. It is used as the [`File`] that it derefs to.
///
/// # Drop
/// The file is closed and removed, here and now, which for a file is a short call. That it can't be is
/// told through `tracing`.
#[derive(Debug)]
pub struct TempFile {
    file: File,
    doomed: Doomed,
}

impl TempFile {
    /// Keeps the file under this name, in place of what had it before, and gives it back.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off before its thread has begun, the file is removed.
    ///
    /// # Errors
    /// What the system says; the file is removed then.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn persist(self, path: impl AsRef<Path>) -> Result<File, Error> {
        let TempFile { file, doomed } = self;
        let from = doomed.path.clone();
        super::hop::from_to("rename", from, path, move |from, to| {
            fs::rename(from, to)?;
            doomed.keep();
            Ok(())
        })
        .await?;
        Ok(file)
    }
}

impl Deref for TempFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

/// A directory that is removed with all that is in it when it is dropped.
///
/// # Drop
/// It is removed here and now, which holds up the run if there is much in it: [`remove`](TempDir::remove)
/// does it in a thread. That it can't be removed is told through `tracing`.
#[derive(Debug)]
pub struct TempDir {
    doomed: Doomed,
}

impl TempDir {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.doomed.path
    }

    /// Removes it now, and tells if that is not possible.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off, it has been removed as by a drop.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn remove(self) -> Result<(), Error> {
        let path = self.doomed.path.clone();
        at("remove the directory", path, move |path| {
            fs::remove_dir_all(path)?;
            self.doomed.keep();
            Ok(())
        })
        .await
    }

    /// Leaves it where it is.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.doomed.keep()
    }
}

/// Something that is to be removed.
struct Doomed {
    path: PathBuf,
    remove: fn(&Path) -> io::Result<()>,
}

impl Doomed {
    fn keep(mut self) -> PathBuf {
        mem::take(&mut self.path)
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        match (self.remove)(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "something temporary is left");
            }
        }
    }
}

impl fmt::Debug for Doomed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.path, f)
    }
}

/// Tries names until there is nothing of that name.
fn create<T>(
    folder: &Path,
    remove: fn(&Path) -> io::Result<()>,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(T, Doomed)> {
    // Absolute, so that it is found when it is to be removed, wherever the program is by then.
    let folder = std::path::absolute(folder)?;
    let mut attempt = 0;
    loop {
        // The standard library seeds its hash maps by the system's random numbers.
        let chance = RandomState::new().hash_one(attempt);
        let path = folder.join(format!(".nestling-{chance:016x}"));
        match make(&path) {
            Ok(made) => return Ok((made, Doomed { path, remove })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
