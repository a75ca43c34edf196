use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Has the kernel kill this process when the one that started it ends, so that
/// an interrupted comparison leaves no server behind.
pub(crate) fn end_with_parent() -> io::Result<()> {
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the request was in place.
    if getppid() != parent {
        return Err(io::Error::other(
            "the process that started this one is gone",
        ));
    }
    Ok(())
}
