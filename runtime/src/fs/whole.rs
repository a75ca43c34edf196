//! Whole files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::Error;
use super::hop::{at, from_to, wanted};

/// How much is read or copied before the thread looks whether the rest is wanted.
const PART: u64 = 8 << 20;

/// Reads a whole file.
///
/// ```
/// # nestling_runtime::run(async {
/// # let file = nestling_runtime::fs::temp_file().await?;
/// # let path = file.path();
/// let bytes = nestling_runtime::fs::read(path).await?;
/// # assert!(bytes.is_empty());
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// # Cancel and drop
/// A checkpoint. Cancelled half-way, it ends within 8 MiB.
///
/// # Errors
/// What the system says, also if there is not enough memory for it.
///
/// # Panics
/// Outside a run.
pub async fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    at("read", path, read_all).await
}

/// Reads a whole file of text.
///
/// ```
/// # nestling_runtime::run(async {
/// # let file = nestling_runtime::fs::temp_file().await?;
/// # let path = file.path();
/// let text = nestling_runtime::fs::read_to_string(path).await?;
/// # assert!(text.is_empty());
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// # Cancel and drop
/// As [`read`].
///
/// # Errors
/// What the system says, and [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8.
///
/// # Panics
/// Outside a run.
pub async fn read_to_string(path: impl AsRef<Path>) -> Result<String, Error> {
    at("read", path, |path| text(read_all(path)?)).await
}

pub(super) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn read_all(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    // A hint only: what is in `/proc` has no size.
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(0))?;
    loop {
        wanted()?;
        if file.by_ref().take(PART).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
    }
}

/// Makes a file with these contents. If there is one, its contents are replaced.
///
/// ```
/// # nestling_runtime::run(async {
/// # let folder = nestling_runtime::fs::temp_dir().await?;
/// # let path = folder.path().join("greeting");
/// nestling_runtime::fs::write(&path, "hello").await?;
/// # assert_eq!(nestling_runtime::fs::read(&path).await?, b"hello");
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// Others may see a part of it, or nothing, while it is being written; see [`rename`](super::rename()).
///
/// # Cancel and drop
/// A checkpoint. Once its thread has begun, the file is written to the end.
///
/// # Errors
/// What the system says; a part may have been written.
///
/// # Panics
/// Outside a run.
pub async fn write(path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) -> Result<(), Error> {
    let contents = contents.into();
    at("write", path, move |path| fs::write(path, contents)).await
}

/// Copies the contents and the permissions of a file, and returns how many bytes it has. If there is a
/// file at `to`, its contents are replaced.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// # let folder = fs::temp_dir().await?;
/// # let (from, to) = (folder.path().join("a"), folder.path().join("b"));
/// # fs::write(&from, "hello").await?;
/// assert_eq!(fs::copy(&from, &to).await?, 5);
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// Where the system can do it by itself, the bytes do not come into the program.
///
/// # Cancel and drop
/// A checkpoint. Cancelled half-way, it ends within 8 MiB, and leaves at `to` what it has copied.
///
/// # Errors
/// What the system says; a part may have been copied.
///
/// # Panics
/// Outside a run.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<u64, Error> {
    from_to("copy", from, to, copy_all).await
}

fn copy_all(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = fs::File::open(from)?;
    let found = source.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only files can be copied",
        ));
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        // From the beginning, or what is secret could be read until the end.
        options.mode(found.mode() & 0o777);
        if let Ok(there) = fs::metadata(to) {
            if (there.dev(), there.ino()) == (found.dev(), found.ino()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "both are the same file",
                ));
            }
        }
    }
    let mut target = options.open(to)?;
    let mut total = 0;
    loop {
        wanted()?;
        match io::copy(&mut source.by_ref().take(PART), &mut target)? {
            0 => break,
            count => total += count,
        }
    }
    if target.metadata()?.is_file() {
        target.set_permissions(found.permissions())?;
    }
    Ok(total)
}
