//! Exact counts of polls and drops.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// How often what was made by it has been polled and dropped.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polls: Cell<usize>,
    pub(crate) drops: Cell<usize>,
}

impl Counts {
    pub(crate) fn new() -> Counts {
        Counts::default()
    }

    pub(crate) fn polls(&self) -> usize {
        self.polls.get()
    }

    pub(crate) fn drops(&self) -> usize {
        self.drops.get()
    }

    /// A value whose drop is counted.
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }

    /// `future`, with its polls and its drop counted.
    pub(crate) fn of<'a, F: Future + 'a>(&'a self, future: F) -> Counted<'a, F> {
        Counted {
            future: Box::pin(future),
            counts: self,
        }
    }
}

pub(crate) struct Guard<'a>(&'a Counts);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.drops.set(self.0.drops.get() + 1);
    }
}

pub(crate) struct Counted<'a, F> {
    future: Pin<Box<F>>,
    counts: &'a Counts,
}

impl<F: Future> Future for Counted<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.counts.polls.set(self.counts.polls.get() + 1);
        self.future.as_mut().poll(cx)
    }
}

impl<F> Drop for Counted<'_, F> {
    fn drop(&mut self) {
        self.counts.drops.set(self.counts.drops.get() + 1);
    }
}

/// Calls `f` when it is dropped.
pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}
