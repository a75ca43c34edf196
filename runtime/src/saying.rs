//! Awaiting something, with words for those who watch.

use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::waits::waits_for;

/// Awaits `future`; `words` completes "it waits for".
pub(crate) async fn saying<F: Future>(words: impl Fn() -> String, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        if poll.is_pending() {
            waits_for(&words);
        }
        poll
    })
    .await
}
