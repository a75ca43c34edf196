//! Every interleaving of what threads share: `cargo test --release --manifest-path tests/models/Cargo.toml`
//!
//! The very files of the runtime are built here on the types of the model checker loom, which
//! `stand_in/prim.rs` hands them. It runs each model once for every order in which its threads can
//! meet, stale reads included, and reports lost wake-ups as deadlocks. What is around those files
//! (reactor, frames, context) stands in for the real thing, as small as can be.
//!
//! `planted/` holds copies with bugs; a test for each shows that its model would have found it. Such a
//! test runs itself in a child process, since a failing model aborts.
//!
//! What is not modelled: the word that Linux' kernel waits for (its portable form is), and the orderings inside
//! `Arc` and `concurrent-queue`. The queue's
//! stand-in is a locked one whose length may be read stale. `LOOM_MAX_PREEMPTIONS` overrides a model's
//! own bound, and `-- --nocapture` shows how many interleavings each has.
#![cfg(test)]

macro_rules! shipped {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[path = $path]
            #[allow(dead_code, reason = "the models use a part")]
            mod $name;
        )*
    };
}

shipped! {
    afar = "../../../runtime/src/task/afar.rs";
    cancelled = "../../../runtime/src/cancelled.rs";
    canceller = "../../../runtime/src/canceller.rs";
    handshake = "../../../runtime/src/handshake.rs";
    idle = "../../../runtime/src/threads/idle.rs";
    inbox = "../../../runtime/src/inbox.rs";
    link = "../../../runtime/src/threads/link.rs";
    main_waker = "../../../runtime/src/main_waker.rs";
    remote = "../../../runtime/src/remote.rs";
    task = "../../../runtime/src/task.rs";
    thread_bound = "../../../runtime/src/thread_bound.rs";
    word = "../../../runtime/src/word/portable.rs";
}

#[path = "stand_in/context.rs"]
mod context;
#[path = "stand_in/core.rs"]
mod core;
#[path = "stand_in/frame.rs"]
mod frame;
#[path = "stand_in/frames.rs"]
mod frames;
#[path = "stand_in/panics.rs"]
mod panics;
#[path = "stand_in/prim.rs"]
mod prim;
#[path = "stand_in/reactor.rs"]
mod reactor;
#[path = "stand_in/waits.rs"]
mod waits;

#[macro_use]
mod check;
mod models;
mod planted;
