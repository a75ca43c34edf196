//! Cancellation: scopes, deadlines, shields, clean-up and soft shutdown, a file each.

mod canceller;
mod checkpoints;
mod cleanup;
mod deadlines;
mod scopes;
mod shields;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;
