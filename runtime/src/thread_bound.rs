#![expect(unsafe_code, reason = "keeps a value on its own thread")]
//! A value that only the thread which made it can reach, in something that others may hold.

use std::mem::ManuallyDrop;

use crate::context;

/// Dropped on another thread, the value is leaked.
pub(crate) struct ThreadBound<T> {
    thread: u64,
    value: ManuallyDrop<T>,
}

// SAFETY: `get` hands the value out on its own thread only, and `drop` drops it there only; thread
// ids are never given out twice. So no other thread ever touches the value.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as for `Send`.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    pub(crate) fn new(value: T) -> ThreadBound<T> {
        ThreadBound {
            thread: context::thread_id(),
            value: ManuallyDrop::new(value),
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        (self.thread == context::thread_id()).then_some(&*self.value)
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        if self.thread == context::thread_id() {
            // SAFETY: this is the value's own thread, and `drop` runs once.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}
