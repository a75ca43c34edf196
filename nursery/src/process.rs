//! Running a program to its end.
//!
//! ```text
//! 1 input, output and the wait side by side ----> the process has ended: the output
//!     | cut off, or an error
//! 2 shielded: `deliver_cancel` until the process has ended; if that fails, SIGKILL
//! 3 the process has ended and is reaped: on with the unwinding, or with the error
//! ```

mod error;

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::process::Output;
use std::task::Poll;
use std::time::Duration;

use nestling_runtime::process::{Child, Command, Error, PipeReader, PipeWriter, Stdio};
use nestling_runtime::sleep;

use crate::error::BoxError;
use crate::on_cancel::on_cancel;
use crate::open::open_nursery;
use crate::outcome::Outcome;
use crate::shield::shield;

pub use error::{ProcessError, StatusError};

/// How long a process may take to end after it was asked to. As in trio.
const GRACE: Duration = Duration::from_secs(5);

type Delivery<'c> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'c>>;
type Deliver = Box<dyn for<'c> FnOnce(&'c Child) -> Delivery<'c>>;

/// Runs a program to its end, and returns what it wrote.
///
/// ```
/// use nestling_nursery::{ProcessError, run_process};
/// use nestling_runtime::process::Command;
///
/// # nestling_runtime::run(async {
/// let sorted = run_process(Command::new("sort")).input("b\na\n").await?;
/// assert_eq!(sorted.stdout, b"a\nb\n");
///
/// let error = run_process(Command::new("ls").arg("/does/not/exist")).await.err();
/// assert!(error.is_some_and(|error| error.to_string().contains("No such file")));
/// # Ok::<_, ProcessError>(())
/// # })?;
/// # Ok::<(), ProcessError>(())
/// ```
///
/// Unless the command says otherwise, its standard input is empty, or what
/// [`input`](RunProcess::input) gives it, and its standard output and standard error are captured, without a
/// limit. A process that ends, or closes its input, without having read all of it makes no error. It counts as
/// ended when it has, and its output has come to its end; a process that it has started itself and that holds
/// the output open is waited for.
///
/// # Cancel and drop
/// Cancelled, it closes the pipes and asks the process to end by `SIGTERM`, and if that has not ended after 5
/// seconds, by the run's clock, kills it. The scopes around wait for that, and for the process. See
/// [`deliver_cancel`](RunProcess::deliver_cancel) for another way. Dropped by foreign code, the process
/// is killed, see [`Child`].
///
/// # Errors
/// [`ProcessError`]: it could not be started, or it ended with another status than 0 (see
/// [`unchecked`](RunProcess::unchecked)), or reading and writing failed. No process is left then.
///
/// # Panics
/// Polled outside a run.
pub fn run_process(command: Command) -> RunProcess {
    RunProcess {
        command,
        input: None,
        check: true,
        deliver: None,
    }
}

/// How a program is run, made by [`run_process`]. It is awaited.
#[must_use = "it does nothing unless awaited"]
pub struct RunProcess {
    command: Command,
    input: Option<Vec<u8>>,
    check: bool,
    deliver: Option<Deliver>,
}

impl RunProcess {
    /// What the program reads from its standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> RunProcess {
        self.input = Some(bytes.into());
        self
    }

    /// Takes every status for a value. It is found in the [`Output`].
    pub fn unchecked(mut self) -> RunProcess {
        self.check = false;
        self
    }

    /// What is done when it is cancelled, in place of `SIGTERM` and after 5 seconds `SIGKILL`.
    ///
    /// It runs shielded, and is cancelled in turn as soon as the process has ended. When it has returned, the
    /// process is waited for, however long that takes. If it fails, the process is killed, and the error goes
    /// to the nursery around.
    ///
    /// ```
    /// use nestling_nursery::run_process;
    /// use nestling_runtime::process::{Child, Command};
    /// use nestling_runtime::signal::SIGINT;
    ///
    /// # nestling_runtime::run(async {
    /// # let scope = nestling_nursery::CancelScope::new();
    /// # scope.cancel();
    /// let server = run_process(Command::new("sleep").arg("60"))
    ///     .deliver_cancel(async |server: &Child| server.send_signal(SIGINT));
    /// # assert!(scope.run(async { server.await }).await.is_err());
    /// # });
    /// ```
    pub fn deliver_cancel<D, R>(mut self, deliver: D) -> RunProcess
    where
        D: AsyncFnOnce(&Child) -> R + 'static,
        R: Outcome,
    {
        self.deliver = Some(Box::new(move |child| {
            Box::pin(async move {
                let result = deliver(child).await.into_result();
                result.map(drop)
            })
        }));
        self
    }

    async fn run(self) -> Result<Output, ProcessError> {
        let RunProcess {
            command,
            input,
            check,
            deliver,
        } = self;
        if input.is_some() && command.has_stdin() {
            return Err(ProcessError::two_inputs());
        }
        let stdin = if input.is_some() {
            Stdio::Pipe
        } else {
            Stdio::Null
        };
        let mut command = command.default_stdio(stdin, Stdio::Pipe, Stdio::Pipe);
        let mut child = command.spawn().await?;
        drop(command);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = &child;
        let deliver = deliver.unwrap_or_else(|| Box::new(|child| Box::pin(terminate(child))));
        let ended = on_cancel(talk(child, pipes, input.unwrap_or_default()), || {
            stop(child, deliver)
        })
        .await;
        let output = match ended {
            Ok(output) => output,
            Err(error) => {
                // The pipes are closed, and nobody could make sense of the rest.
                shield(end(child)).await?;
                return Err(error.into());
            }
        };
        if check && !output.status.success() {
            return Err(StatusError::new(child, output).into());
        }
        Ok(output)
    }
}

