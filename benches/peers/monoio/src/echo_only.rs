//! The echo server alone, for its size.

mod echo;

/// What it runs on.
mod driver {
    use measured::Error;
    use monoio::{IoUringDriver, RuntimeBuilder};

    pub(crate) fn run(
        main: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Result<(), Error> {
        let mut runtime = RuntimeBuilder::<IoUringDriver>::new().build()?;
        runtime.block_on(async { monoio::spawn(main).await })
    }
}

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::echo)])
}
