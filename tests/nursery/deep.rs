//! Depth and numbers: rule C21, trio's case 70, and what DESIGN promises of both. The tree of frames
//! is walked without recursion, so only the futures themselves need stack.
//!
//! Chains are built by hand, from the innermost scope outwards: each one's future polls the next
//! inner one once, which hangs that one, with all that is below it, under the outer one. So no poll
//! is deeper than two.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{Counts, run, run_virtual, settle, until};
use nestling::{
    CancelScope, Cancelled, catch_cancel, checkpoint, on_cancel, open_nursery, shield,
    shutdown_requested, sleep_forever, statistics,
};

/// By far the most of the time is spent in building, which a debug build does slowly.
const fn scaled(many: usize) -> usize {
    if cfg!(miri) {
        many / 1000
    } else if cfg!(debug_assertions) {
        many / 10
    } else {
        many
    }
}

const DEPTH: usize = scaled(100_000);

/// Runs `test` on a stack of so many KiB.
fn on_a_stack_of(kib: usize, test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(kib * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

type Link = Rc<RefCell<Option<Pin<Box<dyn Future<Output = Result<(), Cancelled>>>>>>>;

/// Scopes, each of which hangs below the one before it.
struct Chain {
    scopes: Vec<CancelScope>,
    links: Vec<Link>,
}

impl Chain {
    /// `leaf` is in the innermost scope; the scope of `level` is woken by `waker(level)`.
    fn build(
        depth: usize,
        leaf: impl Future<Output = ()> + 'static,
        waker: impl Fn(usize) -> Waker,
    ) -> Chain {
        let scopes: Vec<_> = (0..depth).map(|_| CancelScope::new()).collect();
        let mut links: Vec<Link> = Vec::with_capacity(depth);
        let mut leaf = Some(leaf);
        for level in (0..depth).rev() {
            let link: Link = match leaf.take() {
                Some(leaf) => Rc::new(RefCell::new(Some(Box::pin(scopes[level].run(leaf))))),
                None => {
                    let inner = Rc::clone(links.last().unwrap());
                    let inner_waker = waker(level + 1);
                    let future = scopes[level].run(async move {
                        let _once = poll_link(&inner, &inner_waker);
                        pending().await
                    });
                    Rc::new(RefCell::new(Some(Box::pin(future))))
                }
            };
            assert!(poll_link(&link, &waker(level)).is_pending());
            links.push(link);
        }
        links.reverse();
        Chain { scopes, links }
    }

    fn poll_outermost(&self) -> Poll<Result<(), Cancelled>> {
        poll_link(&self.links[0], Waker::noop())
    }

    /// Drops the futures from the outermost to the innermost.
    fn drop_futures(&self) {
        for link in &self.links {
            drop(link.take());
        }
    }
}

fn poll_link(link: &Link, waker: &Waker) -> Poll<Result<(), Cancelled>> {
    let mut future = link.borrow_mut();
    let future = future.as_mut().unwrap();
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Notes its number when it is woken.
struct Numbered(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn a_hundred_thousand_nested_scopes_are_cancelled_on_a_small_stack_the_innermost_first() {
    on_a_stack_of(256, || {
        run(async {
            let woken = Arc::new(Mutex::new(Vec::new()));
            let waker = |level| Waker::from(Arc::new(Numbered(level, Arc::clone(&woken))));
            let chain = Chain::build(DEPTH, pending(), waker);
            assert!(chain.poll_outermost().is_pending());
            chain.scopes[0].cancel_because("all of it");
            assert!(chain.scopes.iter().all(CancelScope::is_cancelled));
            let mut woken = woken.lock().unwrap().clone();
            if woken.len() < DEPTH {
                // The outermost one was polled with another waker.
                woken.push(0);
            }
            assert!(woken.iter().rev().copied().eq(0..DEPTH), "not inside out");
            let Poll::Ready(Err(report)) = chain.poll_outermost() else {
                panic!("the outermost one reports");
            };
            assert_eq!(report.reason(), Some("all of it"));
            chain.drop_futures();
        });
    });
}

#[test]
fn a_guest_a_hundred_thousand_scopes_down_holds_all_of_them() {
    on_a_stack_of(256, || {
        run(async {
            let open = Rc::new(Cell::new(false));
            let inside = Rc::clone(&open);
            let guest: Link = Rc::new(RefCell::new(Some(Box::pin(async move {
                shield(poll_fn(move |_| match inside.get() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }))
                .await;
                Ok(())
            }))));
            let held = Rc::clone(&guest);
            let leaf = async move {
                let _once = poll_link(&held, Waker::noop());
                pending().await
            };
            let chain = Chain::build(DEPTH, leaf, |_| Waker::noop().clone());
            chain.scopes[0].cancel();
            for _ in 0..3 {
                assert!(chain.poll_outermost().is_pending(), "the guest holds it");
            }
            open.set(true);
            assert!(poll_link(&guest, Waker::noop()).is_ready());
            assert!(chain.poll_outermost().is_ready(), "nothing holds it now");
            chain.drop_futures();
        });
    });
}

#[test]
fn a_chain_that_moves_under_a_cancelled_scope_is_cancelled_to_its_end() {
    on_a_stack_of(256, || {
        run(async {
            let chain = Chain::build(DEPTH, pending(), |_| Waker::noop().clone());
            let outer = CancelScope::new();
            outer.cancel();
            let result = outer.run(async {
                assert!(chain.poll_outermost().is_pending(), "the outer one reports");
                assert!(chain.scopes.iter().all(CancelScope::is_cancelled));
                checkpoint().await;
            });
            assert!(result.await.is_err());
            chain.drop_futures();
        });
    });
}

#[test]
fn a_chain_is_dropped_from_either_end_on_a_small_stack() {
    on_a_stack_of(256, || {
        for cancelled in [false, true] {
            for outermost_first in [false, true] {
                run(async move {
                    let before = statistics().frames;
                    let leaf = async { shield(pending()).await };
                    let chain = Chain::build(DEPTH / 4, leaf, |_| Waker::noop().clone());
                    assert_eq!(statistics().frames, before + DEPTH / 4 + 1);
                    if cancelled {
                        chain.scopes[0].cancel();
                    }
                    if outermost_first {
                        chain.drop_futures();
                    } else {
                        for link in chain.links.iter().rev() {
                            drop(link.take());
                        }
                    }
                    drop(chain);
                    assert_eq!(statistics().frames, before);
                });
            }
        }
    });
}

#[test]
fn a_shutdown_is_heard_a_hundred_thousand_scopes_down() {
    on_a_stack_of(256, || {
        run_virtual(async {
            let woken = Arc::new(Mutex::new(Vec::new()));
            let waker = |level| Waker::from(Arc::new(Numbered(level, Arc::clone(&woken))));
            let listener = waker(DEPTH);
            let leaf = async move {
                let mut heard = Box::pin(shutdown_requested());
                poll_fn(|_| heard.as_mut().poll(&mut Context::from_waker(&listener))).await;
            };
            let chain = Chain::build(DEPTH, leaf, waker);
            drop(chain.scopes[0].shutdown(Duration::from_secs(1)));
            assert_eq!(*woken.lock().unwrap(), [DEPTH]);
            chain.drop_futures();
        });
    });
}

#[test]
fn thousands_of_scopes_that_are_really_nested_unwind() {
    let depth = scaled(5_000).max(20);
    on_a_stack_of(512 * 1024, move || {
        let counts = Counts::new();
        run(open_nursery(async |nursery| {
            let mut nested: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(sleep_forever());
            for _ in 0..depth {
                let counts = &counts;
                nested = Box::pin(async move {
                    let _local = counts.guard();
                    let _never = CancelScope::new().run(nested).await;
                    unreachable!("the outermost one reports");
                });
            }
            let outermost = CancelScope::new();
            let canceller = outermost.clone();
            nursery.start_soon(async move {
                settle().await;
                canceller.cancel();
            });
            assert!(outermost.run(nested).await.is_err());
            assert_eq!(counts.drops(), depth);
        }))
        .unwrap();
    });
}

#[test]
fn hundreds_of_nurseries_that_are_really_nested_unwind_with_their_clean_ups() {
    async fn nest(level: usize, begun: &Cell<bool>, order: &RefCell<Vec<usize>>) {
        if level == 0 {
            begun.set(true);
            return sleep_forever().await;
        }
        let nested = open_nursery(async |nursery| {
            let inner: Pin<Box<dyn Future<Output = ()> + '_>> =
                Box::pin(nest(level - 1, begun, order));
            nursery.start_soon(inner);
            sleep_forever().await;
        });
        let _never = on_cancel(nested, async || {
            checkpoint().await;
            order.borrow_mut().push(level);
        })
        .await;
    }
    let depth = scaled(500).max(5);
    on_a_stack_of(512 * 1024, move || {
        let begun = Cell::new(false);
        let order = RefCell::new(Vec::new());
        run(open_nursery(async |nursery| {
            nursery.start_soon(nest(depth, &begun, &order));
            until(|| begun.get()).await;
            nursery.cancel();
        }))
        .unwrap();
        assert!(
            order.take().into_iter().eq(1..=depth),
            "from the inside out"
        );
    });
}

/// Cancels so many parked children; the number of polls that it took.
fn cancel_parked_children(count: usize) -> usize {
    let counts = Counts::new();
    run(open_nursery(async |nursery| {
        for _ in 0..count {
            nursery.start_soon(async {
                let _local = counts.guard();
                poll_fn(|_| {
                    counts.polls.set(counts.polls.get() + 1);
                    Poll::<()>::Pending
                })
                .await;
            });
        }
        checkpoint().await;
        assert_eq!((counts.polls(), nursery.len()), (count, count));
        nursery.cancel();
    }))
    .unwrap();
    assert_eq!(counts.drops(), count);
    counts.polls()
}

#[test]
fn a_million_parked_children_are_cancelled_with_two_polls_each() {
    for count in [scaled(500_000), scaled(1_000_000)] {
        // A tree that is not linear would not come to an end with these numbers.
        assert_eq!(cancel_parked_children(count), 2 * count);
    }
}

#[test]
fn a_hundred_thousand_children_with_scopes_and_shields_of_their_own_are_cancelled() {
    let count = scaled(100_000);
    let done = Cell::new(0);
    run(open_nursery(async |nursery| {
        for _ in 0..count {
            nursery.start_soon(async {
                let scope = CancelScope::new();
                let caught = catch_cancel(scope.run(async {
                    shield(checkpoint()).await;
                    sleep_forever().await;
                }));
                assert!(caught.await.is_err());
                done.set(done.get() + 1);
            });
        }
        settle().await;
        nursery.cancel();
    }))
    .unwrap();
    assert_eq!(done.get(), count);
}

#[test]
fn a_hundred_thousand_children_that_cancel_their_nursery_again_and_again_do_it_once() {
    let count = scaled(100_000);
    run(open_nursery(async |nursery| {
        for _ in 0..count {
            nursery.start_soon(async {
                nursery.cancel();
                sleep_forever().await;
            });
        }
        sleep_forever().await;
    }))
    .unwrap_err();
}
