//! What becomes readable when a process ends.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::pipe::pipe;
use crate::threads::detach;

/// Something to watch.
pub(super) struct Watched {
    pub(super) fd: OwnedFd,
    /// It stands for the process itself, and signals can be sent by it.
    #[cfg(target_os = "linux")]
    pub(super) is_pidfd: bool,
}

/// For a child of ours that has not been reaped.
pub(super) fn watch(pid: Pid) -> io::Result<Watched> {
    #[cfg(all(target_os = "linux", not(nestling_portable)))]
    {
        use rustix::process::{PidfdFlags, pidfd_open};

        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => return Ok(Watched { fd, is_pidfd: true }),
            // Before Linux 5.3, in a sandbox, or it has ended and the system does not keep ended children.
            Err(Errno::NOSYS | Errno::PERM | Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    watch_by_thread(pid)
}

/// The end of a pipe whose other end a thread closes.
fn watch_by_thread(pid: Pid) -> io::Result<Watched> {
    let (reader, writer) = pipe()?;
    detach("nestling-wait", move || {
        // Looks without reaping: that is up to the `Child`, which sends no signal to a process of that number
        // once it has.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        drop(writer);
    })?;
    Ok(Watched {
        fd: reader,
        #[cfg(target_os = "linux")]
        is_pidfd: false,
    })
}
