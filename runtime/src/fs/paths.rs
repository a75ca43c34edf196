//! What is done to files by their names.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::Error;
use super::hop::{at, from_to};

/// One function of the standard library, in a thread.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($word:literal) -> $value:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Cancel and drop
        /// A checkpoint; see the [module](crate::fs).
        ///
        /// # Errors
        /// What the system says.
        ///
        /// # Panics
        /// Outside a run.
        pub async fn $name(path: impl AsRef<Path>) -> Result<$value, Error> {
            at($word, path, |path| fs::$name(path)).await
        }
    )*};
}

calls! {
    /// What the system knows about a file. A link stands for what it leads to.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// assert!(nestling_runtime::fs::metadata("/").await?.is_dir());
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    metadata("look at") -> Metadata;

    /// What the system knows about a file. A link stands for itself.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// assert!(!nestling_runtime::fs::symlink_metadata("/").await?.is_symlink());
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    symlink_metadata("look at") -> Metadata;

    /// Creates a directory in one that is there.
    ///
    /// ```
    /// use nestling_runtime::fs;
    ///
    /// # nestling_runtime::run(async {
    /// let folder = fs::temp_dir().await?;
    /// fs::create_dir(folder.path().join("new")).await?;
    /// # Ok::<_, fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    create_dir("create the directory") -> ();

    /// Creates a directory and those around it, as far as they are missing.
    ///
    /// ```
    /// use nestling_runtime::fs;
    ///
    /// # nestling_runtime::run(async {
    /// let folder = fs::temp_dir().await?;
    /// fs::create_dir_all(folder.path().join("a/b/c")).await?;
    /// # Ok::<_, fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    create_dir_all("create the directory") -> ();

    /// Removes a file, or a link.
    ///
    /// ```
    /// use nestling_runtime::fs;
    ///
    /// # nestling_runtime::run(async {
    /// let folder = fs::temp_dir().await?;
    /// let path = folder.path().join("a");
    /// fs::write(&path, "a").await?;
    /// fs::remove_file(&path).await?;
    /// # Ok::<_, fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    remove_file("remove") -> ();

    /// Removes an empty directory.
    ///
    /// ```
    /// use nestling_runtime::fs;
    ///
    /// # nestling_runtime::run(async {
    /// let folder = fs::temp_dir().await?;
    /// let path = folder.path().join("a");
    /// fs::create_dir(&path).await?;
    /// fs::remove_dir(&path).await?;
    /// # Ok::<_, fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    remove_dir("remove the directory") -> ();

    /// Removes a directory with all that is in it. Links are removed, and not followed.
    ///
    /// ```
    /// use nestling_runtime::fs;
    ///
    /// # nestling_runtime::run(async {
    /// let folder = fs::temp_dir().await?;
    /// let path = folder.path().join("a");
    /// fs::create_dir_all(path.join("b")).await?;
    /// fs::remove_dir_all(&path).await?;
    /// # Ok::<_, fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    remove_dir_all("remove the directory") -> ();

    /// The absolute path of what is there, without links and dots.
    ///
    /// ```
    /// # nestling_runtime::run(async {
    /// let path = nestling_runtime::fs::canonicalize("/.").await?;
    /// # #[cfg(unix)]
    /// assert_eq!(path.to_str(), Some("/"));
    /// # Ok::<_, nestling_runtime::fs::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::fs::Error>(())
    /// ```
    canonicalize("resolve") -> PathBuf;
}

/// Whether there is something of that name. By the time of the answer it may have changed.
///
/// ```
/// # nestling_runtime::run(async {
/// assert!(nestling_runtime::fs::exists("/").await?);
/// # Ok::<_, nestling_runtime::fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// # Cancel and drop
/// A checkpoint; see the [module](crate::fs).
///
/// # Errors
/// If that can't be told, for want of permissions for one.
///
/// # Panics
/// Outside a run.
pub async fn exists(path: impl AsRef<Path>) -> Result<bool, Error> {
    at("look for", path, Path::try_exists).await
}

/// Gives a file another name, within a file system. What had that name before is replaced, at once.
///
/// ```
/// use nestling_runtime::fs;
///
/// # nestling_runtime::run(async {
/// # let folder = fs::temp_dir().await?;
/// # let settings = folder.path().join("settings");
/// // Whoever reads the settings finds the old ones or the new ones, and never a part.
/// let new = settings.with_extension("new");
/// fs::write(&new, "colour = blue").await?;
/// fs::rename(&new, &settings).await?;
/// # Ok::<_, fs::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::fs::Error>(())
/// ```
///
/// # Cancel and drop
/// A checkpoint; see the [module](crate::fs).
///
/// # Errors
/// What the system says.
///
/// # Panics
/// Outside a run.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
    from_to("rename", from, to, |from, to| fs::rename(from, to)).await
}
