//! A word that threads change, and that one of them waits for.
//!
//! On Linux the kernel waits for the word itself, which makes one call of each wait and of each wake-up.
//! Elsewhere, and under Miri, a lock and a condition variable stand beside it.

#[cfg(all(target_os = "linux", not(nestling_portable), not(miri)))]
mod futex;
#[cfg(all(target_os = "linux", not(nestling_portable), not(miri)))]
pub(crate) use futex::Word;
#[cfg(not(all(target_os = "linux", not(nestling_portable), not(miri))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(nestling_portable), not(miri))))]
pub(crate) use portable::Word;

#[cfg(test)]
mod tests;
