//! Random numbers that a seed fixes.

use std::ops::Range;
use std::time::Duration;

/// A small generator for tests: the same seed gives the same numbers, on every machine and for ever.
///
/// It is SplitMix64 (Steele, Lea and Flood, 2014), which passes the usual statistical tests and is no
/// good for secrets.
///
/// ```
/// use nestling_runtime::testing::Rng;
///
/// let mut rng = Rng::new(7);
/// let dice = rng.range(1..7);
/// assert!((1..7).contains(&dice));
/// assert_eq!(Rng::new(7).range(1..7), dice);
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator that begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        let mut rng = Rng { state: seed };
        // Neighbouring seeds are to have nothing in common.
        rng.state = rng.next_u64();
        rng
    }

    /// One that goes on from a state; a state is never 0 here, which stands for "none".
    pub(crate) fn resume(state: u64) -> Rng {
        Rng { state }
    }

    pub(crate) fn state(&self) -> u64 {
        self.state.max(1)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The high half of the product: as even as 64 bits allow, and without a division.
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// An index below `limit`; 0 if that is 0.
    pub(crate) fn below_usize(&mut self, limit: usize) -> usize {
        self.below(limit as u64) as usize
    }

    /// A number of the range; its start if it is empty.
    pub fn range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// `true` in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time of the range, to the nanosecond; its start if it is empty.
    pub fn duration(&mut self, range: Range<Duration>) -> Duration {
        let width = range.end.saturating_sub(range.start).as_nanos();
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        range
            .start
            .saturating_add(Duration::from_nanos(self.below(width)))
    }

    /// One of the items, unless there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below_usize(items.len()))
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below_usize(last + 1));
        }
    }
}
