//! What is to be started, and how.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process;
use std::sync::Arc;

use super::child::{Child, Pipes};
use super::error::Error;
use super::pipe::{self, PipeReader, PipeWriter};
use crate::checkpoint::poll_proceed;

/// Where a standard stream of a process leads.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdio {
    /// Where that of this program does.
    #[default]
    Inherit,
    /// Nowhere: `/dev/null`.
    Null,
    /// To this program, by a pipe, which is found in the [`Child`].
    Pipe,
    /// Only for the standard error: where the standard output does, so that both come in the order in which
    /// they were written.
    ToStdout,
    /// To an open file or whatever else this is. It stays open in the [`Command`].
    Fd(OwnedFd),
}

impl Stdio {
    fn to_std(&self) -> io::Result<process::Stdio> {
        Ok(match self {
            Stdio::Inherit | Stdio::ToStdout => process::Stdio::inherit(),
            Stdio::Null => process::Stdio::null(),
            Stdio::Pipe => process::Stdio::piped(),
            Stdio::Fd(fd) => fd.try_clone()?.into(),
        })
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio::Fd(fd)
    }
}

impl From<std::fs::File> for Stdio {
    fn from(file: std::fs::File) -> Stdio {
        Stdio::Fd(file.into())
    }
}

/// A program to be started, with arguments, environment and streams. It can be started several times.
///
/// ```
/// use nestling_runtime::process::{Command, Stdio};
///
/// # nestling_runtime::run(async {
/// let child = Command::new("sh")
///     .args(["-c", "test $COLOUR = blue"])
///     .env("COLOUR", "blue")
///     .current_dir("/")
///     .stdout(Stdio::Null)
///     .spawn()
///     .await?;
/// assert!(child.wait().await?.success());
/// # Ok::<_, nestling_runtime::process::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::process::Error>(())
/// ```
///
/// As with the standard library's, no shell is involved: arguments arrive as they are.
#[derive(Debug)]
#[must_use = "it does nothing until it is started"]
pub struct Command {
    inner: process::Command,
    stdin: Option<Stdio>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
}

impl Command {
    /// The program of this name, looked for in `PATH`, or at this path.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            inner: process::Command::new(program),
            stdin: None,
            stdout: None,
            stderr: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Command {
        self.inner.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
        self.inner.args(args);
        self
    }

    /// Sets a variable of the environment, which is this program's otherwise.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Command {
        self.inner.env(name, value);
        self
    }

    /// Removes a variable from the environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Command {
        self.inner.env_remove(name);
        self
    }

    /// Begins with an empty environment.
    pub fn env_clear(mut self) -> Command {
        self.inner.env_clear();
        self
    }

    /// The directory to start it in.
    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Command {
        self.inner.current_dir(path);
        self
    }

    /// Where it reads from.
    pub fn stdin(mut self, stdio: impl Into<Stdio>) -> Command {
        self.stdin = Some(stdio.into());
        self
    }

    /// Where it writes to.
    pub fn stdout(mut self, stdio: impl Into<Stdio>) -> Command {
        self.stdout = Some(stdio.into());
        self
    }

    /// Where it writes what is not its result.
    pub fn stderr(mut self, stdio: impl Into<Stdio>) -> Command {
        self.stderr = Some(stdio.into());
        self
    }

    /// Sets those streams that have not been set.
    pub fn default_stdio(mut self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Command {
        self.stdin.get_or_insert(stdin);
        self.stdout.get_or_insert(stdout);
        self.stderr.get_or_insert(stderr);
        self
    }

    /// Whether the standard input has been set.
    #[must_use]
    pub fn has_stdin(&self) -> bool {
        self.stdin.is_some()
    }

    /// The standard library's command inside, for what only that can set, such as process groups. Its
    /// streams are those set here.
    #[must_use]
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.inner
    }

    /// Starts it.
    ///
    /// The system call is made in the run's own thread, and holds it up until the program has been loaded,
    /// for a millisecond or so. In another thread it would not do for processes that are to end together
    /// with the thread that has started them (`PR_SET_PDEATHSIG`).
    ///
    /// # Cancel and drop
    /// A checkpoint that does not wait.
    ///
    /// # Errors
    /// [Not found](Error::is_not_found), and what else the system says. No process is left then.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn spawn(&mut self) -> Result<Child, Error> {
        std::future::poll_fn(poll_proceed).await;
        let program: Arc<str> = self.inner.get_program().to_string_lossy().into();
        let result = self.spawn_now(&program);
        // The copies of descriptors in it are for the process alone.
        self.inner.stdin(process::Stdio::null());
        self.inner.stdout(process::Stdio::null());
        self.inner.stderr(process::Stdio::null());
        result.map_err(|error| Error::new("start", &program, error))
    }

    fn spawn_now(&mut self, program: &Arc<str>) -> io::Result<Child> {
        let inherit = Stdio::Inherit;
        let [stdin, stdout, stderr] = [&self.stdin, &self.stdout, &self.stderr]
            .map(|stdio| stdio.as_ref().unwrap_or(&inherit));
        if [stdin, stdout]
            .iter()
            .any(|stdio| matches!(stdio, Stdio::ToStdout))
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "only the standard error can lead to where the standard output does",
            ));
        }
        self.inner.stdin(stdin.to_std()?);
        let mut merged = None;
        match (stdout, stderr) {
            (Stdio::Pipe, Stdio::ToStdout) => {
                let (reader, writer) = pipe::pipe()?;
                merged = Some(reader);
                self.inner.stderr(writer.try_clone()?);
                self.inner.stdout(writer);
            }
            (Stdio::Inherit, Stdio::ToStdout) => {
                let ours = io::stdout().as_fd().try_clone_to_owned()?;
                self.inner.stdout(stdout.to_std()?);
                self.inner.stderr(ours);
            }
            _ => {
                self.inner.stdout(stdout.to_std()?);
                let stderr = if matches!(stderr, Stdio::ToStdout) {
                    stdout
                } else {
                    stderr
                };
                self.inner.stderr(stderr.to_std()?);
            }
        }
        let mut started = self.inner.spawn()?;
        let pipes = Pipes {
            stdin: started.stdin.take().map(OwnedFd::from),
            stdout: merged.or_else(|| started.stdout.take().map(OwnedFd::from)),
            stderr: started.stderr.take().map(OwnedFd::from),
        };
        // From here on an error drops the child, which ends the process.
        let mut child = Child::new(started, program)?;
        let reader = |fd| PipeReader::new(fd, program);
        child.stdin = pipes
            .stdin
            .map(|fd| PipeWriter::new(fd, program))
            .transpose()?;
        child.stdout = pipes.stdout.map(reader).transpose()?;
        child.stderr = pipes.stderr.map(reader).transpose()?;
        Ok(child)
    }
}
