//! Streams as a trait: memory streams, the checks that a stream has to pass, what these checks find,
//! and programs that do not care which network they run on.

// The checks take minutes in an interpreter.
#[cfg(not(miri))]
mod checked;
#[cfg(not(miri))]
mod defects;
#[cfg(not(miri))]
mod faulty;
mod memory;
mod networks;
