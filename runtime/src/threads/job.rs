//! One piece of work, shared by its host and the thread that does it.

use std::any::Any;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::link::{End, Link};
use super::worker;
use crate::run::describe;

/// So many payloads, each out of the destructor of the one before, are dropped; the next is leaked.
const PAYLOADS: usize = 16;

/// A job as the thread sees it.
pub(super) trait Work: Send + Sync {
    /// Does it, calls `before_delivery`, and delivers the result. Panics never.
    fn work(self: Arc<Self>, before_delivery: &mut dyn FnMut());

    fn link(&self) -> &Link;

    /// What the thread is to be called meanwhile.
    fn name(&self) -> Option<&str>;
}

pub(super) struct Job<F, T> {
    pub(super) link: Link,
    name: Option<Arc<str>>,
    stage: Mutex<Stage<F, T>>,
}

enum Stage<F, T> {
    New(F),
    Working,
    Done(thread::Result<T>),
}

impl<F, T> Job<F, T> {
    pub(super) fn new(f: F, name: Option<Arc<str>>) -> Job<F, T> {
        Job {
            link: Link::new(),
            name,
            stage: Mutex::new(Stage::New(f)),
        }
    }

    /// What the thread delivered; it has finished.
    pub(super) fn take(&self) -> Option<thread::Result<T>> {
        match self.replace(Stage::Working) {
            Stage::Done(result) => Some(result),
            Stage::New(_) | Stage::Working => None,
        }
    }

    fn replace(&self, stage: Stage<F, T>) -> Stage<F, T> {
        // Held for a move only.
        mem::replace(
            &mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner),
            stage,
        )
    }
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn work(self: Arc<Self>, before_delivery: &mut dyn FnMut()) {
        let Stage::New(f) = self.replace(Stage::Working) else {
            return;
        };
        let result = {
            let _current = worker::begin(Arc::clone(&self) as Arc<dyn Work>);
            let result = catch_unwind(AssertUnwindSafe(f));
            if self.link.is_abandoned() {
                // Dropped before the thread counts as idle, as it may take long.
                discard(result);
                None
            } else {
                Some(result)
            }
        };
        if let Some(result) = result {
            drop(self.replace(Stage::Done(result)));
        }
        before_delivery();
        match self.link.finish() {
            End::Wake(waker) => {
                // The waker is foreign code.
                if let Some(waker) = waker {
                    report(catch_unwind(|| waker.wake()), "a waker panicked in");
                }
            }
            End::Abandoned(at_end) => {
                if let Some(result) = self.take() {
                    discard(result);
                }
                if let Some(at_end) = at_end {
                    at_end();
                }
            }
        }
    }

    fn link(&self) -> &Link {
        &self.link
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Drops what nobody waits for.
fn discard<T>(result: thread::Result<T>) {
    report(
        result.and_then(|value| catch_unwind(AssertUnwindSafe(|| drop(value)))),
        "work that was abandoned panicked in",
    );
}

/// Tells of a panic that nobody is there to get.
pub(super) fn report(result: Result<(), Box<dyn Any + Send>>, what: &str) {
    let Err(mut payload) = result else { return };
    tracing::error!(panic = describe(&*payload), "{what} a worker thread");
    // A payload whose destructor panics must not end the thread; what that panic carries may do it again.
    for _ in 0..PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(again) => payload = again,
        }
    }
    let _leaked = ManuallyDrop::new(payload);
}
