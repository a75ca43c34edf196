//! How a file is opened.

use std::fs;
use std::path::Path;

use super::Error;
use super::file::File;
use super::hop::{self, retry};

/// How a file is to be opened, as in the standard library.
///
/// ```
/// use nestling_runtime::fs::File;
///
/// # nestling_runtime::run(async {
/// # let folder = nestling_runtime::fs::temp_dir().await?;
/// # let path = folder.path().join("log");
/// let log = File::options().append(true).create(true).open(path).await?;
/// log.write_all(b"started\n").await?;
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// What only one system knows, such as Unix modes, comes with options of the standard library:
/// `OpenOptions::from(std_options)`.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `open` is called"]
pub struct OpenOptions {
    inner: fs::OpenOptions,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, yes: bool) -> OpenOptions {
            self.inner.$name(yes);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is allowed yet.
    pub fn new() -> OpenOptions {
        OpenOptions {
            inner: fs::OpenOptions::new(),
        }
    }

    setters! {
        /// Allows for reading.
        read,
        /// Allows for writing.
        write,
        /// Writes go to the end of the file, wherever that is at the moment.
        append,
        /// Empties the file.
        truncate,
        /// Creates the file if there is none.
        create,
        /// Creates the file, and fails if there is one, or a link.
        create_new,
    }

    /// Opens the file.
    ///
    /// # Cancel and drop
    /// A checkpoint. Dropped by foreign code while its thread works, the file is closed there (but it has
    /// been created). Opening a named pipe waits for the other side, and cannot be cut off meanwhile.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// Outside a run.
    pub async fn open(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        let path = path.as_ref();
        let options = self.inner.clone();
        let file = hop::at("open", path, move |path| retry(|| options.open(path))).await?;
        Ok(File::from_std(file, path))
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(inner: fs::OpenOptions) -> OpenOptions {
        OpenOptions { inner }
    }
}
