use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{Arguments, Error, cpu};

/// When sleepers are to wake, and by how much they were late.
///
/// The moments lie in a window that grows with their number (200 ms for 100 000), in no order. It
/// begins after a while in which all of them can be started.
#[derive(Clone, Copy)]
pub struct Lateness {
    begun: Instant,
    late_ns: &'static [AtomicU64],
}

/// Times the sleepers of one batch after the other.
pub struct Sleepers {
    count: usize,
    batches: usize,
}

impl Sleepers {
    /// As many as the command line says.
    #[must_use]
    pub fn new(arguments: &Arguments) -> Sleepers {
        Sleepers {
            count: arguments.operations,
            batches: arguments.batches,
        }
    }

    /// Runs `batch`, which has that many sleepers sleep, and prints the CPU time and the lateness.
    pub async fn run<F, B, E>(self, mut batch: F) -> Result<(), Error>
    where
        F: FnMut(usize, Lateness) -> B,
        B: Future<Output = Result<(), E>>,
        Error: From<E>,
    {
        let mut cpu_ns = Vec::new();
        let mut late: [Vec<u64>; 2] = Default::default();
        for _ in 0..self.batches {
            let late_ns: Vec<AtomicU64> =
                (0..self.count).map(|_| AtomicU64::new(u64::MAX)).collect();
            // Leaked, for tasks that must be `'static`.
            let late_ns: &'static [AtomicU64] = Vec::leak(late_ns);
            let before = cpu::used_ns();
            let lateness = Lateness {
                begun: Instant::now(),
                late_ns,
            };
            batch(self.count, lateness).await?;
            cpu_ns.push(cpu::used_ns() - before);
            let mut sorted: Vec<u64> = late_ns
                .iter()
                .map(|ns| ns.load(Ordering::Relaxed))
                .collect();
            sorted.sort_unstable();
            if sorted.last() == Some(&u64::MAX) {
                return Err("a sleeper did not wake".into());
            }
            for (late, share) in late.iter_mut().zip([50, 99]) {
                late.push(sorted[self.count * share / 100]);
            }
        }
        println!("cpu_ns{}", joined(&cpu_ns));
        println!("late_p50_ns{}", joined(&late[0]));
        println!("late_p99_ns{}", joined(&late[1]));
        Ok(())
    }
}

fn joined<T: std::fmt::Display>(values: &[T]) -> String {
    values.iter().map(|value| format!(" {value}")).collect()
}

impl Lateness {
    /// When sleeper `index` is to wake.
    #[must_use]
    pub fn moment(&self, index: usize) -> Instant {
        let window = 2_000 * self.late_ns.len() as u64;
        // Knuth's multiplier spreads the indices over the window.
        let place = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
        self.begun + Duration::from_nanos(window / 2 + place % window)
    }

    /// Notes that sleeper `index` is awake.
    pub fn note(&self, index: usize) {
        let late = Instant::now().saturating_duration_since(self.moment(index));
        let late = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX - 1);
        self.late_ns[index].store(late, Ordering::Relaxed);
    }
}
