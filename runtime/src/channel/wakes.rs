//! Whom to wake when nothing is borrowed or locked any more.

use std::task::Waker;

use crate::panics::{Panics, wake_all};

/// Collected while the state is borrowed, woken afterwards, in order. Most operations wake nobody or one.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Wakes {
    first: Option<Waker>,
    /// Behind one word, so that most operations move and look at no more than that.
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others(Vec<Waker>);

impl Wakes {
    #[inline]
    pub(super) fn new() -> Wakes {
        Wakes {
            first: None,
            others: None,
        }
    }

    #[inline]
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.add_another(waker);
        }
    }

    #[cold]
    fn add_another(&mut self, waker: Waker) {
        self.others.get_or_insert_default().0.push(waker);
    }

    pub(super) fn add_all(&mut self, wakers: impl Iterator<Item = Waker>) {
        wakers.for_each(|waker| self.add(Some(waker)));
    }

    /// Wakes them all, even if one of the wakers panics, which the caller then does.
    #[inline]
    pub(super) fn wake(self) {
        match (self.first, self.others) {
            (None, _) => {}
            (Some(waker), None) => waker.wake(),
            (first, Some(others)) => wake_several(first, *others),
        }
    }

    /// As `wake`, for destructors, which may run while a panic unwinds.
    #[inline]
    pub(super) fn wake_in_drop(self) {
        if self.first.is_some() {
            wake_several(
                self.first,
                self.others.map_or_else(Others::default, |others| *others),
            );
        }
    }
}

#[cold]
fn wake_several(first: Option<Waker>, Others(others): Others) {
    wake_all(first.into_iter().chain(others));
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
