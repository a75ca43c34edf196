//! Wakers of tasks in foreign hands: the standard library lets anyone keep, clone, drop and wake one, on any thread
//! and at any time, and that must do no more than have the task polled.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crate::support::{Counts, LeakCheck, Log, run, settle, times, yield_n};
use nestling::{CancelScope, checkpoint, open_nursery, sleep_forever};

/// The waker of the task that asks.
async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// Gives its waker away and is ready then, or waits for ever.
fn give_waker(to: &RefCell<Vec<Waker>>, ready: bool) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        to.borrow_mut().push(cx.waker().clone());
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

#[test]
fn wakers_outlive_their_tasks_runs_and_threads() {
    let _leaks = LeakCheck::begin();
    let wakers: Vec<Waker> = thread::spawn(|| {
        let wakers: RefCell<Vec<Waker>> = RefCell::default();
        let all = async {
            let own = own_waker().await;
            wakers.borrow_mut().push(own);
            open_nursery(async |nursery| {
                let own = own_waker().await;
                wakers.borrow_mut().push(own);
                nursery.start_soon(give_waker(&wakers, true));
                nursery.start_soon(give_waker(&wakers, false));
                settle().await;
                nursery.cancel();
            })
            .await
            .unwrap();
        };
        nestling::run(all);
        for waker in wakers.borrow().iter() {
            waker.wake_by_ref();
        }
        wakers.into_inner()
    })
    .join()
    .unwrap();
    // The one that waited was polled once more before it was cut off.
    assert_eq!(wakers.len(), 5);
    for waker in &wakers {
        waker.wake_by_ref();
        let clone = waker.clone();
        clone.wake();
    }
    // Another run on this thread hears nothing of them.
    run(async {
        let polls = Cell::new(0);
        open_nursery(async |nursery| {
            nursery.start_soon(poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            }));
            settle().await;
            for waker in wakers {
                waker.wake();
            }
            settle().await;
            assert_eq!(polls.get(), 1);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_task_that_panicked_leaves_a_waker_that_does_nothing() {
    let _leaks = LeakCheck::begin();
    let wakers = RefCell::default();
    let result = catch_unwind(AssertUnwindSafe(|| {
        nestling::run(async {
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    give_waker(&wakers, true).await;
                    panic!("planted")
                });
            })
            .await
        })
    }));
    assert!(result.is_err());
    for waker in wakers.into_inner() {
        thread::spawn(move || waker.wake()).join().unwrap();
    }
}

#[test]
fn however_often_it_is_woken_it_is_polled_once_a_turn() {
    run(async {
        let polls = Cell::new(0);
        let waker = RefCell::new(None);
        open_nursery(async |nursery| {
            nursery.start_soon(poll_fn(|cx| {
                polls.set(polls.get() + 1);
                // While it is being polled, too.
                for _ in 0..3 {
                    if polls.get() == 1 {
                        cx.waker().wake_by_ref();
                    }
                }
                waker.replace(Some(cx.waker().clone()));
                Poll::<()>::Pending
            }));
            settle().await;
            assert_eq!(polls.get(), 2);
            let waker = waker.take().unwrap();
            for _ in 0..3 {
                waker.wake_by_ref();
            }
            settle().await;
            assert_eq!(polls.get(), 3);
            // From another thread.
            let afar = waker.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    afar.wake_by_ref();
                }
            })
            .join()
            .unwrap();
            settle().await;
            assert_eq!(polls.get(), 4);
            nursery.cancel();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_wake_up_during_the_last_poll_is_forgotten() {
    let counts = Counts::new();
    run(async {
        open_nursery(async |nursery| {
            nursery.start_soon(counts.of(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake()).join().unwrap();
                Poll::Ready(())
            })));
            settle().await;
        })
        .await
        .unwrap();
    });
    assert_eq!((counts.polls(), counts.drops()), (1, 1));
}

#[test]
fn a_wake_up_from_another_thread_during_a_poll_brings_another() {
    run(async {
        let mut polls = 0;
        poll_in_child(poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        }))
        .await;
        assert_eq!(polls, 3);
    });
}

async fn poll_in_child(child: impl Future<Output = ()>) {
    open_nursery(async |nursery| nursery.start_soon(child))
        .await
        .unwrap();
}

