#![expect(
    unsafe_code,
    reason = "no safe crate at hand reads another process's CPU clock"
)]

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// The clock of the CPU time that all threads of one process have used, in nanoseconds.
pub(crate) struct CpuClock(libc::clockid_t);

impl CpuClock {
    pub(crate) fn of_process(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        let mut clock = MaybeUninit::uninit();
        // SAFETY: the pointer is valid for the one clockid_t that the call may write.
        match unsafe { libc::clock_getcpuclockid(pid, clock.as_mut_ptr()) } {
            // SAFETY: the call succeeded, so it has written the clock.
            0 => Ok(Self(unsafe { clock.assume_init() })),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    pub(crate) fn read(&self) -> io::Result<Duration> {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the pointer is valid for the one timespec that the call may write.
        if unsafe { libc::clock_gettime(self.0, time.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so it has written the time.
        let time = unsafe { time.assume_init() };
        Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

/// The CPU seconds of all processes that this one has started and waited for, and of theirs.
pub(crate) fn children_seconds() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for the one rusage that the call writes; zeroes are a valid one.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
