#![expect(unsafe_code, reason = "no safe crate at hand asks the allocator")]

use std::fs;

use crate::Error;

/// What the process used at some moment.
pub struct Memory {
    allocated: usize,
    resident: usize,
}

impl Memory {
    /// As it is now.
    pub fn now() -> Result<Memory, Error> {
        // SAFETY: the call has no conditions; it only reads the allocator's accounts.
        let heap = unsafe { libc::mallinfo2() };
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: usize = kib.ok_or("no resident size")?.parse()?;
        Ok(Memory {
            allocated: heap.uordblks + heap.hblkhd,
            resident: 1024 * kib,
        })
    }

    /// Prints what each of `count` things that were made since then costs, and the size of the future that each has.
    pub fn print_each_since(&self, count: usize, future: usize) -> Result<(), Error> {
        let now = Memory::now()?;
        let each = |now: usize, then: usize| (now as f64 - then as f64) / count as f64;
        println!("allocated {}", each(now.allocated, self.allocated));
        println!("resident {}", each(now.resident, self.resident));
        println!("future {future}");
        Ok(())
    }
}
