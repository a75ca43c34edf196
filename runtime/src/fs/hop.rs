//! One call into a thread.

use std::io;
use std::path::Path;

use super::error::Error;
use crate::cancelled::Cancelled;
use crate::checkpoint::checkpoint;
use crate::saying::saying;
use crate::to_thread;

/// Calls `f` in a thread; its errors get to know what was done and to what.
pub(super) async fn hop<T, F>(operation: &'static str, path: &Path, f: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let words = || format!("the system to {operation} {}", path.display());
    let result = saying(words, to_thread::run_sync(f)).await;
    let result = result.map_err(io::Error::from).flatten_io();
    let result = result.map_err(|error| Error::new(operation, path, error));
    if let Err(error) = &result {
        if error.inner::<Cancelled>().is_some() {
            // The thread has seen that we are cancelled, so this cuts us off.
            checkpoint().await;
        }
    }
    result
}

/// As [`hop`], for one path.
pub(super) async fn at<T, F>(
    operation: &'static str,
    path: impl AsRef<Path>,
    f: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&Path) -> io::Result<T> + Send + 'static,
{
    let path = path.as_ref();
    let owned = path.to_owned();
    hop(operation, path, move || f(&owned)).await
}

/// As [`hop`], for two paths.
pub(super) async fn from_to<T, F>(
    operation: &'static str,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    f: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
{
    let (from, to) = (from.as_ref(), to.as_ref());
    let (source, target) = (from.to_owned(), to.to_owned());
    let result = hop(operation, from, move || f(&source, &target)).await;
    result.map_err(|error| error.with_target(to))
}

/// In the thread, between two parts of something long: fails once nobody wants the rest.
pub(super) fn wanted() -> io::Result<()> {
    to_thread::check_cancelled().map_err(io::Error::other)
}

/// In the thread: again, if a signal came in between.
pub(super) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

trait FlattenIo<T> {
    fn flatten_io(self) -> io::Result<T>;
}

impl<T> FlattenIo<T> for io::Result<io::Result<T>> {
    fn flatten_io(self) -> io::Result<T> {
        self?
    }
}
