//! Blocking work in threads: [`run_sync`] calls a closure in a thread and waits for its value.
//!
//! ```
//! use nestling_runtime::{run, to_thread};
//!
//! fn fibonacci(n: u32) -> u64 {
//!     if n < 2 { n.into() } else { fibonacci(n - 1) + fibonacci(n - 2) }
//! }
//!
//! let number = run(to_thread::run_sync(|| fibonacci(20)))?;
//! assert_eq!(number, 6765);
//! # Ok::<(), to_thread::SpawnError>(())
//! ```
//!
//! After a `fork` the child process has none of these threads, though it believes in those that were idle:
//! it must not use them.

pub use crate::threads::{
    Call, Limiter, LimiterStatistics, Pool, SpawnError, ThreadStatistics, check_cancelled,
    default_limiter, run_sync, statistics, with,
};
