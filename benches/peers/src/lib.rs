//! What the measured programs share: how they are told what to do, how they
//! say that they are ready, and how they are kept from outliving the driver.
//!
//! None of it runs while a measurement does.

mod batches;
mod lifetime;
mod listening;

pub use batches::{Batches, Shape};
pub use lifetime::end_with_parent;
pub use listening::{announce, buffer_len};

/// What a measured program may fail with.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
