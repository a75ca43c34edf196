//! Wakers as foreign code may bring them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

pub(crate) fn waker_of<W: Wake + Send + Sync + 'static>(wake: &Arc<W>) -> Waker {
    Waker::from(Arc::clone(wake))
}

/// Counts its wake-ups.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicUsize);

impl Flag {
    pub(crate) fn new() -> Arc<Flag> {
        Arc::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics whenever it is woken.
#[derive(Debug)]
pub(crate) struct PanicOnWake;

impl Wake for PanicOnWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        panic!("this waker panics when it is woken");
    }
}

/// Panics when the last clone is dropped, unless the thread is panicking already.
#[derive(Debug)]
pub(crate) struct PanicOnDrop;

impl Wake for PanicOnDrop {
    fn wake(self: Arc<Self>) {}

    fn wake_by_ref(self: &Arc<Self>) {}
}

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("this waker panics when it is dropped");
        }
    }
}
