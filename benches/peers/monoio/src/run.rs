use measured::Error;
use monoio::RuntimeBuilder;

/// Runs `main` in a task of its own, with the timers on.
pub(crate) fn run(main: impl Future<Output = Result<(), Error>> + 'static) -> Result<(), Error> {
    let mut runtime = RuntimeBuilder::<Driver>::new()
        .enable_timer()
        .build()?;
    runtime.block_on(async { monoio::spawn(main).await })
}
