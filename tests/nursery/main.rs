//! Nurseries and their children, from the first poll to the last error.

mod daemons;
mod deep;
mod drops;
mod errors;
mod join;
mod nurseries;
mod panics;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod unwinding;
