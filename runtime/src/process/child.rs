//! A process that was started here.
//!
//! Many tasks may wait for its end, while the reactor knows one of them: whoever has polled last. That one
//! is woken, reaps the process and wakes the others. If one that waited is dropped instead, all others are
//! woken, so that one of them takes its place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{self, ExitStatus};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use slab::Slab;

use super::error::Error;
use super::exit;
use super::pipe::{PipeReader, PipeWriter};
use crate::checkpoint::poll_proceed;
use crate::io::Io;
use crate::threads::detach;
use crate::waits::waits_for;

/// Our ends of the pipes, before they are watched.
pub(super) struct Pipes {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// A process, made by [`Command::spawn`](super::Command::spawn).
///
/// ```
/// use nestling_runtime::process::Command;
/// use nestling_runtime::signal::SIGTERM;
/// use std::os::unix::process::ExitStatusExt;
///
/// # nestling_runtime::run(async {
/// let child = Command::new("sleep").arg("60").spawn().await?;
/// child.terminate()?;
/// assert_eq!(child.wait().await?.signal(), Some(SIGTERM));
/// # Ok::<_, nestling_runtime::process::Error>(())
/// # })?;
/// # Ok::<(), nestling_runtime::process::Error>(())
/// ```
///
/// # Drop
/// If it has not ended, the process is killed, with `SIGKILL`, and a thread of those that
/// [`to_thread`](crate::to_thread) uses reaps it: no zombie is left, and the run is not held up while the
/// system takes the process apart. Processes that it has started itself live on. To end it gently, use
/// [`terminate`](Child::terminate) and [`wait`](Child::wait) before.
///
/// # If the program ignores SIGCHLD
/// or another part of it reaps all children, the system does not tell how a process ended. It counts as
/// ended with status 0 then.
pub struct Child {
    /// Leads to its standard input, if that is [`Stdio::Pipe`](super::Stdio::Pipe).
    pub stdin: Option<PipeWriter>,
    /// Comes from its standard output.
    pub stdout: Option<PipeReader>,
    /// Comes from its standard error.
    pub stderr: Option<PipeReader>,
    program: Arc<str>,
    pid: Pid,
    /// `None` once it has been reaped.
    process: RefCell<Option<process::Child>>,
    status: Cell<Option<ExitStatus>>,
    end: Io<OwnedFd>,
    #[cfg(target_os = "linux")]
    is_pidfd: bool,
    waiters: RefCell<Slab<Option<Waker>>>,
}

impl Child {
    /// On an error the process has been killed.
    pub(super) fn new(process: process::Child, program: &Arc<str>) -> io::Result<Child> {
        let mut process = Unwatched(Some(process));
        let id = process.0.as_ref().map_or(0, process::Child::id);
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(ErrorKind::InvalidData)?;
        let watched = exit::watch(pid)?;
        let end = Io::new(watched.fd)?;
        Ok(Child {
            stdin: None,
            stdout: None,
            stderr: None,
            program: Arc::clone(program),
            pid,
            process: RefCell::new(process.0.take()),
            status: Cell::new(None),
            end,
            #[cfg(target_os = "linux")]
            is_pidfd: watched.is_pidfd,
            waiters: RefCell::default(),
        })
    }

    /// The system's number of the process. When it has ended and that has been seen here, the number may be
    /// given to another.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The program, as it was called.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Waits until it ends, and tells how. Several tasks may wait, also again and again.
    ///
    /// It leaves the pipes open: if nobody reads what the process writes, it may never end.
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off or dropped, nothing has changed, and one may wait again.
    ///
    /// # Errors
    /// In another run than the one it was started in.
    ///
    /// # Panics
    /// Polled outside a run.
    pub fn wait(&self) -> Wait<'_> {
        Wait {
            child: self,
            key: None,
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn try_wait(&self) -> Option<ExitStatus> {
        if self.status.get().is_none() {
            let status = self.reap()?;
            self.status.set(Some(status));
            self.wake_all();
        }
        self.status.get()
    }

    /// As [`try_wait`](Child::try_wait), in one number: the exit code, or the number of the signal that ended
    /// it, negative.
    #[must_use]
    pub fn returncode(&self) -> Option<i32> {
        let status = self.try_wait()?;
        status.code().or(status.signal().map(|signal| -signal))
    }

    /// Ends it at once, by `SIGKILL`, which it cannot do anything about.
    ///
    /// # Errors
    /// As [`send_signal`](Child::send_signal).
    pub fn kill(&self) -> Result<(), Error> {
        self.send(Signal::KILL)
    }

    /// Asks it to end, by `SIGTERM`.
    ///
    /// # Errors
    /// As [`send_signal`](Child::send_signal).
    pub fn terminate(&self) -> Result<(), Error> {
        self.send(Signal::TERM)
    }

    /// Sends it a signal, one of those in [`signal`](crate::signal). If it has ended, nothing happens.
    ///
    /// ```
    /// use nestling_runtime::process::Command;
    /// use nestling_runtime::signal::SIGUSR1;
    ///
    /// # nestling_runtime::run(async {
    /// let child = Command::new("sleep").arg("60").spawn().await?;
    /// child.send_signal(SIGUSR1)?;
    /// child.wait().await?;
    /// assert_eq!(child.returncode(), Some(-SIGUSR1));
    /// # Ok::<_, nestling_runtime::process::Error>(())
    /// # })?;
    /// # Ok::<(), nestling_runtime::process::Error>(())
    /// ```
    ///
    /// # Errors
    /// There is no such signal; the process runs as another user, who does not get signals from this one.
    pub fn send_signal(&self, kind: i32) -> Result<(), Error> {
        match Signal::from_named_raw(kind) {
            Some(signal) => self.send(signal),
            None => Err(self.error("send a signal to", ErrorKind::InvalidInput)),
        }
    }

    fn send(&self, signal: Signal) -> Result<(), Error> {
        if self.status.get().is_some() {
            return Ok(());
        }
        match self.send_now(signal) {
            // It has ended in this moment.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(self.error("send a signal to", error)),
        }
    }

    /// Not after it was reaped: the number may be another's.
    fn send_now(&self, signal: Signal) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if self.is_pidfd {
            return rustix::process::pidfd_send_signal(self.end.get_ref(), signal);
        }
        kill_process(self.pid, signal)
    }

