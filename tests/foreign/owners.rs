//! Nurseries that are polled with foreign wakers, which do what they like when a task inside is woken.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::support::{Counts, Log, run, settle, waker_of, with_waker};
use nestling::sync::Event;
use nestling::{CancelScope, open_nursery, sleep_forever};

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type OnWake = Box<dyn FnMut(usize)>;

thread_local! {
    static ON_WAKE: RefCell<Option<OnWake>> = RefCell::default();
    static NURSERY: RefCell<Option<Boxed>> = RefCell::default();
}

/// Calls what is in `ON_WAKE`.
struct Calls(usize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let taken = ON_WAKE.take();
        if let Some(mut on_wake) = taken {
            on_wake(self.0);
            ON_WAKE.set(Some(on_wake));
        }
    }
}

fn calling(number: usize) -> Waker {
    waker_of(&Arc::new(Calls(number)))
}

/// What a nursery and all that is in it share.
#[derive(Default)]
struct Shared {
    event: Event,
    scope: CancelScope,
    drops: Cell<usize>,
}

struct Drops(Rc<Shared>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.drops.set(self.0.drops.get() + 1);
    }
}

/// A nursery with nurseries in it, one in another: in children and in bodies by turns. A task of the innermost
/// waits for the event.
fn nested(shared: Rc<Shared>, levels: usize) -> Boxed {
    Box::pin(async move {
        let _drops = Drops(Rc::clone(&shared));
        if levels == 0 {
            return shared.event.wait().await;
        }
        let in_body = levels % 2 == 0;
        open_nursery(async |nursery| {
            let next = nested(Rc::clone(&shared), levels - 1);
            if in_body {
                next.await;
            } else {
                nursery.start_soon(next);
                sleep_forever().await;
            }
        })
        .await
        .ok();
    })
}

/// Polls a nursery of so many levels with a waker that drops it, until all in it wait; then has `wake` wake
/// the innermost task.
fn dropped_by_its_waker(levels: usize, wake: fn(&Shared)) {
    run(async {
        let shared = Rc::<Shared>::default();
        let scoped = Rc::clone(&shared);
        let mut nursery: Boxed = Box::pin(async move {
            let inside = nested(Rc::clone(&scoped), levels);
            scoped.scope.run(inside).await.ok();
        });
        let waker = calling(0);
        for _ in 0..2 * levels + 2 {
            let polled = nursery.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        NURSERY.set(Some(nursery));
        ON_WAKE.set(Some(Box::new(|_| drop(NURSERY.take()))));
        wake(&shared);
        ON_WAKE.take();
        assert!(NURSERY.take().is_none(), "the waker was never woken");
        assert_eq!(shared.drops.get(), levels + 1);
    });
}

#[test]
fn a_nursery_is_dropped_by_its_waker_when_a_task_deep_inside_is_woken() {
    for levels in 1..7 {
        dropped_by_its_waker(levels, |shared| shared.event.set());
    }
}

#[test]
fn a_nursery_is_dropped_by_its_waker_when_it_is_cancelled() {
    for levels in 1..7 {
        dropped_by_its_waker(levels, |shared| shared.scope.cancel());
    }
}

#[test]
fn whoever_is_woken_first_by_a_cancel_finds_all_of_it_cancelled() {
    for first in 0..4 {
        run(async {
            let scopes: Rc<[CancelScope; 4]> = Rc::default();
            let seen = Rc::new(Cell::new(0));
            open_nursery(async |nursery| {
                for (number, scope) in scopes.iter().enumerate() {
                    nursery.start_soon(async move {
                        let inside = open_nursery(async |inner| {
                            inner.start_soon(sleep_forever());
                            scope.run(sleep_forever()).await.ok();
                        });
                        match number == first {
                            true => with_waker(calling(number), inside).await,
                            false => inside.await,
                        }
                    });
                }
                settle().await;
                let (watched, count) = (Rc::clone(&scopes), Rc::clone(&seen));
                ON_WAKE.set(Some(Box::new(move |_| {
                    assert!(watched.iter().all(CancelScope::is_cancelled));
                    count.set(count.get() + 1);
                })));
                nursery.cancel();
            })
            .await
            .ok();
            ON_WAKE.take();
            assert!(seen.get() > 0);
        });
    }
}

#[test]
fn a_cancel_wakes_what_is_deeper_first_and_siblings_in_their_order() {
    // Whichever of them have foreign wakers.
    for foreign in 0..1_usize << 6 {
        let log = Log::new();
        let counts = Counts::new();
        let woken = Rc::new(RefCell::new(Vec::new()));
        run(async {
            open_nursery(async |nursery| {
                for outer in 0..2 {
                    let (log, counts) = (&log, &counts);
                    nursery.start_soon(async move {
                        open_nursery(async |inner| {
                            for number in 3 * outer..3 * outer + 3 {
                                inner.start_soon(async move {
                                    let _guard = counts.guard();
                                    let _end = log.at_drop(number.to_string());
                                    let deep = CancelScope::new();
                                    let inside = deep.run(sleep_forever());
                                    match foreign & 1 << number == 0 {
                                        true => inside.await.ok(),
                                        false => with_waker(calling(number), inside).await.ok(),
                                    };
                                });
                            }
                        })
                        .await
                        .ok();
                    });
                }
                settle().await;
                let numbers = Rc::clone(&woken);
                ON_WAKE.set(Some(Box::new(move |number| {
                    numbers.borrow_mut().push(number);
                })));
                nursery.cancel();
                let expected: Vec<usize> = (0..6).filter(|at| foreign & 1 << at != 0).collect();
                assert_eq!(*woken.borrow(), expected);
            })
            .await
            .ok();
            ON_WAKE.take();
        });
        assert_eq!(counts.drops(), 6);
        assert_eq!(log.entries(), ["0", "1", "2", "3", "4", "5"]);
    }
}
