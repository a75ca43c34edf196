//! Waiting for a child's value.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use nestling_runtime::{Cancelled, Label, poll_proceed, waits_for};

use crate::error::BoxError;
use crate::outcome::Outcome;
use crate::state::State;

struct Slot<V> {
    value: Cell<Option<V>>,
    /// The child has ended, with or without a value.
    ended: Cell<bool>,
    /// The handle has yielded.
    yielded: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

pub(crate) fn pair<'scope, V>(
    state: &Rc<State>,
    label: Label,
) -> (Setter<V>, JoinHandle<'scope, V>) {
    let slot = Rc::new(Slot {
        value: Cell::new(None),
        ended: Cell::new(false),
        yielded: Cell::new(false),
        waiter: RefCell::new(None),
    });
    let handle = JoinHandle {
        slot: Rc::clone(&slot),
        state: Rc::clone(state),
        label,
        scope: PhantomData,
    };
    (Setter { slot }, handle)
}

/// The child's end of the slot.
pub(crate) struct Setter<V> {
    slot: Rc<Slot<V>>,
}

impl<V> Setter<V> {
    /// `child`, with its value put into the slot.
    pub(crate) async fn set_by<F>(self, child: F) -> Result<(), BoxError>
    where
        F: Future<Output: Outcome<Value = V>>,
    {
        let value = child.await.into_result()?;
        self.slot.value.set(Some(value));
        Ok(())
    }
}

impl<V> Drop for Setter<V> {
    fn drop(&mut self) {
        self.slot.ended.set(true);
        let waiter = self.slot.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

/// The value of a child to come, made by [`Nursery::spawn`](crate::Nursery::spawn).
///
/// Awaited, it yields the child's value, or `Err(Cancelled)` if the child failed or was cut off; the
/// error itself is the nursery's. It cannot hang for want of an answer, as the child ends before its
/// nursery does; tasks that await each other in a circle wait until they are cancelled, as anywhere.
///
/// # Cancel and drop
/// Cancelled or dropped while it is awaited, the value stays in it: awaiting `&mut handle` again
/// yields it. Dropping the handle leaves the child alone and drops its value.
///
/// # Panics
/// Polled again after it has yielded.
pub struct JoinHandle<'scope, V> {
    slot: Rc<Slot<V>>,
    state: Rc<State>,
    label: Label,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<V> JoinHandle<'_, V> {
    /// Whether the child has ended, so that awaiting the handle would not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.slot.ended.get()
    }
}

impl<V> Future for JoinHandle<'_, V> {
    type Output = Result<V, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_proceed(cx));
        if self.slot.ended.get() {
            assert!(
                !self.slot.yielded.replace(true),
                "a JoinHandle was polled again after it had yielded"
            );
            let value = self.slot.value.take();
            return Poll::Ready(value.ok_or_else(|| self.state.cause(&self.label)));
        }
        let known = self
            .slot
            .waiter
            .borrow()
            .as_ref()
            .is_some_and(|old| old.will_wake(cx.waker()));
        if !known {
            let waker = nestling_runtime::own_waker(cx);
            let old = self.slot.waiter.replace(Some(waker));
            drop(old);
        }
        waits_for(|| format!("the value of {:?}", self.label));
        Poll::Pending
    }
}

impl<V> Drop for JoinHandle<'_, V> {
    fn drop(&mut self) {
        let waiter = self.slot.waiter.take();
        drop(waiter);
    }
}

impl<V> fmt::Debug for JoinHandle<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("task", &self.label)
            .field("finished", &self.is_finished())
            .finish()
    }
}
