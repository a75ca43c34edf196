//! What the measured programs share: how they are told what to do, how they
//! say that they are ready, and how they are kept from outliving the driver.
//!
//! But for `one_wake_up`, which is measured, none of it runs while a measurement does.

mod batches;
mod lifetime;
mod listening;
mod one_wake_up;

pub use batches::{Batches, CAPACITY, PRODUCERS, Shape};
pub use lifetime::end_with_parent;
pub use listening::{announce, buffer_len};
pub use one_wake_up::one_wake_up;

/// What a measured program may fail with.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
