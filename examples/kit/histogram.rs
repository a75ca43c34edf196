//! Times counted in buckets: constant memory, whatever the number of times.

use std::time::Duration;

/// Buckets in each doubling of the time. A time is told with an error of 1/64, about 1.6 %.
const STEPS: u64 = 64;
const STEPS_LOG2: u32 = STEPS.ilog2();
/// Below `STEPS` each nanosecond has a bucket; above it, each of the doublings up to 2^64 has `STEPS`.
const BUCKETS: usize = STEPS as usize * (64 - STEPS_LOG2 as usize + 1);

/// How often which time was taken.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS].into(),
            total: 0,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Counts `time`.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(time);
    }

    /// The time that `percent` of all did not exceed, rounded up to the next bucket.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = (self.total as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut counted = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted >= rank {
                return Duration::from_nanos(last_of(bucket)).min(self.max);
            }
        }
        self.max
    }

    /// The longest time, exactly.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// How many times were counted.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// The bucket of a number of nanoseconds: its magnitude, and its first bits after the highest one.
fn bucket_of(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEPS_LOG2;
    (u64::from(shift) * STEPS + (nanos >> shift)) as usize
}

/// The largest number of nanoseconds that goes into `bucket`.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let first = (bucket % STEPS + STEPS) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_without_gaps() {
        for bucket in 1..BUCKETS {
            let last = last_of(bucket - 1);
            assert_eq!(bucket_of(last), bucket - 1);
            assert_eq!(bucket_of(last + 1), bucket);
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(last_of(BUCKETS - 1), u64::MAX);
    }

    #[test]
    fn percentiles_are_right_to_a_64th() {
        let mut times = Histogram::default();
        for micros in 1..=1000 {
            times.record(Duration::from_micros(micros));
        }
        for (percent, micros) in [(0.0, 1), (50.0, 500), (99.0, 990), (100.0, 1000)] {
            let exact = Duration::from_micros(micros);
            let told = times.percentile(percent);
            assert!(
                told >= exact && told <= exact + exact / 64,
                "{percent} %: {told:?}"
            );
        }
        assert_eq!(times.max(), Duration::from_micros(1000));
        assert_eq!(times.total(), 1000);
    }

    #[test]
    fn the_longest_and_the_shortest_times_have_their_place() {
        let mut times = Histogram::default();
        assert_eq!(times.percentile(50.0), Duration::ZERO);
        times.record(Duration::ZERO);
        times.record(Duration::MAX);
        assert_eq!(times.percentile(50.0), Duration::ZERO);
        assert_eq!(times.percentile(99.0), Duration::from_nanos(u64::MAX));
        assert_eq!(times.max(), Duration::MAX);
    }
}
