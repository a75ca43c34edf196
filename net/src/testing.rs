//! Help for tests.

pub mod net;
