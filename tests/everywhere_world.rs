//! Files, processes and standard streams, cancelled, dropped and made to panic at each of their awaits.

#[allow(dead_code, reason = "what goes on outside has no virtual time")]
#[path = "everywhere/probe.rs"]
mod probe;
#[path = "everywhere/world.rs"]
mod world;

mod support;
