//! Deadlines that are close to each other, and are waited for together.
//!
//! A wait costs the processor 3 µs and more: a call to the system, a timer of its own, the way into an idle CPU
//! and back. With a deadline every few microseconds that is more than what the sleepers do. So the loop may pass
//! a deadline by a little, if others follow within that. One that stands alone is waited for exactly.

/// How far the last may be from the first, in nanoseconds, and so how late anyone can be for another's sake. Without
/// real-time priority Linux itself makes timeouts late by six times that.
pub(super) const WITHIN: u64 = 8_000;

/// When to wake up if `first` is the first deadline and `next` are some that follow: the last of those that are
/// close to it.
pub(super) fn wait_until(first: u64, next: [u64; 4]) -> u64 {
    let is_close = |at: &u64| at.saturating_sub(first) <= WITHIN;
    next.into_iter().filter(is_close).fold(first, u64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is none.
    const NONE: u64 = u64::MAX;

    #[test]
    fn a_deadline_that_stands_alone_is_waited_for_exactly() {
        for first in [0, 1, 70, u64::MAX - WITHIN - 1, u64::MAX] {
            assert_eq!(wait_until(first, [NONE; 4]), first);
        }
        let far = 70 + WITHIN + 1;
        assert_eq!(wait_until(70, [far, far + 1, NONE, far]), 70);
    }

    #[test]
    fn of_those_that_are_close_the_last_is_waited_for() {
        let at = |after| 1_000_000 + after;
        assert_eq!(wait_until(at(0), [at(3), at(900), at(1), NONE]), at(900));
        assert_eq!(wait_until(at(0), [at(0); 4]), at(0));
        let next = [at(WITHIN), at(WITHIN + 1), at(2), NONE];
        assert_eq!(wait_until(at(0), next), at(WITHIN));
    }

    #[test]
    #[cfg_attr(miri, ignore = "it is arithmetic, and much of it")]
    fn it_is_a_deadline_that_is_waited_for_never_before_the_first_nor_far_behind_it() {
        for seed in 0..10_000_u64 {
            let random = |n: u64| (seed * 5 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let first = random(0);
            let next = [1, 2, 3, 4].map(|n| first + random(n) % (3 * WITHIN));
            let at = wait_until(first, next);
            assert!(at == first || next.contains(&at));
            assert!((first..=first + WITHIN).contains(&at));
        }
    }
}
