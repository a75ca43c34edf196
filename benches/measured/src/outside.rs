//! Wake-ups that come from outside of whatever is nested.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};

#[derive(Default)]
struct Meeting {
    /// The inner task waits to be woken.
    inner: RefCell<Option<Waker>>,
    /// Who is outside, and whether that one is being polled.
    outer: RefCell<Option<Waker>>,
    is_polled: Cell<bool>,
}

thread_local! {
    static MEETING: Meeting = Meeting::default();
}

/// Awaits `nested` and stands around it: each time that something inside awaits [`woken_from_outside`], it is woken
/// from here, after everything in between has returned.
pub async fn outside<F: Future>(nested: F) -> F::Output {
    let mut nested = pin!(nested);
    poll_fn(move |cx| {
        MEETING.with(|meeting| {
            let mut outer = meeting.outer.borrow_mut();
            if !outer
                .as_ref()
                .is_some_and(|outer| outer.will_wake(cx.waker()))
            {
                *outer = Some(cx.waker().clone());
            }
            meeting.is_polled.set(true);
        });
        let polled = nested.as_mut().poll(cx);
        let inner = MEETING.with(|meeting| {
            meeting.is_polled.set(false);
            meeting.inner.take()
        });
        if let Some(inner) = inner {
            inner.wake();
        }
        polled
    })
    .await
}

/// Is woken once, by [`outside`].
pub async fn woken_from_outside() {
    let mut waits = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut waits) {
            return Poll::Ready(());
        }
        MEETING.with(|meeting| {
            meeting.inner.replace(Some(cx.waker().clone()));
            if !meeting.is_polled.get() {
                if let Some(outer) = &*meeting.outer.borrow() {
                    outer.wake_by_ref();
                }
            }
        });
        Poll::Pending
    })
    .await;
}
