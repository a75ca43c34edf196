//! Whom to wake when nothing is borrowed or locked any more.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::run::describe;

/// Collected while the state is borrowed, woken afterwards, in order. Most operations wake nobody or one.
#[derive(Debug, Default)]
#[must_use]
pub(super) enum Wakes {
    #[default]
    Nobody,
    One(Waker),
    Several(Vec<Waker>),
}

impl Wakes {
    pub(super) fn new() -> Wakes {
        Wakes::default()
    }

    #[inline]
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        match self {
            Wakes::Nobody => *self = Wakes::One(waker),
            _ => self.add_another(waker),
        }
    }

    #[cold]
    fn add_another(&mut self, waker: Waker) {
        let mut all = match std::mem::take(self) {
            Wakes::Nobody => Vec::new(),
            Wakes::One(first) => vec![first],
            Wakes::Several(all) => all,
        };
        all.push(waker);
        *self = Wakes::Several(all);
    }

    pub(super) fn add_all(&mut self, wakers: impl Iterator<Item = Waker>) {
        wakers.for_each(|waker| self.add(Some(waker)));
    }

    /// Wakes them all, even if one of the wakers panics, which the caller then does.
    #[inline]
    pub(super) fn wake(self) {
        match self {
            Wakes::Nobody => {}
            Wakes::One(waker) => waker.wake(),
            Wakes::Several(all) => wake_all(all),
        }
    }

    /// As `wake`, for destructors, which may run while a panic unwinds.
    #[inline]
    pub(super) fn wake_in_drop(self) {
        match self {
            Wakes::Nobody => {}
            Wakes::One(waker) => wake_all(vec![waker]),
            Wakes::Several(all) => wake_all(all),
        }
    }
}

#[cold]
fn wake_all(wakers: Vec<Waker>) {
    let mut panics = Panics::default();
    for waker in wakers {
        panics.catch(|| waker.wake());
    }
    panics.resume();
}

/// Drops every item, even if the destructors of some panic: then the first panic goes on, and the others
/// are reported.
pub(super) fn discard<T>(items: impl IntoIterator<Item = T>) {
    let mut panics = Panics::default();
    for item in items {
        panics.catch(|| drop(item));
    }
    panics.resume();
}

/// The first panic of several calls of foreign code.
#[derive(Default)]
pub(super) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(super) fn catch(&mut self, call: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            match self.0 {
                None => self.0 = Some(payload),
                Some(_) => report(&*payload),
            }
        }
    }

    /// Goes on with the first panic, unless the thread is unwinding already.
    pub(super) fn resume(self) {
        match self.0 {
            Some(payload) if std::thread::panicking() => report(&*payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }
}

fn report(payload: &(dyn Any + Send)) {
    let panic = describe(payload);
    tracing::error!(panic, "a waker or an item of a channel panicked too");
}
