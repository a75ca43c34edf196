//! What `nestling::testing` has for the tests of others.

#[path = "../everywhere/probe.rs"]
mod probe;

mod everywhere;
mod explore;
mod net;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod time;
