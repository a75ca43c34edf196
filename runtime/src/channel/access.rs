//! How a channel's state is reached: borrowed on one thread, locked between threads.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

use super::state::State;
use super::wakes::Wakes;
use crate::waits::own_waker;

/// A place that a channel's state lies in. What is done with it runs no foreign code.
pub(super) trait Access {
    type Item;

    fn with<R>(&self, f: impl FnOnce(&mut State<Self::Item>) -> R) -> R;

    /// The waker to keep, as the channel's other end is in the same run or anywhere.
    fn waker(cx: &Context<'_>) -> Waker;

    /// Does something with the state, then wakes whom that concerns.
    #[inline]
    fn change<R>(&self, f: impl FnOnce(&mut State<Self::Item>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let result = self.with(|state| f(state, &mut wakes));
        wakes.wake();
        result
    }

    /// As `change`, for destructors.
    #[inline]
    fn change_in_drop<R>(&self, f: impl FnOnce(&mut State<Self::Item>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let result = self.with(|state| f(state, &mut wakes));
        wakes.wake_in_drop();
        result
    }
}

impl<T> Access for RefCell<State<T>> {
    type Item = T;

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        f(&mut self.borrow_mut())
    }

    #[inline]
    fn waker(cx: &Context<'_>) -> Waker {
        own_waker(cx)
    }
}

impl<T> Access for Mutex<State<T>> {
    type Item = T;

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        // Nothing panics while the lock is held.
        f(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[inline]
    fn waker(cx: &Context<'_>) -> Waker {
        cx.waker().clone()
    }
}
