//! What makes tests of concurrent code repeat: virtual time, seeds, waiting for quiet, order.
//!
//! Programs use `nestling::testing`, which has this and what nurseries and the network add.

mod assertions;
mod harness;
mod held;
mod leaks;
mod mock_clock;
mod process;
mod quiet;
mod replay;
mod sequencer;

pub use crate::deadlock::Deadlock;
pub use crate::rng::Rng;
pub use crate::steps::{EachStep, Proceed, Step, each_step};
pub use assertions::{AssertCheckpoints, assert_checkpoints, assert_no_checkpoints};
pub use held::{Held, outstanding};
pub use mock_clock::MockClock;
pub use process::Process;
pub use quiet::{WaitAllTasksBlocked, wait_all_tasks_blocked};
pub use replay::replayed_seed;
pub use sequencer::{Sequencer, Turn};

/// What the attributes expand to; nobody else calls it.
#[doc(hidden)]
pub mod __private {
    pub use super::harness::{Config, Given, main, test};
}
