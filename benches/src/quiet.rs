#![expect(unsafe_code, reason = "no safe crate at hand sets a scheduling policy")]
//! The quiet way to measure: everything on one CPU under SCHED_FIFO.
//!
//! Two processes of equal priority on one CPU alternate exactly: each runs until it
//! waits. Neither idles, none wakes the other across CPUs, and ordinary processes get
//! out of the way.

use std::fs::{File, OpenOptions};
use std::io;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const PRIORITY: i32 = 10;

/// A process that never waits would keep its CPU for ever; the kernel ends it after this.
const CPU_WITHOUT_WAITING_MAX: Duration = Duration::from_secs(10);

/// While this lives, no other comparison measures on this machine: two of them on one CPU would starve each other, and
/// with real-time priority perhaps the kernel's own threads too.
pub(crate) struct Alone {
    _locked: File,
}

impl Alone {
    pub(crate) fn wait() -> io::Result<Self> {
        let path = std::env::temp_dir().join("nestling-comparison.lock");
        let locked = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if flock(&locked, FlockOperation::NonBlockingLockExclusive).is_err() {
            println!("another comparison is going on; waiting for its end");
            flock(&locked, FlockOperation::LockExclusive)?;
        }
        Ok(Self { _locked: locked })
    }
}

/// While this lives, the calling thread, and every process it starts, is quiet.
pub(crate) struct Quiet {
    affinity: CpuSet,
    limit: Rlimit,
    pub(crate) fifo: bool,
}

impl Quiet {
    pub(crate) fn enter() -> io::Result<Self> {
        let mut quiet = Self::pin()?;
        quiet.fifo = set_policy(libc::SCHED_FIFO, PRIORITY).is_ok();
        Ok(quiet)
    }

    /// One CPU, but ordinary scheduling.
    pub(crate) fn pin() -> io::Result<Self> {
        let affinity = sched_getaffinity(None)?;
        let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| affinity.is_set(cpu));
        let mut one = CpuSet::new();
        one.set(last.ok_or_else(|| io::Error::other("no CPU to run on"))?);
        sched_setaffinity(None, &one)?;

        let limit = getrlimit(Resource::Rttime);
        let microseconds = CPU_WITHOUT_WAITING_MAX.as_micros() as u64;
        setrlimit(
            Resource::Rttime,
            Rlimit {
                current: Some(microseconds),
                maximum: limit.maximum,
            },
        )?;
        Ok(Self {
            affinity,
            limit,
            fifo: false,
        })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // What was permitted on the way in is on the way out; if not, the thread
        // merely stays where it is.
        let _ = set_policy(libc::SCHED_OTHER, 0);
        let _ = setrlimit(Resource::Rttime, self.limit);
        let _ = sched_setaffinity(None, &self.affinity);
    }
}

/// What `Quiet` amounts to here, for the reader of the figures.
pub(crate) fn describe() -> &'static str {
    match Quiet::enter() {
        Ok(Quiet { fifo: true, .. }) => "one CPU, SCHED_FIFO",
        Ok(_) => "one CPU, ordinary scheduling (SCHED_FIFO is not permitted: expect noise)",
        Err(_) => "not pinned (not permitted: expect much noise)",
    }
}

fn set_policy(policy: i32, priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: pid 0 is the calling thread, and `parameters` is valid for the call,
    // which only reads it.
    if unsafe { libc::sched_setscheduler(0, policy, &parameters) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
