#![expect(
    unsafe_code,
    reason = "only a hook between fork and exec reaches a tool's process"
)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

/// Has the kernel kill what the command starts when this process ends, however it ends. The
/// measured programs ask for that themselves, but inside a tool their parent is the tool.
pub(crate) fn end_with_driver(command: &mut Command) {
    // SAFETY: between fork and exec only calls that are safe in a signal handler may be made;
    // this closure makes one plain system call, and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}
