//! What the thread that works and the task that waits for it tell each other.
//!
//! ```text
//!            host: abandon                    thread: finish
//! WAITING -------------------> ABANDONED ----------------------> over
//!    |  ^                                  (gives the permit back)
//!    |  | thread: ask, host: takes the request, and answers it by other means
//!    |  +-----
//!    | thread: finish (wakes the host)
//!    +-------------------------------> FINISHED
//! ```
//!
//! Whichever of `abandon` and `finish` comes second is told that the other was first.

use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::Waker;

use crate::cancelled::Cancelled;
use crate::prim::Mutex;

/// Something that a thread wants done in another. To be called there; what is left to be polled after that is
/// returned.
pub type Request = Box<dyn FnOnce() -> Option<Visit> + Send>;

/// What a thread has another one poll, to the end.
pub type Visit = Pin<Box<dyn Future<Output = ()>>>;

/// What an abandoned job does at its end.
pub(crate) type AtEnd = Box<dyn FnOnce() + Send>;

pub(crate) struct Link {
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// Why the host is to come to an end.
    cause: Option<Cancelled>,
    request: Option<Request>,
    /// Whom to wake when there is news.
    host: Option<Waker>,
}

enum Stage {
    Waiting,
    Abandoned(Option<AtEnd>),
    Finished,
}

/// What the host finds.
pub(crate) enum News {
    Finished,
    Request(Request),
}

/// What the thread finds at its end.
pub(crate) enum End {
    /// Tell the host.
    Wake(Option<Waker>),
    /// There is none any more.
    Abandoned(Option<AtEnd>),
}

impl Link {
    pub(crate) fn new() -> Link {
        Link {
            state: Mutex::new(State {
                stage: Stage::Waiting,
                cause: None,
                request: None,
                host: None,
            }),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        // Nothing below panics while it holds the lock.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Host: whether there is news.
    pub(crate) fn news(&self) -> Option<News> {
        self.with(State::news)
    }

    /// Host: as `news`; if there is none, `waker` is woken once there is.
    pub(crate) fn wait(&self, waker: Waker) -> Option<News> {
        let (news, spare) = self.with(|state| match state.news() {
            Some(news) => (Some(news), Some(waker)),
            None => (None, state.host.replace(waker)),
        });
        // Foreign code, which the lock must not be held for.
        drop(spare);
        news
    }

    /// Host: the thread shall know that its work is not wanted any more.
    pub(crate) fn cancel(&self, cause: Cancelled) {
        self.with(|state| {
            state.cause.get_or_insert(cause);
        });
    }

    /// Host: nobody waits any more. `false`: the thread has finished already, and `at_end` is dropped.
    pub(crate) fn abandon(&self, cause: Cancelled, at_end: AtEnd) -> bool {
        let (left, waker, request) = self.with(|state| {
            let waker = state.host.take();
            let request = state.request.take();
            state.cause.get_or_insert(cause);
            if matches!(state.stage, Stage::Finished) {
                return (Some(at_end), waker, request);
            }
            state.stage = Stage::Abandoned(Some(at_end));
            (None, waker, request)
        });
        drop((waker, request));
        left.is_none()
    }

    /// Thread: the work is done.
    pub(crate) fn finish(&self) -> End {
        self.with(|state| match &mut state.stage {
            Stage::Abandoned(at_end) => End::Abandoned(at_end.take()),
            Stage::Waiting | Stage::Finished => {
                state.stage = Stage::Finished;
                End::Wake(state.host.take())
            }
        })
    }

    /// Thread: nobody waits for what it does.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.with(|state| matches!(state.stage, Stage::Abandoned(_)))
    }

    /// Thread: has the host do something. Given back if there is none.
    pub(crate) fn ask(&self, request: Request) -> Result<(), Request> {
        let waker = self.with(|state| {
            if matches!(state.stage, Stage::Waiting) {
                state.request = Some(request);
                Ok(state.host.take())
            } else {
                Err(request)
            }
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Thread: why its work is not wanted any more, if so.
    pub(crate) fn cause(&self) -> Option<Cancelled> {
        self.with(|state| state.cause.clone())
    }
}

impl State {
    fn news(&mut self) -> Option<News> {
        if matches!(self.stage, Stage::Finished) {
            return Some(News::Finished);
        }
        self.request.take().map(News::Request)
    }
}
