//! What the example programs share: nothing here is about nurseries.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a small library inside of each program, which uses a part of it"
)]

pub mod args;
pub mod descriptors;
pub mod histogram;
pub mod lines;
pub mod load;
pub mod output;
pub mod pattern;
pub mod program;
pub mod progress;
pub mod report;
pub mod signal;

pub use output::Bytes;
pub(crate) use output::say;
pub use program::{Stop, program};
