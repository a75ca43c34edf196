use glommio::LocalExecutorBuilder;
use measured::Error;

/// Runs `main`, which is a task like any other here.
pub(crate) fn run(main: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let executor = LocalExecutorBuilder::default()
        .make()
        .map_err(|error| error.to_string())?;
    executor.run(main)
}
