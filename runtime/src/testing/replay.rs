//! The one seed that a failure asked to see again.

/// With this in the environment, tests of several seeds run with this one alone.
pub(super) const SEED_VARIABLE: &str = "NESTLING_SEED";

/// The seed that the environment asks for, by `NESTLING_SEED=17`: tests that try many seeds try only that one
/// then.
///
/// ```
/// use nestling_runtime::testing::replayed_seed;
///
/// let seeds = replayed_seed().map_or(0..=99, |seed| seed..=seed);
/// assert!(!seeds.is_empty());
/// ```
///
/// # Panics
/// If the variable is set and is no number.
#[must_use]
#[track_caller]
pub fn replayed_seed() -> Option<u64> {
    let text = std::env::var_os(SEED_VARIABLE)?;
    match text.to_str().and_then(|text| text.trim().parse().ok()) {
        Some(seed) => Some(seed),
        None => panic!("{SEED_VARIABLE} is {text:?}; it should be a number from 0 to u64::MAX"),
    }
}
