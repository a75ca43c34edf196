//! From tasks into threads and back.

mod from_thread;
mod portal;
#[path = "../support/mod.rs"]
mod support;
mod to_thread;
