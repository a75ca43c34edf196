//! What the cross-thread files share memory and wait with, in one place: `tests/models` builds those
//! same files on a model checker's counterparts. `Arc` and `Waker` are not among them. Unit tests do not
//! belong in those files: they would be built there too.

pub(crate) use concurrent_queue::{ConcurrentQueue, PushError};
#[allow(unused_imports, reason = "the portable word is made of it")]
pub(crate) use std::sync::Condvar;
pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

pub(crate) use crate::word::Word;
