//! What tasks share and wait for.

mod barrier;
mod capacity_limiter;
mod condition;
mod event;
mod lock;
mod locks;
mod parking_lot;
mod promise;
mod rw_lock;
mod semaphore;
#[path = "../support/mod.rs"]
mod support;
