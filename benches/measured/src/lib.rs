//! What the measured programs share: how they are told what to do, how they tell what they
//! found, and how they are kept from outliving the driver.
//!
//! A program has a list of works by name and runs the one that its first argument names; `list` prints
//! the names. Of what is here only the futures (`one_wake_up`, `outside`, `woken_by_thread`, `woken_from_outside`), `Live` and `Lateness`
//! run while a measurement does, and they are the same for every peer.

mod arguments;
mod batches;
mod cpu;
mod lateness;
mod lifetime;
mod listening;
mod live;
mod memory;
mod one_wake_up;
mod outside;
mod thread;

pub use arguments::{Arguments, depth};
pub use batches::Batches;
pub use lateness::{Lateness, Sleepers};
pub use listening::announce;
pub use live::{Live, LiveGuard, TREE_BRANCHES};
pub use memory::Memory;
pub use one_wake_up::one_wake_up;
pub use outside::{outside, woken_from_outside};
pub use thread::woken_by_thread;

use std::process::ExitCode;

/// Tasks that yield in turn.
pub const YIELDING: usize = 100;

/// How many tasks feed one consumer through a channel.
pub const PRODUCERS: usize = 4;

/// The capacity of that channel.
pub const CAPACITY: usize = 100;

/// What a measured program may fail with.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A work's name, and what runs it.
pub type Work = (&'static str, fn(Arguments) -> Result<(), Error>);

/// Runs the work that the command line names, or lists those that there are.
pub fn main(works: &[Work]) -> ExitCode {
    let run = || -> Result<(), Error> {
        lifetime::end_with_parent()?;
        let arguments = Arguments::from_command_line()?;
        if arguments.work == "list" {
            works.iter().for_each(|(name, _)| println!("{name}"));
            return Ok(());
        }
        let work = works.iter().find(|(name, _)| *name == arguments.work);
        let (_, run) = work.ok_or_else(|| format!("no work named {:?}", arguments.work))?;
        run(arguments)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
