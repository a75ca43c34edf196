//! The floor for an echo server: a hand-written loop.

mod echo;

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::run)])
}
