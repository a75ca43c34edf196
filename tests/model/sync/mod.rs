//! Random programs on lots and semaphores, compared with a deque that knows nothing but the rules.

mod lots;
mod semaphores;

use crate::support;

/// How many programs are tried, each with its own seed.
fn programs() -> u64 {
    support::times(5000, 20) as u64
}
