//! Files, other programs and standard streams.

mod fs;
#[cfg(all(unix, not(miri)))]
mod process;
#[cfg(all(unix, not(miri)))]
mod stdio;
#[path = "../support/mod.rs"]
mod support;
