use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this process has used, in nanoseconds.
pub(crate) fn used_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
