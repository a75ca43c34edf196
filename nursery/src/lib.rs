//! Nestling's nurseries, cancel scopes and multi-errors.
//!
//! Programs use the `nestling` crate, which re-exports all of this.

mod boundary;
mod canceller;
mod child;
mod error;
mod join;
mod multi_error;
mod nursery;
mod on_cancel;
mod open;
mod outcome;
mod portal;
#[cfg(unix)]
mod process;
mod scope;
mod shield;
mod shutdown;
#[cfg(doctest)]
mod soundness;
mod start;
mod state;
pub mod testing;
mod timeout;

pub use canceller::Canceller;
pub use error::{BoxError, NurseryError, StartError};
pub use join::JoinHandle;
pub use multi_error::{Leaves, MultiError, TaskError};
pub use nursery::{Nursery, TaskBuilder};
pub use on_cancel::{OnCancel, on_cancel};
pub use open::open_nursery;
pub use outcome::{Outcome, ok};
pub use portal::{Portal, portal};
#[cfg(unix)]
pub use process::{ProcessError, RunProcess, StatusError, run_process};
pub use scope::{CancelScope, ScopeRun};
pub use shield::{CatchCancel, Shield, catch_cancel, shield};
pub use shutdown::{
    Laggard, Shutdown, ShutdownReport, ShutdownRequested, current_cancellation,
    current_effective_deadline, shutdown_requested,
};
pub use start::Ready;
pub use timeout::{FailAfter, MoveOn, TooSlow, fail_after, fail_at, move_on_after, move_on_at};
