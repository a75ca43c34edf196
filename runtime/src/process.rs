//! Other programs.
//!
//! ```
//! use nestling_runtime::process::{Command, Stdio};
//!
//! # nestling_runtime::run(async {
//! let mut child = Command::new("cat")
//!     .stdin(Stdio::Pipe)
//!     .stdout(Stdio::Pipe)
//!     .spawn()
//!     .await?;
//! if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
//!     stdin.write_all(b"hello").await?;
//!     drop(stdin); // it reads the end of its input
//!     assert_eq!(stdout.read_to_end().await?, b"hello");
//! }
//! assert!(child.wait().await?.success());
//! # Ok::<_, nestling_runtime::process::Error>(())
//! # })?;
//! # Ok::<(), nestling_runtime::process::Error>(())
//! ```
//!
//! A [`Child`] belongs to whoever holds it: dropped, it is killed. The pipes and the end of the process are
//! watched by the run's reactor; on Linux the end by a pidfd, and on other Unix systems, or where Linux
//! refuses pidfds, by a thread of those that [`to_thread`](crate::to_thread) uses.
//!
//! To run a program to its end, with its input and output, use `run_process` of the `nestling` crate.

mod child;
mod command;
mod error;
mod exit;
mod pipe;
mod pipe_lines;

pub use child::{Child, Wait};
pub use command::{Command, Stdio};
pub use error::Error;
pub use pipe::{PipeReader, PipeWriter};
pub use pipe_lines::PipeLines;