    fn error(&self, operation: &'static str, reason: impl Into<io::Error>) -> Error {
        Error::new(operation, &self.program, reason)
    }

    /// How it ended, if it just has.
    fn reap(&self) -> Option<ExitStatus> {
        let mut process = self.process.borrow_mut();
        let status = match process.as_mut()?.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status,
            Err(error) if error.kind() == ErrorKind::Interrupted => return None,
            Err(error) => {
                tracing::debug!(program = %self.program, %error, "nobody knows how a process ended");
                ExitStatus::from_raw(0)
            }
        };
        *process = None;
        Some(status)
    }

    fn wake_all(&self) {
        let mut waiters = self.waiters.borrow_mut();
        let wakers: Vec<Waker> = waiters
            .iter_mut()
            .filter_map(|(_, waker)| waker.take())
            .collect();
        drop(waiters);
        for waker in wakers {
            waker.wake();
        }
    }
}

/// A process that nothing watches yet.
struct Unwatched(Option<process::Child>);

impl Drop for Unwatched {
    fn drop(&mut self) {
        if let Some(mut process) = self.0.take() {
            end(&mut process);
            reap_later(process);
        }
    }
}

fn end(process: &mut process::Child) {
    if let Err(error) = process.kill() {
        tracing::warn!(%error, id = process.id(), "a process that nobody wants any more lives on");
    }
}

/// Reaps it in a thread, unless it is dead already.
fn reap_later(mut process: process::Child) {
    match process.try_wait() {
        Ok(None) => {}
        // It is gone, or was never ours to reap.
        Ok(Some(_)) | Err(_) => return,
    }
    let id = process.id();
    let reaping = detach("nestling-reap", move || {
        // An error means that somebody else has done it.
        let _status = process.wait();
    });
    if let Err(error) = reaping {
        tracing::warn!(%error, id, "a process was killed, and stays a zombie as long as this one lives");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            end(&mut process);
            reap_later(process);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child(`{}`, {}, ", self.program, self.id())?;
        match self.status.get() {
            Some(status) => write!(f, "{status})"),
            None => match self.waiters.borrow().len() {
                0 => f.write_str("running)"),
                count => write!(f, "running, {count} waiting)"),
            },
        }
    }
}

/// The future of [`Child::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<'c> {
    child: &'c Child,
    key: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = Result<ExitStatus, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_proceed(cx));
        let child = self.child;
        let poll = match child.status.get() {
            Some(status) => Poll::Ready(Ok(status)),
            None => child
                .end
                .poll_read_with(cx, |_| child.try_wait().ok_or(ErrorKind::WouldBlock.into())),
        };
        if let Poll::Ready(result) = poll {
            self.leave();
            return Poll::Ready(result.map_err(|error| child.error("wait for", error)));
        }
        let waker = Some(cx.waker().clone());
        let old = {
            let mut waiters = child.waiters.borrow_mut();
            match self.key.and_then(|key| waiters.get_mut(key)) {
                Some(place) => std::mem::replace(place, waker),
                None => {
                    self.key = Some(waiters.insert(waker));
                    None
                }
            }
        };
        drop(old);
        waits_for(|| format!("the end of `{}` (process {})", child.program, child.id()));
        Poll::Pending
    }
}

impl Wait<'_> {
    fn leave(&mut self) {
        let Some(key) = self.key.take() else { return };
        let waker = self.child.waiters.borrow_mut().try_remove(key);
        drop(waker);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let waits = self.key.is_some();
        self.leave();
        if waits && self.child.status.get().is_none() {
            self.child.wake_all();
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wait").field(self.child).finish()
    }
}
