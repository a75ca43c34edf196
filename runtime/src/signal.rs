//! Receiving Unix signals as values.
//!
//! A signal is *pending* in every [`Signals`] that asked for it, from its arrival until `recv`
//! returns it. Signals of one kind that arrive meanwhile are one, as with the system itself.
//!
//! The handler counts, and writes a byte to a socket pair that the reactor watches: no thread, and
//! nothing that a signal handler must not do.
//!
//! As long as a receiver is there, a signal does nothing else. When the last receiver of a kind is
//! dropped, the kind does again what it did before: by default, Ctrl-C ends the process. A signal
//! that nobody has looked at does that in the moment of the drop, so that none is lost.

mod handler;
mod kinds;

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::io::Io;
use crate::waits::waits_for;
use kinds::Listening;

pub use signal_hook::consts::signal::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH,
};

/// Receives signals of the given kinds from now on, until the receiver is dropped.
///
/// ```no_run
/// use nestling_runtime::signal::{SIGINT, SIGTERM, name, signals};
///
/// # fn main() -> std::io::Result<()> {
/// nestling_runtime::run(async {
///     let mut signals = signals(&[SIGINT, SIGTERM])?;
///     println!("stopping because of {}", name(signals.recv().await?));
///     Ok(())
/// })
/// # }
/// ```
///
/// A handler that the process had for such a signal is still called, before the receiver gets it.
///
/// # When it is dropped
/// The last receiver of a kind brings back what was before it. If that was the system's default, it
/// is carried out by the crate `signal-hook`, in the handler. So it does not know of a handler that
/// *another* user of that crate (or of `tokio::signal`) has added since: both would act. Let one of
/// them handle a kind for the whole life of the process, then.
///
/// Real-time signals, whose default is not known, are ignored after that. A signal that the process
/// was started to ignore (`nohup`) is ignored again, save on systems other than Linux, where that
/// isn't asked for and the default applies.
///
/// # Errors
/// [`SignalError`] as an [`io::Error`], for a kind that can't be received or is unknown, and for an
/// empty list; what the system says if there is no room for another pair of sockets.
///
/// # Panics
/// Outside a run.
#[track_caller]
pub fn signals(kinds: &[i32]) -> io::Result<Signals> {
    if kinds.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            SignalError::None,
        ));
    }
    let (socket, bell) = UnixStream::pair()?;
    socket.set_nonblocking(true)?;
    let socket = Io::new(socket)?;
    let mut listening: Vec<Listening> = Vec::with_capacity(kinds.len());
    for &kind in kinds {
        if listening.iter().all(|known| known.kind() != kind) {
            listening.push(kinds::listen(kind, &bell)?);
        }
    }
    Ok(Signals {
        listening,
        next: 0,
        socket,
    })
}

/// Waits for Ctrl-C (`SIGINT`) once. A second one, when this has returned, ends the process as usual.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// nestling_runtime::run(async {
///     println!("press Ctrl-C");
///     nestling_runtime::signal::ctrl_c().await?;
///     println!("thank you");
///     Ok(())
/// })
/// # }
/// ```
///
/// To have every one of them, or those that come while nobody waits, keep a [`Signals`].
///
/// # Cancel and drop
/// A Ctrl-C that was not returned any more does what it would have done without this.
///
/// # Errors
/// As [`signals`].
///
/// # Panics
/// Polled outside a run.
pub async fn ctrl_c() -> io::Result<()> {
    signals(&[SIGINT])?.recv().await?;
    Ok(())
}

/// The name of a kind of signal, as `SIGINT`, or `a signal` for those that have none.
///
/// ```
/// use nestling_runtime::signal::{SIGTERM, name};
///
/// assert_eq!(name(SIGTERM), "SIGTERM");
/// ```
#[must_use]
pub fn name(kind: i32) -> &'static str {
    signal_hook::low_level::signal_name(kind).unwrap_or("a signal")
}

/// Why signals can't be received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The list was empty.
    #[error("no kind of signal was asked for, so none could ever be received: name at least one")]
    None,
    /// The kind is one of `SIGKILL`, `SIGSTOP`, `SIGILL`, `SIGFPE` and `SIGSEGV`.
    #[error(
        "signal {kind} ({}) can't be received: the system forbids it, or the program can't go on \
         after it; leave it out",
        name(*kind)
    )]
    Forbidden {
        /// The kind that was asked for.
        kind: i32,
    },
    /// The system refused, because there is no such signal or no room for the handler.
    #[error("signal {kind} ({}) can't be received: {source}", name(*kind))]
    Refused {
        /// The kind that was asked for.
        kind: i32,
        /// What the system said.
        source: io::Error,
    },
}

/// A receiver of signals, made by [`signals`].
pub struct Signals {
    /// Declared before the socket: no handler shall ring when nobody can hear it.
    listening: Vec<Listening>,
    /// Which kind has the first turn, so that a frequent one does not starve the others.
    next: usize,
    socket: Io<UnixStream>,
}

impl Signals {
    /// Waits for the next signal and returns its kind. If several kinds are pending, they take turns.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cancelled or dropped, it leaves what is pending to the next call.
    ///
    /// # Errors
    /// Those of the system, and [`WrongRun`](crate::io::WrongRun) in another run than the one it was
    /// made in.
    ///
    /// # Panics
    /// Polled outside a run.
    pub async fn recv(&mut self) -> io::Result<i32> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// One poll of [`recv`](Signals::recv).
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<i32>> {
        let Signals {
            listening,
            next,
            socket,
        } = self;
        let count = listening.len();
        // The handler counts and then rings. So a signal that was missed here is followed by a byte
        // that the `read` finds, or that comes later and wakes the task.
        let poll = socket.poll_read_with(cx, |mut socket| {
            let mut rings = [0; 64];
            loop {
                let turns = (*next..count).chain(0..*next);
                for turn in turns {
                    if listening[turn].take() {
                        *next = (turn + 1) % count;
                        return Ok(listening[turn].kind());
                    }
                }
                if socket.read(&mut rings)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        });
        if poll.is_pending() {
            waits_for(|| self.words());
        }
        poll
    }

    /// What the one who waits for it waits for.
    fn words(&self) -> String {
        let names = self.listening.iter().map(|one| name(one.kind()));
        format!("one of {}", names.collect::<Vec<_>>().join(", "))
    }
}

/// The signals, one after the other, for combinators of other crates; it never ends. An item is what
/// [`Signals::recv`] returns, and each poll is a checkpoint as it is.
///
/// ```no_run
/// use futures_core::Stream;
/// use nestling_runtime::signal::{SIGHUP, signals};
///
/// async fn reload_at_each(hangups: impl Stream<Item = std::io::Result<i32>>) {
///     // `for_each` and the like come with `StreamExt` of futures or futures-lite
/// #   drop(hangups);
/// }
///
/// # fn main() -> std::io::Result<()> {
/// nestling_runtime::run(async {
///     reload_at_each(signals(&[SIGHUP])?).await;
///     Ok(())
/// })
/// # }
/// ```
impl Stream for Signals {
    type Item = io::Result<i32>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<i32>>> {
        self.poll_recv(cx).map(Some)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.listening).finish()
    }
}
