//! A program that is dropped after each of its polls, and cancelled after each of its polls.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use nestling::{CancelScope, Nursery, ok, open_nursery};

use crate::support::run_virtual;

/// Counts what lives.
#[derive(Debug, Default)]
pub(crate) struct Living(Cell<usize>);

impl Living {
    /// Something that counts until it is dropped.
    pub(crate) fn one(&self) -> Life<'_> {
        self.0.set(self.0.get() + 1);
        Life(self)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }
}

pub(crate) struct Life<'a>(&'a Living);

impl Drop for Life<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// Polls `future` whenever it is woken, but at most `polls` times. In each poll some task of the `crowd` is ready too,
/// so that no nursery inside takes more than one turn.
pub(crate) async fn poll_times<'scope, F: Future>(
    crowd: &'scope Nursery<'scope, '_>,
    mut future: Pin<&mut F>,
    polls: usize,
) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        crowd.start_soon(async {});
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs `program` to its end, and once for each of its polls, after which it is dropped: nothing of
/// it may live on, neither what it made nor a frame or a timer. Returns the number of polls.
#[track_caller]
pub(crate) fn drop_after_every_poll<T>(program: impl AsyncFn(&Living) -> T) -> usize {
    for polls in 0.. {
        let ended = run_virtual(open_nursery(async |crowd| {
            let living = Living::default();
            let mut future = Box::pin(program(&living));
            let ended = poll_times(crowd, future.as_mut(), polls).await.is_some();
            drop(future);
            assert_eq!(living.count(), 0, "dropped after {polls} polls");
            ok(ended)
        }));
        if ended.unwrap() {
            return polls;
        }
    }
    unreachable!("there are fewer polls than numbers")
}

/// Runs `program` to its end, and once for each of its polls, after which the scope around it is
/// cancelled: then it ends by itself, and `check` gets its output, or `None` if it was cut off.
#[track_caller]
pub(crate) fn cancel_after_every_poll<T>(
    program: impl AsyncFn(&Living) -> T,
    check: impl Fn(usize, Option<T>),
) -> usize {
    for polls in 0.. {
        let ended = run_virtual(open_nursery(async |crowd| {
            let living = Living::default();
            let scope = CancelScope::new();
            let mut future = Box::pin(scope.run(program(&living)));
            let (output, ended) = match poll_times(crowd, future.as_mut(), polls).await {
                Some(output) => (output, true),
                None => {
                    scope.cancel();
                    (future.as_mut().await, false)
                }
            };
            assert_eq!(living.count(), 0, "cancelled after {polls} polls");
            check(polls, output.ok());
            ok(ended)
        }));
        if ended.unwrap() {
            return polls;
        }
    }
    unreachable!("there are fewer polls than numbers")
}
