//! Whom to wake when nothing is borrowed or locked any more.

use std::task::Waker;

use crate::panics::{Panics, wake_all};

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
            Wakes::One(waker) => wake_all([waker]),
            Wakes::Several(all) => wake_all(all),
        }
    }
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
