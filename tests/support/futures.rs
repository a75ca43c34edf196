//! Tiny combinators that know nothing of Nestling, in the manner of other crates.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// The output of the one that is ready first; the other one is dropped before this returns.
pub(crate) async fn select<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let mut a = Box::pin(a);
    let mut b = Box::pin(b);
    poll_fn(move |cx| {
        if let Poll::Ready(value) = a.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        b.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// As [`select`], but the second one is polled first.
pub(crate) async fn select_biased_second<A: Future, B: Future>(
    a: A,
    b: B,
) -> Either<A::Output, B::Output> {
    match select(b, a).await {
        Either::First(b) => Either::Second(b),
        Either::Second(a) => Either::First(a),
    }
}

/// Polls all that are not ready whenever one of them is woken, until all are.
pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures
        .into_iter()
        .map(|future| Some(Box::pin(future)))
        .collect();
    let mut values: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut all = true;
        for (future, value) in futures.iter_mut().zip(&mut values) {
            let Some(pinned) = future else { continue };
            match pinned.as_mut().poll(cx) {
                Poll::Ready(ready) => {
                    *value = Some(ready);
                    *future = None;
                }
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    values.into_iter().flatten().collect()
}

/// Polls once, whatever comes of it.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// `future`, polled with another waker; it is polled whenever the task is, but nobody else wakes it.
pub(crate) async fn with_waker<F: Future>(waker: Waker, future: F) -> F::Output {
    let mut future = Box::pin(future);
    poll_fn(move |_| future.as_mut().poll(&mut Context::from_waker(&waker))).await
}

/// A set of futures with a waker for each, which polls only those that were woken.
#[derive(Default)]
pub(crate) struct Unordered<'a, T> {
    items: Vec<Item<'a, T>>,
}

struct Item<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    waker: Arc<ItemWaker>,
}

struct ItemWaker {
    woken: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl Wake for ItemWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let parent = self.parent.lock().unwrap().take();
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl<'a, T> Unordered<'a, T> {
    pub(crate) fn new() -> Unordered<'a, T> {
        Unordered { items: Vec::new() }
    }

    pub(crate) fn push(&mut self, future: impl Future<Output = T> + 'a) {
        self.items.push(Item {
            future: Box::pin(future),
            waker: Arc::new(ItemWaker {
                woken: AtomicBool::new(true),
                parent: Mutex::new(None),
            }),
        });
    }

    /// The next output, or `None` if nothing is left.
    pub(crate) async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| {
            if self.items.is_empty() {
                return Poll::Ready(None);
            }
            for at in 0..self.items.len() {
                let item = &mut self.items[at];
                let old = item
                    .waker
                    .parent
                    .lock()
                    .unwrap()
                    .replace(cx.waker().clone());
                drop(old);
                if !item.waker.woken.swap(false, Ordering::SeqCst) {
                    continue;
                }
                let waker = Waker::from(Arc::clone(&item.waker));
                if let Poll::Ready(value) =
                    item.future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    drop(self.items.swap_remove(at));
                    return Poll::Ready(Some(value));
                }
            }
            Poll::Pending
        })
        .await
    }
}