#[test]
fn who_yields_goes_behind_those_it_woke() {
    run(async {
        let log = Log::new();
        let (second, polls) = (RefCell::new(None), Cell::new(false));
        open_nursery(async |nursery| {
            nursery.start_soon(poll_fn(|cx| {
                if second.replace(Some(cx.waker().clone())).is_none() && polls.replace(true) {
                    log.say("woken");
                    return Poll::Ready(());
                }
                Poll::Pending
            }));
            checkpoint().await;
            nursery.start_soon(async {
                let mut yielded = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut yielded, true) {
                        return Poll::Ready(());
                    }
                    // Itself first.
                    cx.waker().wake_by_ref();
                    second.take().unwrap().wake();
                    Poll::Pending
                })
                .await;
                log.say("yielded");
            });
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["woken", "yielded"]);
    });
}

#[test]
fn a_task_has_one_waker_for_life_and_another_than_its_siblings() {
    run(async {
        let wakers = RefCell::new(Vec::new());
        open_nursery(async |nursery| {
            for _ in 0..2 {
                nursery.start_soon(async {
                    for _ in 0..3 {
                        let waker = own_waker().await;
                        checkpoint().await;
                        wakers.borrow_mut().push(waker);
                    }
                });
            }
        })
        .await
        .unwrap();
        let wakers = wakers.into_inner();
        let first = wakers.iter().filter(|waker| waker.will_wake(&wakers[0]));
        assert_eq!((first.count(), wakers.len()), (3, 6));
    });
}

/// Wakes when it is dropped.
struct WakesOnDrop<'a>(&'a RefCell<Vec<Waker>>);

impl Drop for WakesOnDrop<'_> {
    fn drop(&mut self) {
        for waker in self.0.borrow().iter() {
            waker.wake_by_ref();
            let waker = waker.clone();
            thread::spawn(move || waker.wake()).join().unwrap();
        }
    }
}

/// Children that wait, each of which wakes all when it is dropped, itself too.
async fn that_wake_on_drop(counts: &Counts, end: impl AsyncFnOnce()) {
    let wakers = RefCell::default();
    let nursery = open_nursery(async |nursery| {
        for _ in 0..4 {
            nursery.start_soon(counts.of(async {
                let _wakes = WakesOnDrop(&wakers);
                give_waker(&wakers, false).await;
            }));
        }
        settle().await;
        end().await;
        nursery.cancel();
        sleep_forever().await;
    });
    let _cancelled = nursery.await;
}

