//! monoio on io_uring, with its feature `sync`.

mod works;

use std::process::ExitCode;

pub(crate) use monoio::IoUringDriver as Driver;

fn main() -> ExitCode {
    works::main()
}
