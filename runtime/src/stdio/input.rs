//! The standard input.
//!
//! What has been read and not been asked for yet belongs to the process, as the input itself does, and waits
//! there for the next reader, whatever becomes of the last one.

#[cfg(unix)]
use std::cell::OnceCell;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker, ready};

use crate::checkpoint::poll_proceed;
#[cfg(unix)]
use crate::io::Io;
use crate::line_buffer::{LENGTH_MAX, LineBuffer, LineTooLong};
#[cfg(unix)]
use crate::saying::saying;
use crate::threads::detach;
use crate::waits::waits_for;

/// What a reader waits for.
const WORDS: &str = "a line of the standard input";

/// How much is read at once.
const BUFFER: usize = 16 << 10;

/// The standard input, to be read line by line.
///
/// ```no_run
/// use nestling_runtime::stdio::stdin;
///
/// # fn main() -> std::io::Result<()> {
/// nestling_runtime::run(async {
///     let mut lines = stdin().lines();
///     while let Some(line) = lines.next().await? {
///         println!("{} bytes", line.len());
///     }
///     Ok(())
/// })
/// # }
/// ```
///
/// All that are made by this share what was read ahead, also in later runs. One task reads at a time. Do not
/// read by [`std::io::stdin`] as well: what one of them has read ahead, the other one does not see.
#[must_use]
pub fn stdin() -> Stdin {
    Stdin::of(&STDIN)
}

static STDIN: Input = Input::new(read_stdin);

/// Reads in a thread, and may block.
fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    #[cfg(unix)]
    return Ok(rustix::io::read(io::stdin(), buffer)?);
    #[cfg(not(unix))]
    return io::Read::read(&mut io::stdin().lock(), buffer);
}

/// What the process has of its input.
pub(super) struct Input {
    state: Mutex<State>,
    read: fn(&mut [u8]) -> io::Result<usize>,
}

struct State {
    buffer: LineBuffer,
    /// A task is reading.
    in_use: bool,
    thread: Thread,
    /// Of the task that waits for the thread.
    waker: Option<Waker>,
}

/// The thread that reads where nothing can be watched.
enum Thread {
    None,
    Reading,
    /// It has read so many bytes, and put them into the buffer.
    Done(io::Result<usize>),
}

/// Another task reads the standard input.
#[derive(Debug, thiserror::Error)]
#[error(
    "another task is reading the standard input: let one task do it and hand the others what they need \
     over a channel"
)]
struct Busy;

impl Input {
    pub(super) const fn new(read: fn(&mut [u8]) -> io::Result<usize>) -> Input {
        Input {
            state: Mutex::new(State {
                buffer: LineBuffer::new(),
                in_use: false,
                thread: Thread::None,
                waker: None,
            }),
            read,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn enter(&self) -> io::Result<InUse<'_>> {
        proceed().await;
        if self.with(|state| std::mem::replace(&mut state.in_use, true)) {
            return Err(io::Error::new(ErrorKind::ResourceBusy, Busy));
        }
        Ok(InUse(self))
    }

    /// Reads by a thread, and returns how much there is more in the buffer. Cut off, the thread goes on.
    async fn fill_by_thread(&'static self) -> io::Result<usize> {
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            let waker = cx.waker().clone();
            let (done, begin, spare) =
                self.with(
                    |state| match std::mem::replace(&mut state.thread, Thread::Reading) {
                        Thread::Done(result) => {
                            state.thread = Thread::None;
                            (Some(result), false, Some(waker))
                        }
                        Thread::None => (None, true, state.waker.replace(waker)),
                        Thread::Reading => (None, false, state.waker.replace(waker)),
                    },
                );
            drop(spare);
            if let Some(result) = done {
                return Poll::Ready(result);
            }
            if begin {
                if let Err(error) = detach("nestling-stdin", || self.read_in_thread()) {
                    let waker = self.with(|state| {
                        state.thread = Thread::None;
                        state.waker.take()
                    });
                    drop(waker);
                    return Poll::Ready(Err(error.into()));
                }
            }
            // A thread wakes it, which the run does not wait for.
            waits_for(|| String::from(WORDS));
            Poll::Pending
        })
        .await
    }

    fn read_in_thread(&self) {
        let mut landing = vec![0; BUFFER];
        let result = loop {
            match (self.read)(&mut landing) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let waker = self.with(|state| {
            let count = *result.as_ref().unwrap_or(&0);
            state.buffer.push(landing.get(..count).unwrap_or_default());
            state.thread = Thread::Done(result);
            state.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Leaves the input to others on drop.
struct InUse<'i>(&'i Input);

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.in_use = false);
    }
}

