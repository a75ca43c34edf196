//! Streams as a trait: memory streams, the checks that a stream has to pass, what these checks find,
//! and programs that do not care which network they run on.

mod checked;
mod defects;
mod faulty;
mod memory;
mod networks;
#[path = "../support/mod.rs"]
mod support;
