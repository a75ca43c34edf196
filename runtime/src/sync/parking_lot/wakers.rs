//! Those who are to be woken once the lot is in order again.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::run::describe;

/// Wakes all it was given, also if one of them panics or whoever collected them does.
pub(super) struct Wakers<'a> {
    /// Most often there is one, for whom no vector is needed.
    first: Option<Waker>,
    rest: Vec<Waker>,
    /// Room from earlier times.
    spare: &'a Cell<Vec<Waker>>,
}

impl<'a> Wakers<'a> {
    #[inline]
    pub(super) fn new(spare: &'a Cell<Vec<Waker>>) -> Wakers<'a> {
        Wakers {
            first: None,
            rest: Vec::new(),
            spare,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.push_another(waker);
        }
    }

    fn push_another(&mut self, waker: Waker) {
        if self.rest.capacity() == 0 {
            self.rest = self.spare.take();
        }
        self.rest.push(waker);
    }

    /// Wakes the only one.
    #[inline]
    pub(super) fn wake_one(waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if std::thread::panicking() {
            wake_while_panicking(waker);
        } else {
            waker.wake();
        }
    }

    /// Wakes them in order and gives the room back. The first panic goes on when all are woken, unless
    /// there is one already: guards release while they are dropped by a panic.
    pub(super) fn wake(mut self) {
        match self.wake_all() {
            Some(payload) if std::thread::panicking() => report(&*payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
        if self.rest.capacity() > 0 {
            self.spare.set(std::mem::take(&mut self.rest));
        }
    }

    fn wake_all(&mut self) -> Option<Box<dyn Any + Send>> {
        let wake = |waker: Waker| catch_unwind(AssertUnwindSafe(|| waker.wake())).err();
        let mut panic = self.first.take().and_then(wake);
        if !self.rest.is_empty() {
            for payload in self.rest.drain(..).filter_map(wake) {
                panic.get_or_insert(payload);
            }
        }
        panic
    }
}

impl Drop for Wakers<'_> {
    fn drop(&mut self) {
        // Something is left here only if there is a panic already.
        if let Some(payload) = self.wake_all() {
            report(&*payload);
        }
    }
}

#[cold]
fn wake_while_panicking(waker: Waker) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        report(&*payload);
    }
}

fn report(payload: &(dyn Any + Send)) {
    let panic = describe(payload);
    tracing::error!(panic, "a waker panicked too, beside what panicked already");
}
