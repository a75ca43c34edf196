//! Files and directories.
//!
//! ```
//! use nestling_runtime::fs;
//!
//! # nestling_runtime::run(async {
//! let folder = fs::temp_dir().await?;
//! let path = folder.path().join("greeting");
//! fs::write(&path, "hello\nworld\n").await?;
//! let mut lines = fs::lines(&path).await?;
//! while let Some(line) = lines.next().await? {
//!     println!("{line}");
//! }
//! # Ok::<_, fs::Error>(())
//! # })?;
//! # Ok::<(), fs::Error>(())
//! ```
//!
//! The system has no way to wait for files as for sockets, so each operation is a call into a thread, with a
//! place in [`default_limiter`](crate::to_thread::default_limiter): some 10 µs more than the call itself.
//! Where many small pieces are read or written, that is what it costs; use larger ones.
//!
//! # Cancel and drop
//! All operations are checkpoints. In a cancelled context, or cancelled before its thread has begun, an
//! operation has no effect. From then on its thread cannot be stopped, so the scopes around wait for it, and
//! what it has done is told. Dropped by foreign code, it is done nevertheless, and what comes of it is let
//! go of: a file that it opened is closed, a temporary one removed.

mod error;
mod file;
mod home;
mod hop;
mod lines;
mod options;
mod paths;
mod read_dir;
mod temp;
mod whole;

pub use crate::line_buffer::LineTooLong;
pub use error::Error;
pub use file::{File, FileStatistics};
pub use lines::{Lines, lines};
pub use options::OpenOptions;
pub use paths::{
    canonicalize, create_dir, create_dir_all, exists, metadata, remove_dir, remove_dir_all,
    remove_file, rename, symlink_metadata,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use temp::{TempDir, TempFile, temp_dir, temp_dir_in, temp_file, temp_file_in};
pub use whole::{copy, read, read_to_string, write};
