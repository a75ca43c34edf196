//! Foreign code that panics while there is more of it to be called.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::run::describe;

/// The first panic of several calls of foreign code.
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(crate) fn catch(&mut self, call: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            match self.0 {
                None => self.0 = Some(payload),
                Some(_) => report(&*payload),
            }
        }
    }

    /// Reports the first panic too, where nobody is left whom it could reach.
    pub(crate) fn report(self) {
        if let Some(payload) = self.0 {
            report(&*payload);
        }
    }

    /// Goes on with the first panic, unless the thread is unwinding already.
    pub(crate) fn resume(self) {
        if let Some(payload) = self.0 {
            go_on_with(payload);
        }
    }
}

/// Wakes them all, also in a destructor and if one of the wakers panics.
///
/// ```
/// use std::task::Waker;
///
/// nestling_runtime::wake_all([Waker::noop().clone()]);
/// ```
///
/// # Panics
/// With the first panic of a waker, unless the thread is unwinding: then it is reported through `tracing`,
/// like those after the first.
pub fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    let mut panics = Panics::default();
    for waker in wakers {
        panics.catch(|| waker.wake());
    }
    panics.resume();
}

#[cold]
fn go_on_with(payload: Box<dyn Any + Send>) {
    if std::thread::panicking() {
        report(&*payload);
    } else {
        resume_unwind(payload);
    }
}

fn report(payload: &(dyn Any + Send)) {
    let panic = describe(payload);
    tracing::error!(panic, "a waker or a destructor panicked too");
}
