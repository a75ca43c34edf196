//! monoio on epoll, with its feature `sync`.

mod works;

use std::process::ExitCode;

pub(crate) use monoio::LegacyDriver as Driver;

fn main() -> ExitCode {
    works::main()
}
