//! tokio, current_thread: tasks that are `Send`.

mod echo;
mod sync;
mod works;

/// How this flavour runs things.
mod flavour {
    use measured::Error;
    use tokio::runtime::Builder;
    use tokio::task::{JoinHandle, JoinSet};

    pub(crate) use Send as MaybeSend;

    /// Runs `main` in a task of its own: the future given to `block_on` is woken in a dearer way than a task is.
    pub(crate) fn run(
        main: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Result<(), Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { tokio::spawn(main).await? })
    }

    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        tokio::spawn(task)
    }

    pub(crate) fn spawn_in(set: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
        set.spawn(task);
    }
}

use std::process::ExitCode;

fn main() -> ExitCode {
    works::main()
}
