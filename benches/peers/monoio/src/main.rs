//! monoio on io_uring.

mod echo;
mod works;

/// What it runs on.
mod driver {
    pub(crate) type Driver = monoio::IoUringDriver;

    include!("run.rs");
}

use std::process::ExitCode;

fn main() -> ExitCode {
    works::main()
}
