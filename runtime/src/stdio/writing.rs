//! Who writes to an output, in turn.
//!
//! ```text
//! 1 in line ----------------> 2 first, and no thread at work
//!                                 | a thread takes the bytes
//! 4 told what came of it <--- 3 a thread writes them
//! ```
//!
//! One who is dropped in 1 has written nothing. One who is dropped in 3 leaves the thread to itself, which keeps
//! the next in line waiting, and leaves an error to it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::checkpoint::poll_proceed;
use crate::threads::detach;
use crate::waits::waits_for;

/// An output of the process, and who waits for it, in whatever run.
pub(super) struct Line {
    name: &'static str,
    state: Mutex<State>,
    write: fn(&[u8]) -> io::Result<()>,
}

struct State {
    next_id: u64,
    line: VecDeque<Place>,
    /// For whom a thread is writing, who may be gone.
    writes_for: Option<u64>,
    /// What nobody has been told.
    failed: Option<io::Error>,
}

struct Place {
    id: u64,
    waker: Option<Waker>,
    result: Option<io::Result<()>>,
}

/// What a poll comes to.
enum Step {
    Told(io::Result<()>),
    Begin,
    Wait,
}

impl Line {
    pub(super) const fn new(name: &'static str, write: fn(&[u8]) -> io::Result<()>) -> Line {
        Line {
            name,
            state: Mutex::new(State {
                next_id: 0,
                line: VecDeque::new(),
                writes_for: None,
                failed: None,
            }),
            write,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write_in_thread(&self, bytes: &[u8]) {
        let result = (self.write)(bytes);
        self.finish(result);
    }

    fn finish(&self, result: io::Result<()>) {
        let waker = self.with(|state| {
            let id = state.writes_for.take();
            match state.line.iter_mut().find(|place| Some(place.id) == id) {
                Some(place) => place.result = Some(result),
                None => state.failed = result.err().or(state.failed.take()),
            }
            state.first_waker()
        });
        wake(waker);
    }

    pub(super) fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, writing) = self.with(|state| (state.line.len(), state.writes_for.is_some()));
        f.debug_struct("Output")
            .field("to", &self.name)
            .field("waiting", &waiting)
            .field("writing", &writing)
            .finish()
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl State {
    /// The thread works for the first in line, or for one that is gone.
    fn first_waker(&mut self) -> Option<Waker> {
        self.line.front_mut().and_then(|place| place.waker.take())
    }

    /// What is next for `id`. Only `Wait` leaves the waker.
    fn step(&mut self, id: u64, waker: &mut Option<Waker>) -> Step {
        let idle = self.writes_for.is_none();
        let Some(place) = self.line.front_mut().filter(|place| place.id == id) else {
            // Behind others.
            if let Some(place) = self.line.iter_mut().find(|place| place.id == id) {
                std::mem::swap(&mut place.waker, waker);
            }
            return Step::Wait;
        };
        if let Some(result) = place.result.take() {
            return Step::Told(result);
        }
        if !idle {
            std::mem::swap(&mut place.waker, waker);
            return Step::Wait;
        }
        if let Some(error) = self.failed.take() {
            return Step::Told(Err(error));
        }
        std::mem::swap(&mut place.waker, waker);
        self.writes_for = Some(id);
        Step::Begin
    }
}

/// Writes bytes to an output.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Writing<'b> {
    line: &'static Line,
    bytes: &'b [u8],
    /// From the first poll on, until it is told.
    id: Option<u64>,
}

impl<'b> Writing<'b> {
    pub(super) fn new(line: &'static Line, bytes: &'b [u8]) -> Writing<'b> {
        Writing {
            line,
            bytes,
            id: None,
        }
    }

    fn leave(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (place, waker) = self.line.with(|state| {
            let at = state.line.iter().position(|place| place.id == id);
            let mut place = at.and_then(|at| state.line.remove(at));
            if let Some(Some(Err(error))) = place.as_mut().map(|place| place.result.take()) {
                state.failed = Some(error);
            }
            let idle = state.writes_for.is_none();
            let waker = if idle { state.first_waker() } else { None };
            (place, waker)
        });
        drop(place);
        wake(waker);
    }
}

impl Future for Writing<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_proceed(cx));
        let line = self.line;
        let mut waker = Some(cx.waker().clone());
        let id = *self.id.get_or_insert_with(|| {
            line.with(|state| {
                let id = state.next_id;
                state.next_id += 1;
                state.line.push_back(Place {
                    id,
                    waker: None,
                    result: None,
                });
                id
            })
        });
        let step = line.with(|state| state.step(id, &mut waker));
        drop(waker);
        match step {
            Step::Told(result) => {
                self.leave();
                return Poll::Ready(result);
            }
            Step::Begin => {
                let bytes = self.bytes.to_vec();
                let name = line.name;
                if let Err(error) = detach(name, move || line.write_in_thread(&bytes)) {
                    // It is told so in its next poll.
                    line.finish(Err(error.into()));
                }
            }
            Step::Wait => {}
        }
        waits_for(|| format!("room in {}", line.name));
        Poll::Pending
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
