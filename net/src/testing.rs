//! Tools for tests of protocols, servers and streams: streams in memory, the checks that a stream
//! type has to pass, and a whole network in memory.
//!
//! Programs use the `nestling` crate, which re-exports all of this as part of `nestling::testing`.

mod check;
mod hooks;
mod memory_pair;
mod memory_stream;
pub mod net;
mod pipe;

pub use check::{StreamCheck, check_half_close, check_stream};
pub use memory_pair::{lockstep_stream_pair, memory_stream_pair, memory_stream_pair_with_capacity};
pub use memory_stream::{MemoryStream, MemoryStreamStatistics};
