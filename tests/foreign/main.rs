//! What other crates do with Nestling's futures.

mod climbing;
mod combinators;
mod drops;
mod owners;
mod panicking_owners;
mod panicking_wakers;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod wakers;
