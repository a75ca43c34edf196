use measured::Error;
use monoio::RuntimeBuilder;
use monoio::blocking::DefaultThreadPool;

/// Runs `main` in a task of its own, with the timers on and threads for what blocks.
pub(crate) fn run(main: impl Future<Output = Result<(), Error>> + 'static) -> Result<(), Error> {
    let mut runtime = RuntimeBuilder::<Driver>::new()
        .enable_timer()
        .attach_thread_pool(Box::new(DefaultThreadPool::new(4)))
        .build()?;
    runtime.block_on(async { monoio::spawn(main).await })
}
