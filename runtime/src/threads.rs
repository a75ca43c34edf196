//! Blocking work in threads.
//!
//! A call of `run_sync` is a [`job::Job`], shared by the task that waits for it (its *host*) and the
//! thread that does it. What they tell each other goes through the job's [`link::Link`], one locked
//! state: the thread that it has finished, or that it wants something done in the host; the host that it
//! is cancelled, or gone.
//!
//! ```text
//! 1 the host has a permit of the limiter      host.rs, limiter.rs
//! 2 an idle thread, or a new one, gets the job    cache.rs, idle.rs
//! 3 the thread works; visits to the host      job.rs, visit.rs
//! 4 the thread marks itself idle, delivers, and wakes the host
//! ```
//!
//! A host that is dropped between 2 and 4 leaves its permit with the run, and the thread gives that
//! back at its end.

mod cache;
mod call;
mod detached;
mod error;
mod host;
mod idle;
mod job;
mod limiter;
mod link;
mod of_run;
mod pool;
mod visit;
mod worker;

#[cfg(test)]
mod tests;

pub use cache::{ThreadStatistics, statistics};
pub use call::{Call, default_limiter, run_sync, with};
pub(crate) use detached::detach;
pub use error::{SpawnError, VisitError};
pub use limiter::{Limiter, LimiterStatistics};
pub use link::{Request, Visit};
pub(crate) use of_run::OfRun;
pub use pool::Pool;
pub use visit::{ask, ask_sync, run, run_sync as visit_sync, run_sync_in};
pub use worker::check_cancelled;
