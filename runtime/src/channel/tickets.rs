//! A count that tasks take from and wait for, in order.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{Key, Waiters};
use super::wakes::Wakes;
use crate::{poll_proceed, waits_for};

/// Tickets that are handed to the first in the line as soon as there are any.
#[derive(Debug)]
pub(super) struct Tickets {
    free: Cell<usize>,
    closed: Cell<bool>,
    /// `true`: the waiter has been handed a ticket.
    line: RefCell<Waiters<bool>>,
}

impl Tickets {
    pub(super) const fn new(free: usize) -> Tickets {
        Tickets {
            free: Cell::new(free),
            closed: Cell::new(false),
            line: RefCell::new(Waiters::new()),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.line.borrow().len()
    }

    /// A ticket, if there is one that nobody waits for.
    pub(super) fn try_take(&self) -> bool {
        match self.free.get().checked_sub(1) {
            Some(left) => {
                self.free.set(left);
                true
            }
            None => false,
        }
    }

    /// Hands a ticket to the first who waits, or keeps it for the next one who comes.
    pub(super) fn put(&self) -> Wakes {
        let mut wakes = Wakes::new();
        let mut line = self.line.borrow_mut();
        match line.front() {
            Some(key) => {
                line.unlink(key);
                *line.value_mut(key) = true;
                wakes.add(line.take_waker(key));
            }
            None => self.free.set(self.free.get() + 1),
        }
        wakes
    }

    /// Takes all that are free.
    pub(super) fn take_all(&self) -> usize {
        self.free.replace(0)
    }

    /// Nobody waits any more: all who do have to look again, and are refused if there is no ticket.
    pub(super) fn close(&self) -> Wakes {
        self.closed.set(true);
        let mut wakes = Wakes::new();
        wakes.add_all(self.line.borrow_mut().take_wakers());
        wakes
    }

    /// Waits for a ticket; `false` if there is none and they are closed.
    pub(super) fn take<W: Fn() -> String>(&self, what: W) -> Take<'_, W> {
        Take {
            tickets: self,
            place: None,
            what,
        }
    }

    fn is_handed(&self, key: Key) -> bool {
        *self.line.borrow().value(key)
    }

    fn leave(&self, place: &mut Option<Key>) {
        if let Some(key) = place.take() {
            let left = self.line.borrow_mut().remove(key);
            drop(left);
        }
    }
}

pub(super) struct Take<'a, W> {
    tickets: &'a Tickets,
    place: Option<Key>,
    what: W,
}

impl<W: Fn() -> String + Unpin> Future for Take<'_, W> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let tickets = self.tickets;
        // A ticket that was handed over counts also in a cancelled context.
        if self.place.is_some_and(|key| tickets.is_handed(key)) {
            tickets.leave(&mut self.place);
            return Poll::Ready(true);
        }
        ready!(poll_proceed(cx));
        if self.place.is_none() && tickets.try_take() {
            return Poll::Ready(true);
        }
        let waker = crate::own_waker(cx);
        // Cloning it was foreign code, so all may be different now.
        let mut line = tickets.line.borrow_mut();
        let (result, old) = match self.place {
            Some(key) if *line.value(key) => (Some(true), Some(waker)),
            None if tickets.try_take() => (Some(true), Some(waker)),
            _ if tickets.closed.get() => (Some(false), Some(waker)),
            Some(key) => (None, line.set_waker(key, waker)),
            None => {
                self.place = Some(line.push_back(false, waker));
                (None, None)
            }
        };
        drop(line);
        drop(old);
        match result {
            Some(result) => {
                tickets.leave(&mut self.place);
                Poll::Ready(result)
            }
            None => {
                waits_for(&self.what);
                Poll::Pending
            }
        }
    }
}

impl<W> Drop for Take<'_, W> {
    fn drop(&mut self) {
        let Some(key) = self.place else { return };
        let handed = self.tickets.is_handed(key);
        self.tickets.leave(&mut self.place);
        if handed {
            // For the next one.
            self.tickets.put().wake_in_drop();
        }
    }
}
