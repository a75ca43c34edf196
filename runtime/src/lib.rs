//! The loop under Nestling: reactor, timers, clock, frames and tasks.
//!
//! Programs use the `nestling` crate, which re-exports what they need from here. What is public here
//! beyond that is what `nestling-nursery` and `nestling-net` are built on, and what others may build
//! their own primitives on.

mod cancelled;
mod canceller;
pub mod channel;
mod checkpoint;
mod clock;
mod context;
mod core;
mod deadlock;
mod frame;
mod framed;
mod frames;
pub mod from_thread;
pub mod fs;
mod handle;
mod handshake;
mod id_hasher;
mod idlers;
mod inbox;
pub mod io;
mod label;
mod line_buffer;
mod main_waker;
mod moment;
mod notes;
mod panics;
mod prim;
#[cfg(unix)]
pub mod process;
mod quiet;
mod reactor;
mod remote;
mod rng;
mod room;
mod run;
mod saying;
#[cfg(unix)]
pub mod signal;
mod statistics;
pub mod stdio;
mod steps;
pub mod sync;
mod task;
mod task_frame;
mod task_id;
pub mod testing;
mod thread_bound;
mod threads;
mod time;
mod timer;
mod timers;
pub mod to_thread;
mod tree;
mod turn;
mod waits;
mod word;

pub use cancelled::{CancelKind, Cancelled};
pub use canceller::Canceller;
pub use checkpoint::{Checkpoint, checkpoint, is_cancelled, poll_proceed};
pub use clock::{Clock, SystemClock};
pub use deadlock::Deadlock;
pub use frame::{Entered, Frame, FrameRef, current_task, effective_deadline};
pub use framed::{Framed, Step};
pub use handle::{RunFinished, RunHandle};
pub use label::{FrameKind, Label};
pub use panics::wake_all;
pub use run::{Builder, RunError, describe, run};
pub use statistics::{Statistics, statistics};
pub use task::{TaskQueue, Turns};
pub use task_frame::{Beside, TaskFrame};
pub use task_id::TaskId;
pub use time::{
    Interval, Sleep, SleepForever, after, current_time, interval, sleep, sleep_forever,
    sleep_until, try_current_time,
};
pub use timer::{ArmedIn, Timer};
pub use tree::{TaskTree, task_tree};
pub use waits::{own_waker, waits_for};
