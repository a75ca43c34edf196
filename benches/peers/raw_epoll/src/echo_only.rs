//! The echo server alone, for its size.

mod echo;

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::run)])
}
