//! `FuturesUnordered` in a task of tokio, for what needs tokio's timers and sockets. All children share
//! that one task's budget of 128 operations a poll.

mod echo;

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::select;
use futures::stream::{FuturesUnordered, StreamExt};
use measured::{Arguments, Error, Lateness, Memory, Sleepers};
use tokio::runtime::LocalRuntime;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{sleep, sleep_until};

fn main() -> ExitCode {
    measured::main(&[
        ("echo", echo::run),
        ("sleeps", |arguments| {
            run(Sleepers::new(&arguments).run(sleeps))
        }),
        ("sleeping", |arguments| run(sleeping(arguments))),
    ])
}

fn run(main: impl Future<Output = Result<(), Error>> + 'static) -> Result<(), Error> {
    LocalRuntime::new()?.block_on(async { spawn_local(main).await? })
}

async fn sleeps(children: usize, lateness: Lateness) -> Result<(), Error> {
    let mut set = FuturesUnordered::new();
    for index in 0..children {
        set.push(async move {
            sleep_until(lateness.moment(index).into()).await;
            lateness.note(index);
        });
    }
    while let Some(()) = set.next().await {}
    Ok(())
}

async fn sleeping(arguments: Arguments) -> Result<(), Error> {
    let children = arguments.operations;
    let before = Memory::now()?;
    let mut set = FuturesUnordered::new();
    for _ in 0..children {
        set.push(sleep(Duration::from_secs(3600)));
    }
    // Each is polled once; the budget lets few of them be so in one poll.
    for _ in 0..=children / 32 {
        select(set.next(), pin!(yield_now())).await;
    }
    before.print_each_since(children, size_of::<tokio::time::Sleep>())
}
