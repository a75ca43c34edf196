//! The echo server alone, for its size.

mod echo;
mod run;

use std::process::ExitCode;

use run::run;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::run)])
}