async fn proceed() {
    poll_fn(poll_proceed).await;
}

/// The standard input, made by [`stdin`].
pub struct Stdin {
    input: &'static Input,
    limit: usize,
    /// `None` if it cannot be watched.
    #[cfg(unix)]
    watched: OnceCell<Option<Io<std::os::fd::OwnedFd>>>,
}

impl Stdin {
    pub(super) fn of(input: &'static Input) -> Stdin {
        Stdin {
            input,
            limit: LENGTH_MAX,
            #[cfg(unix)]
            watched: OnceCell::new(),
        }
    }

    /// As if it could not be watched.
    #[cfg(all(test, unix))]
    pub(super) fn by_thread(self) -> Stdin {
        self.watched.get_or_init(|| None);
        self
    }

    /// Allows lines of so many bytes, without their ends. Otherwise it is 1 MiB.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Stdin {
        self.limit = bytes;
        self
    }

    /// Waits for a line, and returns it without `\n` or `\r\n` at its end; `None` at the end of the input.
    /// What comes after the last `\n` is a line as well, unless it is empty. After its end a terminal may
    /// be read on.
    ///
    /// # Cancel and drop
    /// A checkpoint, and nothing is lost of what was typed: what came before, half a line or many of them,
    /// waits for the next reader. Where the input can't be watched, its thread is left waiting, and what
    /// it reads is kept as well.
    ///
    /// # Errors
    /// [`InvalidData`](ErrorKind::InvalidData) if the line is [too long](crate::fs::LineTooLong) or not UTF-8: the
    /// next call goes on with the line after it. [`ResourceBusy`](ErrorKind::ResourceBusy) if another task is
    /// reading. What the system says.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn read_line(&self) -> io::Result<Option<String>> {
        let _in_use = self.input.enter().await?;
        loop {
            let line = self.input.with(|state| state.buffer.line(self.limit));
            if let Some(line) = line {
                return text(line).map(Some);
            }
            if self.fill().await? == 0 {
                let rest = self.input.with(|state| state.buffer.rest(self.limit));
                return rest.map(text).transpose();
            }
        }
    }

    /// All lines to come.
    #[must_use]
    pub fn lines(self) -> StdinLines {
        StdinLines { stdin: self }
    }

    /// Waits until there is more in the buffer, or the input has ended: 0.
    async fn fill(&self) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(io) = self.watched()? {
            let read = io.read_with(|fd| {
                let mut landing = [0; BUFFER];
                let count = read_what_is_there(fd, &mut landing)?;
                let bytes = landing.get(..count).unwrap_or_default();
                self.input.with(|state| state.buffer.push(bytes));
                Ok(count)
            });
            return saying(|| String::from(WORDS), read).await;
        }
        self.input.fill_by_thread().await
    }

    #[cfg(unix)]
    fn watched(&self) -> io::Result<Option<&Io<std::os::fd::OwnedFd>>> {
        use std::os::fd::AsFd;

        if self.watched.get().is_none() {
            let watched = match Io::new(io::stdin().as_fd().try_clone_to_owned()?) {
                Ok(io) => Some(io),
                // A file, or something like `/dev/null`.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
                Err(error) => return Err(error),
            };
            // Nobody has been faster: there is no await in between.
            self.watched.get_or_init(|| watched);
        }
        Ok(self.watched.get().and_then(Option::as_ref))
    }
}

/// Reads without blocking, from a descriptor that blocks.
#[cfg(unix)]
fn read_what_is_there(fd: &std::os::fd::OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let now = Timespec::default();
    if poll(&mut fds, Some(&now))? == 0 {
        return Err(ErrorKind::WouldBlock.into());
    }
    Ok(rustix::io::read(fd, buffer)?)
}

fn text(line: Result<Vec<u8>, LineTooLong>) -> io::Result<String> {
    String::from_utf8(line?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (buffered, in_use) = self.input.with(|state| (state.buffer.len(), state.in_use));
        f.debug_struct("Stdin")
            .field("buffered", &buffered)
            .field("in_use", &in_use)
            .finish_non_exhaustive()
    }
}

/// The lines of the standard input, made by [`Stdin::lines`].
#[derive(Debug)]
pub struct StdinLines {
    stdin: Stdin,
}

impl StdinLines {
    /// The next line, as [`Stdin::read_line`] returns it.
    ///
    /// # Cancel and drop
    /// As there.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub async fn next(&mut self) -> io::Result<Option<String>> {
        self.stdin.read_line().await
    }
}
