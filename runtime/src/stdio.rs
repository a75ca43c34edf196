//! The standard input, output and error of this program.
//!
//! ```no_run
//! use nestling_runtime::stdio::{stdin, stdout};
//!
//! # fn main() -> std::io::Result<()> {
//! nestling_runtime::run(async {
//!     stdout().print("Your name? ").await?;
//!     match stdin().read_line().await? {
//!         Some(name) => stdout().println(format_args!("Hello {name}")).await,
//!         None => stdout().println("Nobody there").await,
//!     }
//! })
//! # }
//! ```
//!
//! Other programs share these streams, as the shell that has started this one does. So they are never made
//! non-blocking, which would be seen there as well. Where the input can be watched (a terminal, a pipe, a
//! socket) the reactor tells when there is something, and that is read by a call that does not block then,
//! unless another program snatches it away in between. Otherwise, and for the output, threads are used.

#[cfg(test)]
mod tests;

mod input;
mod output;
mod writing;

pub use input::{Stdin, StdinLines, stdin};
pub use output::{Output, stderr, stdout};
