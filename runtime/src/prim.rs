//! The atomics that the cross-thread files use, in one place, so that `tests/models` can build those
//! same files on a model checker's atomics.

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU8, Ordering};
