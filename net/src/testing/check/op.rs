//! An operation that a case has begun.
//!
//! It is polled only when its own waker was woken. So it shows a stream that forgets to wake, which a
//! poll that comes by chance would hide; and it is polled as often as the case wants and no more.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nestling_runtime::{checkpoint, sleep};

use super::rule::Rule;

/// How long something that should happen may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Turns after which what is on its way has arrived. The loop looks for I/O every 61 polls.
const TURNS: usize = if cfg!(miri) { 70 } else { 200 };

pub(super) struct Op<'a, T> {
    rule: Rule,
    /// As it appears in a message: "a second read".
    what: &'static str,
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    bell: Arc<Bell>,
    value: Option<T>,
}

impl<'a, T> Op<'a, T> {
    pub(super) fn new(
        rule: Rule,
        what: &'static str,
        future: impl Future<Output = T> + 'a,
    ) -> Self {
        Op {
            rule,
            what,
            future: Box::pin(future),
            bell: Arc::new(Bell::rung()),
            value: None,
        }
    }

    /// Polls it if it was woken.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.bell.answer_to(cx.waker());
        if self.value.is_none() && self.bell.take() {
            self.force();
        }
        if self.value.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Polls it, woken or not.
    fn force(&mut self) {
        let waker = Waker::from(Arc::clone(&self.bell));
        if let Poll::Ready(value) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.value = Some(value);
        }
    }

    /// Polls it once if it was woken, as at the beginning.
    pub(super) async fn step(&mut self) {
        poll_fn(|cx| {
            let _ended = self.poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// Lets it go on as far as it goes without anybody's help. Whether it has ended.
    pub(super) async fn settle(&mut self) -> bool {
        for _ in 0..TURNS {
            self.step().await;
            if self.value.is_some() {
                return true;
            }
            checkpoint().await;
        }
        false
    }

    /// It has to wait for something that has not happened.
    pub(super) async fn must_wait(&mut self)
    where
        T: std::fmt::Debug,
    {
        self.settle().await;
        if let Some(value) = &self.value {
            let what = self.what;
            self.rule
                .broken(format_args!("{what} did not wait, it returned {value:?}"));
        }
    }

    /// What it returned, if it has ended.
    pub(super) fn into_value(self) -> Option<T> {
        self.value
    }

    /// It has to end by itself.
    pub(super) async fn must_end(mut self) -> T {
        if !in_time(|cx| self.poll(cx)).await {
            self.hangs();
        }
        match self.value {
            Some(value) => value,
            None => self
                .rule
                .broken(format_args!("{} has not ended", self.what)),
        }
    }

    /// Says why it has not ended in time.
    fn hangs(&mut self) {
        self.force();
        let what = self.what;
        if self.value.is_some() {
            self.rule.broken(format_args!(
                "{what} was not woken: it waited for {PATIENCE:?}, though it could have gone on"
            ));
        }
        self.rule
            .broken(format_args!("{what} still waits after {PATIENCE:?}"));
    }
}

/// Both have to end, and may need each other for that.
pub(super) async fn both<A, B>(mut a: Op<'_, A>, mut b: Op<'_, B>) -> (A, B) {
    let ended = in_time(|cx| match (a.poll(cx), b.poll(cx)) {
        (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(()),
        _ => Poll::Pending,
    })
    .await;
    if !ended && a.value.is_none() {
        a.hangs();
    }
    if !ended && b.value.is_none() {
        b.hangs();
    }
    (a.must_end().await, b.must_end().await)
}

/// Whether `poll` is ready in time. Without a scope, as a stream that shields itself from being
/// cancelled would never let go of it.
async fn in_time(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) -> bool {
    let mut patience = sleep(PATIENCE);
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => Pin::new(&mut patience).poll(cx).map(|()| false),
    })
    .await
}

/// Notes that the operation was woken, and wakes the case.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    fn rung() -> Bell {
        Bell {
            rung: AtomicBool::new(true),
            task: Mutex::default(),
        }
    }

    fn answer_to(&self, waker: &Waker) {
        let waker = waker.clone();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let _former = task.replace(waker);
        drop(task);
    }

    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = task.take();
        drop(task);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