impl IntoFuture for RunProcess {
    type Output = Result<Output, ProcessError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Output, ProcessError>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for RunProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunProcess")
            .field("command", &self.command)
            .field("input", &self.input.as_ref().map(Vec::len))
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

/// Feeds it, reads what it writes and waits for it, side by side.
async fn talk(
    child: &Child,
    (stdin, stdout, stderr): (Option<PipeWriter>, Option<PipeReader>, Option<PipeReader>),
    input: Vec<u8>,
) -> Result<Output, Error> {
    let mut feed = pin!(feed(stdin, input));
    let mut stdout = pin!(capture(stdout));
    let mut stderr = pin!(capture(stderr));
    let mut wait = pin!(child.wait());
    let (mut fed, mut out, mut err, mut status) = (None, None, None, None);
    poll_fn(|cx| {
        poll_once(&mut feed, &mut fed, cx)?;
        poll_once(&mut stdout, &mut out, cx)?;
        poll_once(&mut stderr, &mut err, cx)?;
        poll_once(&mut wait, &mut status, cx)?;
        // What has not been fed by the end is of no use any more.
        match (status, out.take(), err.take()) {
            (Some(status), Some(stdout), Some(stderr)) => Poll::Ready(Ok(Output {
                status,
                stdout,
                stderr,
            })),
            (_, stdout, stderr) => {
                (out, err) = (stdout, stderr);
                Poll::Pending
            }
        }
    })
    .await
}

/// Polls it, unless it has a value.
fn poll_once<T, F: Future<Output = Result<T, Error>>>(
    future: &mut Pin<&mut F>,
    value: &mut Option<T>,
    cx: &mut std::task::Context<'_>,
) -> Result<(), Error> {
    if value.is_none() {
        if let Poll::Ready(result) = future.as_mut().poll(cx) {
            *value = Some(result?);
        }
    }
    Ok(())
}

async fn feed(stdin: Option<PipeWriter>, input: Vec<u8>) -> Result<(), Error> {
    let Some(stdin) = stdin else { return Ok(()) };
    if input.is_empty() {
        return Ok(());
    }
    match stdin.write_all(&input).await {
        Err(error) if error.is_broken() => Ok(()),
        result => result,
    }
}

async fn capture(pipe: Option<PipeReader>) -> Result<Vec<u8>, Error> {
    match pipe {
        Some(pipe) => pipe.read_to_end().await,
        None => Ok(Vec::new()),
    }
}

/// Has a process end that nobody waits for any more, and reaps it.
async fn stop(child: &Child, deliver: Deliver) -> Result<(), BoxError> {
    let delivered = open_nursery(async |nursery| {
        let delivery = nursery.task().name("deliver_cancel").daemon();
        delivery.start_soon(deliver(child));
        child.wait().await
    })
    .await;
    match delivered {
        Ok(_) => Ok(()),
        Err(error) => {
            end(child).await?;
            Err(error.into())
        }
    }
}

/// Ends it at once.
async fn end(child: &Child) -> Result<(), Error> {
    child.kill()?;
    child.wait().await?;
    Ok(())
}

async fn terminate(child: &Child) -> Result<(), BoxError> {
    if let Err(error) = child.terminate() {
        tracing::warn!(?child, %error, "a process cannot be told that it is cancelled");
        return Ok(());
    }
    sleep(GRACE).await;
    tracing::warn!(
        ?child,
        "a process has not ended in 5 s after SIGTERM, and is killed"
    );
    Ok(child.kill()?)
}
