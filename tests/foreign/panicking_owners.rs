//! Whoever polls a nursery may be foreign, and its waker panic: that costs no task anything.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{
    Counts, LeakCheck, PanicOnWake, leak, message_of, on_drop, poll_once, run, settle, waker_of,
    yield_n,
};
use nestling::{is_cancelled, open_nursery, shield, sleep};

/// Panics when it is woken for the first time after it was armed.
#[derive(Default)]
struct Armed(AtomicBool);

impl Armed {
    fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wake for Armed {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        assert!(!self.0.swap(false, Ordering::Relaxed), "planted");
    }
}

#[test]
fn it_panics_and_costs_no_task_a_wake_up_from_another_thread() {
    let polls = Cell::new(0);
    let message = message_of(|| {
        run(shield(async {
            let wakers: RefCell<Vec<Waker>> = RefCell::default();
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                for _ in 0..3 {
                    nursery.start_soon(poll_fn(|cx| {
                        polls.set(polls.get() + 1);
                        wakers.borrow_mut().push(cx.waker().clone());
                        Poll::<()>::Pending
                    }));
                }
                pending::<()>().await;
            }));
            let owner = Arc::<Armed>::default();
            let foreign = waker_of(&owner);
            let mut poll = || {
                let mut cx = Context::from_waker(&foreign);
                assert!(nursery.as_mut().poll(&mut cx).is_pending());
            };
            for _ in 0..5 {
                poll();
            }
            assert_eq!(polls.get(), 3);
            let wakers = wakers.take();
            owner.arm();
            thread::spawn(|| wakers.into_iter().for_each(Waker::wake))
                .join()
                .unwrap();
            settle().await;
            poll();
            assert_eq!(polls.get(), 6);
        }));
    });
    assert_eq!((&*message, polls.get()), ("planted", 6));
}

/// Leaves its frame a guest for ever, and waits for ever.
async fn with_a_leaked_guest() {
    let mut guest = Box::pin(shield(pending::<()>()));
    assert!(poll_once(&mut guest).await.is_pending());
    leak(guest);
    pending::<()>().await;
}

#[test]
fn it_panics_when_a_dropped_child_goes_and_the_others_are_dropped_too() {
    let counts = Counts::new();
    let message = message_of(|| {
        nestling::run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                nursery.start_soon(counts.of(with_a_leaked_guest()));
                for _ in 0..3 {
                    nursery.start_soon(counts.of(shield(pending::<()>())));
                }
                yield_n(1).await;
                nursery.cancel();
                pending::<()>().await;
            }));
            let owner = Arc::<Armed>::default();
            let waker = waker_of(&owner);
            for _ in 0..5 {
                let mut cx = Context::from_waker(&waker);
                assert!(nursery.as_mut().poll(&mut cx).is_pending());
            }
            assert_eq!(counts.drops(), 0);
            owner.arm();
            drop(nursery);
        });
    });
    assert_eq!((&*message, counts.drops()), ("planted", 4));
}

#[test]
fn a_waker_in_a_dropped_child_panics_and_the_children_are_dropped() {
    let counts = Counts::new();
    let message = message_of(|| {
        nestling::run(async {
            let mut nursery = Box::pin(open_nursery(async |nursery| {
                for _ in 0..3 {
                    nursery.start_soon(counts.of(async {
                        let mut guest = pin!(shield(pending::<()>()));
                        let mut sleeping = pin!(sleep(Duration::from_secs(3600)));
                        let foreign = waker_of(&Arc::new(PanicOnWake));
                        poll_fn(|cx| {
                            assert!(guest.as_mut().poll(cx).is_pending());
                            if is_cancelled() {
                                // It waits for nothing but the end of the cancellation.
                                let mut cx = Context::from_waker(&foreign);
                                assert!(sleeping.as_mut().poll(&mut cx).is_pending());
                            }
                            Poll::<()>::Pending
                        })
                        .await;
                    }));
                }
                yield_n(2).await;
                nursery.cancel();
                pending::<()>().await;
            }));
            for _ in 0..5 {
                assert!(poll_once(&mut nursery).await.is_pending());
            }
            assert_eq!(counts.drops(), 0);
            drop(nursery);
        });
    });
    assert_eq!(message, "this waker panics when it is woken");
    assert_eq!(counts.drops(), 3);
}

type Kept = Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn at_the_end_of_its_thread_it_ends_nobody_else() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    let _leaks = LeakCheck::begin();
    thread::spawn(|| {
        // Touched first, so that it is destroyed after what the library keeps for the thread.
        KEPT.with_borrow_mut(|kept| *kept = None);
        nestling::run(async {
            let mut nursery: Kept = Box::pin(async {
                let opened = open_nursery(async |nursery| {
                    nursery.start_soon(async {
                        let _guard = on_drop(|| {
                            DROPS.fetch_add(1, Ordering::SeqCst);
                        });
                        pending::<()>().await;
                    });
                    pending::<()>().await;
                });
                opened.await.unwrap();
            });
            let panics = waker_of(&Arc::new(PanicOnWake));
            let mut wakers = [Waker::noop(); 4].to_vec();
            wakers.push(&panics);
            for waker in wakers {
                let mut cx = Context::from_waker(waker);
                assert!(nursery.as_mut().poll(&mut cx).is_pending());
            }
            KEPT.with_borrow_mut(|kept| *kept = Some(nursery));
        });
    })
    .join()
    .unwrap();
    assert_eq!(DROPS.load(Ordering::SeqCst), 1);
}
