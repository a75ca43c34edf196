//! The way back from a thread into a run: [`run()`] and [`run_sync`] have the task that waits for the
//! thread do something, under its scopes.

pub use crate::threads::{
    Request, Visit, VisitError, ask, ask_sync, run, run_sync_in, visit_sync as run_sync,
};
