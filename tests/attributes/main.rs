//! `#[nestling::main]` and `#[nestling::test]`.

mod forms;
mod leaks;
mod planted;
mod program;
mod seeds;
