//! tokio's `LocalRuntime`: tasks that need not be `Send`.

mod echo;
mod sync;
mod works;

/// How this flavour runs things.
mod flavour {
    use measured::Error;
    use tokio::runtime::LocalRuntime;
    use tokio::task::{JoinHandle, JoinSet, spawn_local};

    /// Everything may be spawned.
    pub(crate) trait MaybeSend {}

    impl<T: ?Sized> MaybeSend for T {}

    /// Runs `main` in a task of its own: the future given to `block_on` is woken in a dearer way than a task is.
    pub(crate) fn run(
        main: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Result<(), Error> {
        LocalRuntime::new()?.block_on(async { spawn_local(main).await? })
    }

    pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        spawn_local(task)
    }

    pub(crate) fn spawn_in(set: &mut JoinSet<()>, task: impl Future<Output = ()> + 'static) {
        set.spawn_local(task);
    }
}

use std::process::ExitCode;

fn main() -> ExitCode {
    works::main()
}
