//! Structured concurrency in the style of trio.
//!
//! A *nursery* owns its child tasks: no task outlives its nursery, errors and cancellation travel
//! along the tree.
//!
//! ```
//! use nestling::{open_nursery, run};
//!
//! async fn child(name: &str, greeting: &str) {
//!     println!("{name}: {greeting}");
//! }
//!
//! fn main() -> Result<(), nestling::NurseryError> {
//!     run(async {
//!         let mut greeting = String::from("hello");
//!         open_nursery(async |nursery| {
//!             nursery.start_soon(child("one", &greeting)); // borrows the parent's local
//!             nursery.start_soon(child("two", &greeting));
//!         })
//!         .await?; // both children are done here
//!         greeting.push('!'); // and the borrow is over
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # What to read first
//!
//! * [`run`], or the attribute [`main`](macro@main), starts a program; [`open_nursery`] opens a
//!   nursery, and [`Nursery`] starts children.
//! * [`NurseryError`] and [`MultiError`] are what comes out when something fails.
//! * [`sleep`], [`interval`] and [`current_time`] are the time by the run's clock.
//! * [`test`](macro@test) is for tests, with the virtual time and more of [`testing`].
//! * [`guide::cancellation`] explains scopes, deadlines, shields and clean-up.
//! * [`to_thread`] calls what blocks in threads, [`from_thread`] leads back; [`guide::threads`] explains both.
//! * [`channel`](mod@channel) and [`sync`] are for tasks that wait for each other: channels of all kinds,
//!   locks, semaphores, events and their like; [`guide::talking`] tells which to use when.
//! * [`fs`] has files and directories.
//! * [`process`] runs other programs.
//! * [`stdio`] has this program's own input and output.
//! * [`net`] has TCP streams, listeners and servers.
//! * [`testing`] has what tests need; [`guide::testing`] explains it.
//! * [`RunHandle`] leads into a run from other threads.
//!
//! # What holds everywhere
//!
//! Every operation of the library is a *checkpoint*. In a cancelled context it has no effect, and the
//! computation around it is cut off there: it is dropped where it waits, from the inside out, so
//! destructors are the clean-up. An operation that took effect delivers its value. No `Cancelled`
//! error threads through user code.

pub use nestling_macros::{main, test};
pub use nestling_net as net;
pub use nestling_nursery::{
    BoxError, CancelScope, Canceller, CatchCancel, FailAfter, JoinHandle, Laggard, Leaves, MoveOn,
    MultiError, Nursery, NurseryError, OnCancel, Outcome, Ready, ScopeRun, Shield, Shutdown,
    ShutdownReport, ShutdownRequested, StartError, TaskBuilder, TaskError, TooSlow, catch_cancel,
    current_cancellation, current_effective_deadline, fail_after, fail_at, move_on_after,
    move_on_at, ok, on_cancel, open_nursery, shield, shutdown_requested,
};
#[cfg(unix)]
pub use nestling_runtime::signal;
pub use nestling_runtime::{
    Builder, CancelKind, Cancelled, Checkpoint, Clock, Interval, RunError, RunFinished, RunHandle,
    Sleep, SleepForever, Statistics, SystemClock, TaskId, TaskTree, channel, checkpoint,
    current_time, interval, io, is_cancelled, own_waker, poll_proceed, run, sleep, sleep_forever,
    sleep_until, statistics, sync, task_tree, waits_for,
};
pub use nestling_runtime::{fs, stdio, to_thread};

/// The way back from threads into a run: [`run`](from_thread::run) and
/// [`run_sync`](from_thread::run_sync) have the task that waits for a
/// [`to_thread`] call do something, under its scopes; a [`Portal`](from_thread::Portal) leads there from
/// any other thread.
pub mod from_thread {
    pub use nestling_nursery::{Portal, portal};
    pub use nestling_runtime::from_thread::*;
}

/// Other programs: [`run_process`](process::run_process) runs one to its end, and a
/// [`Command`](process::Command) starts a [`Child`](process::Child) to talk with.
#[cfg(unix)]
pub mod process {
    pub use nestling_nursery::{ProcessError, RunProcess, StatusError, run_process};
    pub use nestling_runtime::process::*;
}

/// Tests that can be trusted: virtual time, seeds, a verdict on deadlocks, waiting for quiet, streams
/// and a network in memory.
pub mod testing {
    pub use nestling_net::testing::*;
    pub use nestling_nursery::testing::*;
    pub use nestling_runtime::testing::*;
}

/// Chapters for readers, to be read in any order.
pub mod guide {
    #[doc = include_str!("../docs/cancellation.md")]
    pub mod cancellation {}
    #[doc = include_str!("../docs/talking.md")]
    pub mod talking {}
    #[doc = include_str!("../docs/testing.md")]
    pub mod testing {}
    #[doc = include_str!("../docs/threads.md")]
    pub mod threads {}
}

/// Runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
