//! Random programs on lots and semaphores, compared with a deque that knows nothing but the rules.

#[allow(dead_code, reason = "the programs of `model.rs` use more of it")]
#[path = "model/random.rs"]
mod random;

#[path = "sync_model/lots.rs"]
mod lots;
#[path = "sync_model/semaphores.rs"]
mod semaphores;

mod support;

/// How many programs are tried, each with its own seed.
fn programs() -> u64 {
    support::times(5000, 20) as u64
}