#[test]
fn destructors_may_wake_the_task_that_is_dropped_and_its_siblings() {
    let counts = Counts::new();
    run(that_wake_on_drop(&counts, async || {}));
    assert_eq!(counts.drops(), 4);
    // The nursery is dropped, and not cancelled.
    let counts = Counts::new();
    run(async {
        let mut nursery = Box::pin(that_wake_on_drop(&counts, sleep_forever));
        for _ in 0..20 {
            poll_fn(|cx| {
                assert!(nursery.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            yield_n(1).await;
        }
        drop(nursery);
        assert_eq!(counts.drops(), 4);
    });
}

#[test]
fn threads_wake_tasks_that_end_at_the_same_moment() {
    let _leaks = LeakCheck::begin();
    let counts = Counts::new();
    let (rounds, children) = (times(50, 3), times(20, 4));
    for round in 0..rounds {
        let (sender, receiver) = mpsc::channel::<Waker>();
        let go = Arc::new(Barrier::new(2));
        let ready = Arc::clone(&go);
        let thread = thread::spawn(move || {
            let wakers: Vec<Waker> = receiver.iter().take(children).collect();
            ready.wait();
            for waker in wakers {
                waker.wake_by_ref();
                waker.wake();
            }
        });
        nestling::run(async {
            open_nursery(async |nursery| {
                for _ in 0..children {
                    let mut sender = Some(sender.clone());
                    nursery.start_soon(counts.of(poll_fn(move |cx| {
                        if let Some(sender) = sender.take() {
                            sender.send(cx.waker().clone()).unwrap();
                        }
                        Poll::<()>::Pending
                    })));
                }
                settle().await;
                nursery.cancel();
                if round % 2 == 0 {
                    go.wait();
                }
            })
            .await
            .unwrap();
        });
        if round % 2 == 1 {
            go.wait();
        }
        thread.join().unwrap();
    }
    assert_eq!(counts.drops(), rounds * children);
}

#[test]
fn threads_clone_drop_and_wake_while_tasks_work() {
    let _leaks = LeakCheck::begin();
    let seen = run(async {
        let done = Arc::new(AtomicUsize::new(0));
        open_nursery(async |nursery| {
            for _ in 0..4 {
                let done = Arc::clone(&done);
                nursery.start_soon(async move {
                    for _ in 0..times(50, 3) {
                        let told = Arc::new(AtomicBool::new(false));
                        let mut thread = None;
                        poll_fn(|cx| {
                            if told.load(Ordering::Relaxed) {
                                return Poll::Ready(());
                            }
                            if thread.is_none() {
                                let (waker, told) = (cx.waker().clone(), Arc::clone(&told));
                                thread = Some(thread::spawn(move || {
                                    for _ in 0..3 {
                                        let clone = waker.clone();
                                        clone.wake();
                                        drop(waker.clone());
                                    }
                                    // Seen by the poll that the wake-up brings.
                                    told.store(true, Ordering::Relaxed);
                                    waker.wake();
                                }));
                            }
                            Poll::Pending
                        })
                        .await;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        })
        .await
        .unwrap();
        done.load(Ordering::Relaxed)
    });
    assert_eq!(seen, 4 * times(50, 3));
}

/// Aligned to more than any allocator does by itself.
#[repr(align(128))]
struct Aligned<'a> {
    seen: &'a RefCell<Vec<usize>>,
}

impl Future for Aligned<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let address = std::ptr::from_ref(&*self).addr();
        let mut seen = self.seen.borrow_mut();
        seen.push(address);
        if seen.len() == 3 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn futures_are_aligned_and_stay_where_they_are() {
    run(async {
        let seen = RefCell::default();
        poll_in_child(Aligned { seen: &seen }).await;
        let seen = seen.into_inner();
        assert_eq!(seen[0] % 128, 0);
        assert!(seen.iter().all(|address| *address == seen[0]), "{seen:?}");
    });
}

#[test]
fn a_nursery_woken_by_its_own_children_s_wakers_in_foreign_hands_is_polled() {
    run(async {
        // It is polled with a child's waker of its own, which queues nobody but that child.
        let wakers = RefCell::default();
        let mut nursery = pin!(open_nursery(async |nursery| {
            nursery.start_soon(give_waker(&wakers, false));
            settle().await;
            pending::<()>().await;
        }));
        for _ in 0..10 {
            poll_fn(|cx| {
                assert!(nursery.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let child = wakers.borrow()[0].clone();
        assert!(
            nursery
                .as_mut()
                .poll(&mut Context::from_waker(&child))
                .is_pending()
        );
        let before = wakers.borrow().len();
        child.wake_by_ref();
        assert_eq!(wakers.borrow().len(), before);
        poll_fn(|cx| {
            assert!(nursery.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(wakers.borrow().len(), before + 1);
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> bool {
        self.0.swap(0, Ordering::Relaxed) > 0
    }
}

/// A future that is polled from two places.
type Shared = Rc<RefCell<Option<Pin<Box<dyn Future<Output = bool>>>>>>;

/// A scope whose future waits for ever, and one more around each of them, `depth` in all; the outermost first.
/// Polled with `bell`, each in the one around it, the inner ones in a later poll than the outer ones.
struct Scopes {
    scopes: Vec<CancelScope>,
    inner: Shared,
    outer: Pin<Box<dyn Future<Output = ()>>>,
}

impl Scopes {
    fn new(depth: usize) -> Scopes {
        let scopes: Vec<_> = (0..=depth).map(|_| CancelScope::new()).collect();
        let inner = Shared::default();
        let scope = scopes[depth].clone();
        *inner.borrow_mut() = Some(Box::pin(async move {
            scope.run(pending::<()>()).await.is_err()
        }));
        let mut outer: Pin<Box<dyn Future<Output = ()>>> = Box::pin({
            let (inner, mut polls) = (Rc::clone(&inner), 0);
            poll_fn(move |cx| {
                polls += 1;
                if polls > depth
                    && let Some(inner) = inner.borrow_mut().as_mut()
                {
                    assert!(inner.as_mut().poll(cx).is_pending());
                }
                Poll::Pending
            })
        });
        for scope in scopes[..depth].iter().rev() {
            let (scope, inside) = (scope.clone(), outer);
            let mut begun = false;
            outer = Box::pin(async move {
                let inside = &mut { inside };
                let later = poll_fn(move |cx| {
                    if !std::mem::replace(&mut begun, true) {
                        return Poll::Pending;
                    }
                    inside.as_mut().poll(cx)
                });
                let _cancelled = scope.run(later).await;
            });
        }
        Scopes {
            scopes,
            inner,
            outer,
        }
    }

    fn poll_outer(&mut self, bell: &Arc<Bell>) {
        let waker = Waker::from(Arc::clone(bell));
        for _ in 0..3 * self.scopes.len() {
            assert!(
                self.outer
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
    }

    fn poll_inner(&self, bell: &Arc<Bell>) -> Poll<bool> {
        let waker = Waker::from(Arc::clone(bell));
        let mut inner = self.inner.borrow_mut();
        inner
            .as_mut()
            .unwrap()
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn scopes_that_were_polled_with_one_waker_are_woken_by_it_at_any_depth() {
    run(async {
        for depth in 0..4 {
            for cancelled in 0..=depth {
                let bell = Arc::default();
                let mut scopes = Scopes::new(depth);
                scopes.poll_outer(&bell);
                assert!(!bell.rung());
                scopes.scopes[cancelled].cancel();
                assert!(bell.rung(), "{cancelled} of {depth}");
            }
        }
    });
}

#[test]
fn a_scope_that_outlives_those_it_was_polled_in_is_woken_all_the_same() {
    run(async {
        for depth in 1..4 {
            let bell = Arc::default();
            let mut scopes = Scopes::new(depth);
            scopes.poll_outer(&bell);
            // They end, and nobody polls the inner one meanwhile.
            scopes.outer = Box::pin(pending());
            assert!(!bell.rung());
            scopes.scopes[depth].cancel();
            assert!(bell.rung(), "{depth}");
            assert_eq!(scopes.poll_inner(&bell), Poll::Ready(true));
            assert_eq!(Arc::strong_count(&bell), 1, "a clone of the waker was kept");
        }
    });
}

#[test]
fn a_scope_that_is_polled_elsewhere_is_woken_by_its_new_waker() {
    run(async {
        for depth in 1..4 {
            let (old, new) = (Arc::default(), Arc::default());
            let mut scopes = Scopes::new(depth);
            scopes.poll_outer(&old);
            assert!(scopes.poll_inner(&new).is_pending());
            // What it was polled in before is cancelled, which is no business of its.
            scopes.scopes[0].cancel();
            assert!(old.rung() && !new.rung());
            scopes.scopes[depth].cancel();
            assert!(new.rung() && !old.rung());
        }
    });
}

#[test]
fn a_task_s_scopes_wake_it_for_life_and_hold_nothing_of_it() {
    let _leaks = LeakCheck::begin();
    // A scope that a task polled first is polled in another one, after the first is gone and freed.
    nestling::run(async {
        let scope = CancelScope::new();
        let future = RefCell::new(Some(Box::pin({
            let scope = scope.clone();
            async move { scope.run(pending::<()>()).await.is_err() }
        })));
        open_nursery(async |nursery| {
            nursery.start_soon(async {
                // The second poll of a task finds that its frame has a waker.
                checkpoint().await;
                let mut polled = future.take().unwrap();
                poll_fn(|cx| {
                    assert!(polled.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                future.replace(Some(polled));
            });
            settle().await;
            // That task has ended, and its memory may be another's.
            nursery.start_soon(async {
                let first = future.take().unwrap();
                checkpoint().await;
                assert!(first.await);
            });
            nursery.start_soon(checkpoint());
            settle().await;
            scope.cancel();
        })
        .await
        .unwrap();
        // As above, but it is cancelled when no task polls it any more.
        let scope = CancelScope::new();
        let mut future = None;
        open_nursery(async |nursery| {
            let future = &mut future;
            let scope = scope.clone();
            nursery.start_soon(async move {
                checkpoint().await;
                let mut polled = Box::pin(async move { scope.run(pending::<()>()).await.is_err() });
                poll_fn(|cx| {
                    assert!(polled.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                *future = Some(polled);
            });
        })
        .await
        .unwrap();
        scope.cancel();
        assert!(future.unwrap().await);
    });
}
