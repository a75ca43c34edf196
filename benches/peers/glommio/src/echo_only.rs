//! The echo server alone, for its size.

mod echo;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::echo)])
}
