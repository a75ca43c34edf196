//! Tests of whole programs: stopped at each of their steps, or run in many orders.
//!
//! Programs use `nestling::testing`, which has this and what the runtime offers.

mod everywhere;
mod explore;

pub use everywhere::{CancelEverywhere, Coverage, Disturbance, cancel_everywhere};
pub use explore::explore;
