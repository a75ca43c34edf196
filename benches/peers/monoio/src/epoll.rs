//! monoio on epoll.

mod echo;
mod works;

/// What it runs on.
mod driver {
    pub(crate) type Driver = monoio::LegacyDriver;

    include!("run.rs");
}

use std::process::ExitCode;

fn main() -> ExitCode {
    works::main()
}
