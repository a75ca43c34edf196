//! Channels and work queues.

mod hand_off;
mod kinds;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod work_queue;
