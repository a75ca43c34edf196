//! A host learns what its thread wants and that it has finished; and of a host that goes and a thread that
//! finishes, exactly one takes care of what is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use loom::thread;

use crate::cancelled::{CancelKind, Cancelled};
use crate::check::check;
use crate::link::{End, Link, News};
use crate::prim::{Parker, Unparker};

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn cancelled() -> Cancelled {
    Cancelled::new(CancelKind::Explicit)
}

/// Not loom's: it is counted, not synchronized with.
fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + Clone) {
    let count = Arc::new(AtomicUsize::new(0));
    let add = Arc::clone(&count);
    let add = move || {
        add.fetch_add(1, Ordering::Relaxed);
    };
    (count, add)
}

#[test]
fn a_request_is_done_and_the_end_is_noticed() {
    check(|| {
        let link = Arc::new(Link::new());
        let (done, add) = counter();
        let worker = thread::spawn({
            let link = Arc::clone(&link);
            move || {
                let parker = Parker::new();
                let answer = parker.unparker();
                let request = move || {
                    add();
                    answer.unpark();
                    None
                };
                assert!(link.ask(Box::new(request)).is_ok());
                parker.park();
                if let End::Wake(Some(waker)) = link.finish() {
                    waker.wake();
                }
            }
        });
        let parker = Parker::new();
        let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
        loop {
            match link.news().or_else(|| link.wait(waker.clone())) {
                Some(News::Finished) => break,
                Some(News::Request(request)) => assert!(request().is_none()),
                None => parker.park(),
            }
        }
        worker.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn what_is_left_is_cleared_away_once() {
    check(|| {
        let link = Arc::new(Link::new());
        let (cleared, at_end) = counter();
        let worker = thread::spawn({
            let link = Arc::clone(&link);
            move || match link.finish() {
                End::Wake(_) => false,
                End::Abandoned(at_end) => {
                    at_end.expect("it has not been called yet")();
                    assert!(link.cause().is_some());
                    true
                }
            }
        });
        let by_thread = link.abandon(cancelled(), Box::new(at_end));
        assert_eq!(worker.join().unwrap(), by_thread);
        assert_eq!(cleared.load(Ordering::Relaxed), usize::from(by_thread));
    });
}

#[test]
fn a_request_to_a_host_that_goes_is_dropped() {
    check(|| {
        let link = Arc::new(Link::new());
        let alive = Arc::new(());
        let worker = thread::spawn({
            let (link, held) = (Arc::clone(&link), Arc::clone(&alive));
            move || {
                let request = move || {
                    drop(held);
                    None
                };
                drop(link.ask(Box::new(request)));
            }
        });
        link.abandon(cancelled(), Box::new(|| {}));
        worker.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "nobody would ever answer it");
    });
}
