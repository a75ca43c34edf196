//! A hasher for numbers that nobody outside chooses, such as the names of frames.
//!
//! The standard one keeps an attacker from finding numbers that collide; it takes longer, and asks the system for a
//! key.

use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type IdMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Knuth's: 2^64 by the golden ratio. It spreads numbers that follow each other.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(MULTIPLIER);
    }

    fn finish(&self) -> u64 {
        // The upper bits of a product depend on the whole number, and tables look at both ends.
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    fn hash(pair: (u32, u32)) -> u64 {
        let mut hasher = IdHasher::default();
        pair.hash(&mut hasher);
        hasher.finish()
    }

    /// The most that fall into one of as many places as there are, told by `place`.
    fn fullest(pairs: impl Iterator<Item = (u32, u32)>, place: impl Fn(u64) -> u64) -> usize {
        let mut places = vec![0; 1 << 16];
        for pair in pairs.take(1 << 16) {
            places[(place(hash(pair)) & 0xFFFF) as usize] += 1;
        }
        places.into_iter().max().unwrap_or(0)
    }

    #[test]
    #[cfg_attr(miri, ignore = "it is arithmetic, and much of it")]
    fn numbers_in_a_row_spread_over_both_ends_whichever_half_counts() {
        // By chance 9 or so.
        for place in [|hash| hash, |hash| hash >> 48] {
            assert!(fullest((0..).map(|index| (index, 1)), place) < 16);
            assert!(fullest((0..).map(|generation| (7, generation)), place) < 16);
            assert!(fullest((0..).map(|index| (index << 8, index >> 3)), place) < 16);
        }
    }
}
