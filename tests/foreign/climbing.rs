//! Whoever polls a nursery may be foreign, and its waker do what it likes: drop the nursery, or poll it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::support::{Counts, park, run, waker_of};
use nestling::open_nursery;

type Kept = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    /// What the waker below does once.
    static DOES: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// A waker that does something of its thread's.
struct Does;

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(does) = DOES.take() {
            does();
        }
    }
}

type Wakers = Rc<RefCell<Vec<Waker>>>;

/// Gives its waker away and waits until it is to end.
fn wait(wakers: &Wakers, end: &Rc<Cell<bool>>) -> impl Future<Output = ()> + use<> {
    let (wakers, end) = (Rc::clone(wakers), Rc::clone(end));
    poll_fn(move |cx| {
        wakers.borrow_mut().push(cx.waker().clone());
        match end.get() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
}

/// A nursery in a nursery, as its body or as a child, that is kept by the thread and was polled by a waker that
/// `does`.
struct Nested {
    waker: Waker,
    /// Of the inner nursery's body and child.
    wakers: Wakers,
    ends: [Rc<Cell<bool>>; 2],
    children: Rc<Counts>,
}

impl Nested {
    fn new(in_body: bool) -> Nested {
        let nested = Nested {
            waker: waker_of(&Arc::new(Does)),
            wakers: Wakers::default(),
            ends: Default::default(),
            children: Rc::default(),
        };
        let [body, child] = nested.ends.each_ref().map(|end| wait(&nested.wakers, end));
        let children = Rc::clone(&nested.children);
        KEPT.set(Some(Box::pin(async move {
            let inner = open_nursery(async |nursery| {
                nursery.start_soon(children.of(child));
                body.await;
            });
            let outer = open_nursery(async |nursery| match in_body {
                true => inner.await.unwrap(),
                false => nursery.start_soon(inner),
            });
            outer.await.unwrap();
        })));
        assert!(!poll_kept(&nested.waker, 10));
        nested
    }

    /// Wakes the body, or the child, so that the waker of the outer nursery's owner does that.
    fn wake(&self, which: usize, does: impl FnOnce() + 'static) {
        DOES.set(Some(Box::new(does)));
        let waker = self.wakers.borrow()[which].clone();
        waker.wake_by_ref();
        assert!(DOES.take().is_none(), "the owner was woken");
        waker.wake_by_ref();
    }
}

/// Whether it is ready after so many polls.
fn poll_kept(waker: &Waker, mut polls: usize) -> bool {
    let mut kept = KEPT.take().unwrap();
    let mut cx = Context::from_waker(waker);
    let mut is_ready = false;
    while polls > 0 && !is_ready {
        is_ready = kept.as_mut().poll(&mut cx).is_ready();
        polls -= 1;
    }
    KEPT.set(Some(kept));
    is_ready
}

/// A nursery as body and as child, whose body or child is woken.
fn cases(check: impl Fn(&Nested, usize)) {
    for (in_body, which) in [(false, 1), (false, 0), (true, 1), (true, 0)] {
        run(async {
            let nested = Nested::new(in_body);
            check(&nested, which);
            KEPT.set(None);
            assert_eq!(nested.children.drops(), 1);
            let wakers = nested.wakers.take();
            wakers.into_iter().for_each(Waker::wake);
        });
    }
}

#[test]
fn it_drops_the_nurseries_on_the_way_to_it() {
    cases(|nested, which| {
        nested.wake(which, || drop(KEPT.take()));
        assert_eq!(nested.children.drops(), 1);
    });
}

#[test]
fn it_polls_the_nurseries_on_the_way_to_it_to_their_ends() {
    cases(|nested, which| {
        let has_ended = Rc::new(Cell::new(false));
        let (ended, waker) = (Rc::clone(&has_ended), nested.waker.clone());
        let wakers = nested.wakers.borrow().clone();
        nested.ends.iter().for_each(|end| end.set(true));
        nested.wake(which, move || {
            wakers.iter().for_each(Waker::wake_by_ref);
            ended.set(poll_kept(&waker, 10));
        });
        assert!(has_ended.get());
    });
}

#[test]
fn it_polls_the_nurseries_until_their_children_have_ended_and_drops_them_then() {
    cases(|nested, which| {
        let (children, waker) = (Rc::clone(&nested.children), nested.waker.clone());
        let wakers = Rc::clone(&nested.wakers);
        nested.ends[1].set(true);
        nested.wake(which, move || {
            wakers.take().into_iter().for_each(Waker::wake);
            assert!(!poll_kept(&waker, 10));
            assert_eq!(children.drops(), 1);
            // Nobody else keeps the inner one's queue.
            wakers.take();
            drop(KEPT.take());
        });
    });
}

/// Says when it is gone.
struct Gone(Arc<AtomicBool>);

impl Wake for Gone {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        drop(KEPT.take());
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn it_goes_with_the_nursery_that_it_drops_also_if_somebody_keeps_the_body_s_waker() {
    run(async {
        let wakers = Wakers::default();
        let own = Rc::clone(&wakers);
        KEPT.set(Some(Box::pin(async move {
            let body = async |_: &nestling::Nursery<'_, '_>| {
                park(|waker| own.borrow_mut().push(waker)).await;
            };
            open_nursery(body).await.unwrap();
        })));
        let gone = Arc::new(AtomicBool::new(false));
        let foreign = waker_of(&Arc::new(Gone(Arc::clone(&gone))));
        assert!(!poll_kept(&foreign, 1));
        drop(foreign);
        let body = wakers.take().pop().unwrap();
        assert!(!gone.load(Ordering::Relaxed));
        body.wake_by_ref();
        assert!(KEPT.take().is_none());
        assert!(gone.load(Ordering::Relaxed));
        body.wake();
    });
}
