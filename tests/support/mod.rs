//! Helpers of the tests.
//!
//! [`run`] is what nearly every test calls: a run that must leave nothing behind (see [`leaks`]).
#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses a part of this"
)]

mod counted;
mod everywhere;
mod futures;
mod leaks;
mod log;
mod panics;
mod wakers;

use std::fmt;
use std::future::{Future, poll_fn};
use std::task::Poll;

use nestling::testing::MockClock;
use nestling::{Builder, checkpoint};

pub(crate) use counted::{Counted, Counts, Guard, OnDrop, on_drop};
pub(crate) use everywhere::{everywhere, everywhere_with};
pub(crate) use futures::{
    Either, Unordered, join_all, poll_once, select, select_biased_second, with_waker,
};
pub(crate) use leaks::{LeakCheck, leak};
pub(crate) use log::Log;
pub(crate) use panics::{Payload, catch, message_of};
pub(crate) use wakers::{Flag, PanicOnDrop, PanicOnWake, waker_of};

/// Runs `main`, and checks that it leaves nothing behind.
#[track_caller]
pub(crate) fn run<F: Future>(main: F) -> F::Output {
    run_with(Builder::new(), main)
}

/// As [`run`], in virtual time, which jumps to the next deadline whenever there is nothing to do.
#[track_caller]
pub(crate) fn run_virtual<F: Future>(main: F) -> F::Output {
    run_with(Builder::new().clock(MockClock::new()), main)
}

/// As [`run`], with settings.
#[track_caller]
pub(crate) fn run_with<F: Future>(builder: Builder, main: F) -> F::Output {
    let _leaks = LeakCheck::begin();
    builder.run(leaks::settled(main))
}

/// Lets all others run `turns` times.
pub(crate) async fn yield_n(turns: usize) {
    for _ in 0..turns {
        checkpoint().await;
    }
}

/// Enough turns for everything that is ready, and what that makes ready, to be done.
pub(crate) async fn settle() {
    yield_n(16).await;
}

/// Waits until `condition` holds, looking once a turn; what makes it hold must wake nobody.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        checkpoint().await;
    }
}

/// Pending once, with the waker handed to `keep`, and then ready.
pub(crate) async fn park(keep: impl FnOnce(std::task::Waker)) {
    let mut keep = Some(keep);
    poll_fn(move |cx| match keep.take() {
        Some(keep) => {
            keep(cx.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

/// An error that is told from others by its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boom(pub(crate) &'static str);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Boom {}

/// A failure, for `return boom("…")` in a child.
pub(crate) fn boom<T>(text: &'static str) -> Result<T, Boom> {
    Err(Boom(text))
}

/// The texts of all leaves, in order.
#[track_caller]
pub(crate) fn leaves_of(error: &nestling::NurseryError) -> Vec<String> {
    let multi = error
        .multi()
        .expect("nothing failed, it was only cancelled");
    multi.leaves().map(ToString::to_string).collect()
}

/// `many`, or `few` under an interpreter, which is some hundred times slower.
pub(crate) const fn times(many: usize, few: usize) -> usize {
    if cfg!(miri) { few } else { many }
}
