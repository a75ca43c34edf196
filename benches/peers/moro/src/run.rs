use measured::Error;
use tokio::runtime::Builder;

/// Runs `main` in a task of its own: the future given to `block_on` is woken in a dearer way than a task is.
pub(crate) fn run(
    main: impl Future<Output = Result<(), Error>> + Send + 'static,
) -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(main).await? })
}
