//! Runs, their time and their turns.

mod fairness;
mod runs;
#[path = "../support/mod.rs"]
mod support;
mod time;
mod wake_ups;
