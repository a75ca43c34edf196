//! The echo server alone, for its size.

mod echo;

/// How it runs things.
mod flavour {
    use measured::Error;
    use tokio::runtime::Builder;

    pub(crate) fn run(
        main: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Result<(), Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { tokio::spawn(main).await? })
    }

    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

use std::process::ExitCode;

fn main() -> ExitCode {
    measured::main(&[("echo", echo::run)])
}
