//! Numbers that look random and follow from a seed: xoshiro256**, seeded through splitmix64.

use std::ops::RangeInclusive;

#[derive(Clone, Debug)]
pub(super) struct Rng {
    state: [u64; 4],
}

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        let mut mix = seed;
        Rng {
            // Splitmix never yields four zeros in a row, the one state that xoshiro cannot leave.
            state: std::array::from_fn(|_| splitmix(&mut mix)),
        }
    }

    /// Another sequence, which what is drawn from this one later does not change.
    pub(super) fn fork(&mut self) -> Rng {
        Rng::new(self.next())
    }

    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number from `range`; its start if it is empty.
    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (start, end) = range.into_inner();
        let Some(width) = end.checked_sub(start) else {
            return start;
        };
        match width.checked_add(1) {
            // The top half of a product: no division, and a bias of no account (width / 2^64).
            Some(count) => start + ((u128::from(self.next()) * u128::from(count)) >> 64) as u64,
            None => self.next(),
        }
    }

    /// Whether something happens that does so with `probability`.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds.
        probability > 0.0 && ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        let mut state = 1_234_567;
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([(); 3].map(|()| splitmix(&mut state)), expected);
    }

    #[test]
    fn xoshiro_gives_the_published_sequence() {
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let expected = [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240];
        assert_eq!([(); 4].map(|()| rng.next()), expected);
    }

    #[test]
    fn every_number_of_a_range_comes_and_no_other() {
        let mut rng = Rng::new(1);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[(rng.within(10..=14) - 10) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
        assert_eq!(rng.within(7..=7), 7);
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case")]
        let empty = 9..=3;
        assert_eq!(rng.within(empty), 9);
        let _any = rng.within(0..=u64::MAX);
    }

    #[test]
    fn chances_are_what_they_are_called() {
        let mut rng = Rng::new(2);
        let mut count = |probability| (0..1000).filter(|_| rng.chance(probability)).count();
        assert_eq!(count(0.0), 0);
        assert_eq!(count(-1.0), 0);
        assert_eq!(count(f64::NAN), 0);
        assert_eq!(count(1.0), 1000);
        assert!((200..300).contains(&count(0.25)));
    }

    #[test]
    fn a_fork_goes_its_own_way() {
        let mut rng = Rng::new(3);
        let mut fork = rng.fork();
        let mut same = Rng::new(3);
        let mut same_fork = same.fork();
        assert_ne!(rng.next(), fork.next());
        same.next();
        assert_eq!(fork.next(), {
            same_fork.next();
            same_fork.next()
        });
    }
}
