//! What everything that is held by one at a time has in common: rules P1 and P3, C19, cases 156 to 160.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;

use crate::support::{
    Either, Flag, Log, PanicOnWake, catch, leak, poll_once, run, run_virtual, select, settle,
    until, waker_of, with_waker,
};
use nestling::sync::{Borrower, CapacityLimiter, Lock, RwLock, Semaphore};
use nestling::{CancelScope, checkpoint, move_on_after, open_nursery, shield, sleep_forever};

trait LockLike: Sized {
    fn new() -> Self;
    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin;
    fn try_acquire(&self) -> Option<impl Sized>;
    fn waiting(&self) -> usize;
}

impl LockLike for Lock<u32> {
    fn new() -> Self {
        Lock::new(0)
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        Lock::acquire(self)
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        Lock::try_acquire(self)
    }

    fn waiting(&self) -> usize {
        self.statistics().tasks_waiting
    }
}

struct Unowned(Lock<u32>);

impl LockLike for Unowned {
    fn new() -> Self {
        Unowned(Lock::unowned(0))
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        self.0.acquire()
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        self.0.try_acquire()
    }

    fn waiting(&self) -> usize {
        self.0.statistics().tasks_waiting
    }
}

impl LockLike for Semaphore {
    fn new() -> Self {
        Semaphore::new(1)
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        Semaphore::acquire(self)
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        Semaphore::try_acquire(self)
    }

    fn waiting(&self) -> usize {
        self.statistics().tasks_waiting
    }
}

struct Owned(Rc<Semaphore>);

impl LockLike for Owned {
    fn new() -> Self {
        Owned(Rc::new(Semaphore::new(3)))
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        Rc::clone(&self.0).acquire_many_owned(3)
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        self.0.try_acquire_many(2)
    }

    fn waiting(&self) -> usize {
        self.0.statistics().tasks_waiting
    }
}

impl LockLike for CapacityLimiter {
    fn new() -> Self {
        CapacityLimiter::new(1)
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        // Some tests poll several in one task.
        let token = self.acquire_on_behalf_of(Borrower::new());
        Box::pin(async { token.await.unwrap() })
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        self.try_acquire_on_behalf_of(Borrower::new()).ok()
    }

    fn waiting(&self) -> usize {
        self.statistics().tasks_waiting
    }
}

impl LockLike for RwLock<u32> {
    fn new() -> Self {
        RwLock::new(0)
    }

    fn acquire(&self) -> impl Future<Output = impl Sized> + Unpin {
        self.write()
    }

    fn try_acquire(&self) -> Option<impl Sized> {
        self.try_write()
    }

    fn waiting(&self) -> usize {
        self.statistics().tasks_waiting
    }
}

/// Makes a test of each, for every kind of those listed.
macro_rules! for_each {
    ($test:ident: $($kind:ident = $type:ty),*) => {
        mod $test {
            use super::*;

            $(
                #[test]
                fn $kind() {
                    super::$test::<$type>();
                }
            )*
        }
    };
}

macro_rules! for_all {
    ($($test:ident)*) => { $(
        for_each! {
            $test: lock = Lock<u32>, unowned_lock = Unowned, semaphore = Semaphore,
            owned_permits = Owned, capacity_limiter = CapacityLimiter, rw_lock = RwLock<u32>
        }
    )* };
}

/// For those that a task may wait for while it holds them.
macro_rules! for_all_in_one_task {
    ($($test:ident)*) => { $(
        for_each! {
            $test: unowned_lock = Unowned, semaphore = Semaphore, owned_permits = Owned,
            capacity_limiter = CapacityLimiter, rw_lock = RwLock<u32>
        }
    )* };
}

for_all! {
    nobody_is_inside_with_another
    loopers_take_turns
    a_release_hands_over_to_the_first
    a_free_one_is_a_checkpoint
    polling_a_ready_one_does_not_starve_others
    nothing_happens_in_a_cancelled_context
    one_that_was_cancelled_leaves_the_line
    cancelled_after_the_hand_over_it_is_delivered
    cancelled_before_the_hand_over_it_is_passed_over
    one_that_was_passed_over_lets_others_in
    what_was_passed_over_and_goes_on_outside_gets_it
    dropped_by_another_one_of_the_same_turn
    a_panic_releases
    a_cancelled_holder_releases
    shields_wait_for_it
}

for_all_in_one_task! {
    dropped_after_the_hand_over_it_is_passed_on
    a_panicking_waker_costs_nobody_anything
    a_leaked_guard_holds_on
    a_leaked_waiter_is_handed_it_like_any_other
    a_waker_may_come_back
    the_last_waker_counts
}

/// Case 158.
fn nobody_is_inside_with_another<L: LockLike>() {
    let lock = L::new();
    let inside = Cell::new(0);
    let done = Cell::new(0);
    run(open_nursery(async |nursery| {
        for _ in 0..5 {
            nursery.start_soon(async {
                for _ in 0..10 {
                    let _guard = lock.acquire().await;
                    inside.set(inside.get() + 1);
                    assert_eq!(inside.get(), 1);
                    checkpoint().await;
                    assert_eq!(inside.get(), 1);
                    inside.set(0);
                    done.set(done.get() + 1);
                }
            });
        }
    }))
    .unwrap();
    assert_eq!(done.get(), 50);
}

/// Case 159.
fn loopers_take_turns<L: LockLike>() {
    let lock = L::new();
    let order = RefCell::new(Vec::new());
    run(open_nursery(async |nursery| {
        for number in 0..3 {
            let (lock, order) = (&lock, &order);
            nursery.start_soon(async move {
                for _ in 0..5 {
                    let _guard = lock.acquire().await;
                    order.borrow_mut().push(number);
                    checkpoint().await;
                }
            });
        }
    }))
    .unwrap();
    let order = order.into_inner();
    assert_eq!(order.len(), 15);
    for round in order.chunks(3) {
        assert_eq!(round, &order[..3], "{order:?}");
    }
}

/// Rule P1 and case 160.
fn a_release_hands_over_to_the_first<L: LockLike>() {
    let lock = L::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        for name in ["first", "second"] {
            let (lock, log) = (&lock, &log);
            nursery.start_soon(async move {
                let _guard = lock.acquire().await;
                log.say(name);
            });
            settle().await;
        }
        assert_eq!(lock.waiting(), 2);
        drop(guard);
        assert_eq!(lock.waiting(), 1);
        assert!(lock.try_acquire().is_none(), "also for who released it");
        log.expect(&[]);
        let _guard = lock.acquire().await;
        log.expect(&["first", "second"]);
    }))
    .unwrap();
}

fn a_free_one_is_a_checkpoint<L: LockLike>() {
    run(async {
        let lock = L::new();
        for _ in 0..1000 {
            // It passes 128 of them in a turn, and then lets others go on.
            drop(lock.acquire().await);
        }
        let scope = CancelScope::new();
        scope.cancel();
        let acquired = scope.run(lock.acquire()).await;
        assert!(acquired.is_err());
        drop(acquired);
        assert!(lock.try_acquire().is_some());
    });
}

fn polling_a_ready_one_does_not_starve_others<L: LockLike>() {
    let lock = L::new();
    let done = Cell::new(false);
    run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let mut rounds = 0;
            while !done.get() {
                drop(lock.acquire().await);
                rounds += 1;
                assert!(rounds < 1000, "the other one has no turn");
            }
        });
        nursery.start_soon(async { done.set(true) });
    }))
    .unwrap();
}

fn nothing_happens_in_a_cancelled_context<L: LockLike>() {
    run(async {
        let lock = L::new();
        let guard = lock.try_acquire().unwrap();
        let scope = CancelScope::new();
        scope.cancel();
        assert!(scope.run(lock.acquire()).await.is_err());
        assert_eq!(lock.waiting(), 0);
        drop(guard);
        assert!(lock.try_acquire().is_some());
    });
}

/// Rule P3.
fn one_that_was_cancelled_leaves_the_line<L: LockLike>() {
    let lock = L::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        let scopes = [(); 3].map(|()| CancelScope::new());
        for (name, scope) in ["first", "second", "third"].iter().zip(scopes.clone()) {
            let (lock, log) = (&lock, &log);
            nursery.start_soon(async move {
                let acquired = scope.run(lock.acquire()).await;
                log.say(format!("{name}: {}", acquired.is_ok()));
            });
        }
        settle().await;
        scopes[1].cancel();
        settle().await;
        assert_eq!(lock.waiting(), 2);
        drop(guard);
        settle().await;
        log.expect(&["second: false", "first: true", "third: true"]);
        assert_eq!(lock.waiting(), 0);
        assert!(lock.try_acquire().is_some());
    }))
    .unwrap();
}

/// Rule C19: what was handed over is not lost.
fn cancelled_after_the_hand_over_it_is_delivered<L: LockLike>() {
    let lock = L::new();
    let log = Log::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        nursery.start_soon(async {
            let result = scope
                .run(async {
                    let _guard = lock.acquire().await;
                    log.say("it has it");
                    assert!(lock.try_acquire().is_none());
                    checkpoint().await;
                    log.say("not reached");
                })
                .await;
            assert!(result.is_err());
        });
        settle().await;
        drop(guard);
        scope.cancel();
        settle().await;
        log.expect(&["it has it"]);
        assert!(lock.try_acquire().is_some());
    }))
    .unwrap();
}

/// Rule C19, the other way round.
fn cancelled_before_the_hand_over_it_is_passed_over<L: LockLike>() {
    let lock = L::new();
    let log = Log::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        nursery.start_soon(async {
            assert!(scope.run(lock.acquire()).await.is_err());
            log.say("cut off");
        });
        settle().await;
        nursery.start_soon(async {
            let _guard = lock.acquire().await;
            log.say("the next");
        });
        settle().await;
        scope.cancel();
        drop(guard);
        assert_eq!(lock.waiting(), 0, "the next has it");
        assert!(lock.try_acquire().is_none());
        settle().await;
        assert_eq!(log.len(), 2);
        assert!(lock.try_acquire().is_some());
    }))
    .unwrap();
}

fn one_that_was_passed_over_lets_others_in<L: LockLike>() {
    let lock = L::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        nursery.start_soon(async {
            assert!(scope.run(lock.acquire()).await.is_err());
        });
        settle().await;
        scope.cancel();
        drop(guard);
        // Before the other one has been cut off.
        assert!(lock.try_acquire().is_some());
        drop(lock.acquire().await);
    }))
    .unwrap();
}

/// A future that was polled in a scope by reference outlives that scope.
fn what_was_passed_over_and_goes_on_outside_gets_it<L: LockLike>() {
    let lock = L::new();
    let scope = CancelScope::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        nursery.start_soon(async {
            let mut waiting = pin!(lock.acquire());
            assert!(scope.run(waiting.as_mut()).await.is_err());
            let _guard = waiting.await;
            log.say("by reference");
        });
        settle().await;
        scope.cancel();
        drop(guard);
        // Somebody has it for a while before they go on.
        let guard = lock.try_acquire().unwrap();
        settle().await;
        log.expect(&[]);
        drop(guard);
        settle().await;
        log.expect(&["by reference"]);
    }))
    .unwrap();
}

fn dropped_after_the_hand_over_it_is_passed_on<L: LockLike>() {
    run(async {
        let lock = L::new();
        for waiters in [1, 2] {
            let guard = lock.try_acquire().unwrap();
            let mut first = lock.acquire();
            let mut second = lock.acquire();
            assert!(poll_once(&mut first).await.is_pending());
            if waiters == 2 {
                assert!(poll_once(&mut second).await.is_pending());
            }
            drop(guard);
            assert!(lock.try_acquire().is_none(), "the first has it");
            drop(first);
            assert_eq!(lock.try_acquire().is_none(), waiters == 2);
            assert_eq!(lock.waiting(), 0);
        }
    });
}

/// The one that was handed it is dropped by whoever runs before it.
fn dropped_by_another_one_of_the_same_turn<L: LockLike>() {
    let lock = L::new();
    let log = Log::new();
    let stop = Cell::new(false);
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        let stopped = nursery.spawn(async {
            // The second one is polled only if the first one is not ready.
            let first = select(until(|| stop.get()), lock.acquire()).await;
            assert!(matches!(first, Either::First(())));
        });
        nursery.start_soon(async {
            checkpoint().await;
            drop(lock.acquire().await);
            log.say("the next");
        });
        settle().await;
        stop.set(true);
        drop(guard);
        stopped.await.unwrap();
        settle().await;
        log.expect(&["the next"]);
        assert!(lock.try_acquire().is_some());
    }))
    .unwrap();
}

fn a_panic_releases<L: LockLike>() {
    let lock = L::new();
    catch(|| {
        run(open_nursery(async |nursery| {
            nursery.start_soon(async {
                let _guard = lock.acquire().await;
                checkpoint().await;
                panic!("it panics with the lock in its hands");
            });
            nursery.start_soon(async {
                drop(shield(lock.acquire()).await);
            });
        }))
    });
    assert_eq!(lock.waiting(), 0);
    assert!(lock.try_acquire().is_some(), "it is not poisoned");
}

fn a_panicking_waker_costs_nobody_anything<L: LockLike>() {
    run(async {
        let lock = L::new();
        let guard = lock.try_acquire().unwrap();
        let waker = waker_of(&std::sync::Arc::new(PanicOnWake));
        let mut first = Box::pin(with_waker(waker, lock.acquire()));
        assert!(poll_once(&mut first).await.is_pending());
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        assert!(dropped.is_err());
        // All the same it has been handed over.
        let guard = first.await;
        drop(guard);
        assert!(lock.try_acquire().is_some());

        // Released by a panic, with a waker that panics too.
        let guard = lock.try_acquire().unwrap();
        let waker = waker_of(&std::sync::Arc::new(PanicOnWake));
        let mut first = Box::pin(with_waker(waker, lock.acquire()));
        assert!(poll_once(&mut first).await.is_pending());
        catch(move || {
            let _guard = guard;
            panic!("the first");
        });
        drop(first.await);
        assert!(lock.try_acquire().is_some());
    });
}

fn a_leaked_guard_holds_on<L: LockLike>() {
    run_virtual(async {
        let lock = L::new();
        #[expect(clippy::mem_forget, reason = "that is what is tested")]
        std::mem::forget(lock.try_acquire().unwrap());
        assert!(lock.try_acquire().is_none());
        let wait = move_on_after(std::time::Duration::from_secs(1), lock.acquire());
        assert!(wait.await.is_none());
        assert_eq!(lock.waiting(), 0);
    });
}

fn a_leaked_waiter_is_handed_it_like_any_other<L: LockLike + 'static>() {
    run(async {
        let lock: &'static L = Box::leak(Box::new(L::new()));
        let guard = lock.try_acquire().unwrap();
        let mut leaked = Box::pin(lock.acquire());
        assert!(poll_once(&mut leaked).await.is_pending());
        let keep = Box::pin(async move {
            let _kept = (leaked, lock);
            sleep_forever().await;
        });
        leak(keep);
        drop(guard);
        assert!(lock.try_acquire().is_none());
        assert_eq!(lock.waiting(), 0);
    });
}

/// A waker that is foreign code: it tries to get the lock, and drops another waiter.
fn a_waker_may_come_back<L: LockLike + 'static>() {
    use std::sync::Arc;
    use std::task::Wake;

    thread_local! {
        static CALL: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    }
    struct Caller;
    impl Wake for Caller {
        fn wake(self: Arc<Self>) {
            if let Some(call) = CALL.take() {
                call();
            }
        }
    }
    run(async {
        let lock: Rc<L> = Rc::new(L::new());
        let guard = lock.try_acquire().unwrap();
        let waker = waker_of(&Arc::new(Caller));
        let mut first = Box::pin(with_waker(waker, lock.acquire()));
        assert!(poll_once(&mut first).await.is_pending());
        let called = Rc::new(Cell::new(false));
        CALL.set(Some(Box::new({
            let (lock, called) = (Rc::clone(&lock), Rc::clone(&called));
            move || {
                called.set(true);
                assert!(lock.try_acquire().is_none());
                assert_eq!(lock.waiting(), 0);
            }
        })));
        drop(guard);
        assert!(called.get());
        drop(first.await);
        assert!(lock.try_acquire().is_some());
    });
}

fn the_last_waker_counts<L: LockLike>() {
    run(async {
        let lock = L::new();
        let guard = lock.try_acquire().unwrap();
        let mut waiting = pin!(lock.acquire());
        let (old, new) = (Flag::new(), Flag::new());
        for flag in [&old, &new, &new] {
            let waker = waker_of(flag);
            let mut cx = std::task::Context::from_waker(&waker);
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(std::sync::Arc::strong_count(&old), 1, "it was let go");
        drop(guard);
        assert_eq!((old.count(), new.count()), (0, 1));
        drop(waiting.await);
    });
}

/// Case 156: cancelling the holder releases.
fn a_cancelled_holder_releases<L: LockLike>() {
    let lock = L::new();
    let scope = CancelScope::new();
    run(open_nursery(async |nursery| {
        nursery.start_soon(async {
            let held = scope.run(async {
                let _guard = lock.acquire().await;
                sleep_forever().await;
            });
            assert!(held.await.is_err());
        });
        settle().await;
        assert!(lock.try_acquire().is_none());
        nursery.start_soon(async { drop(lock.acquire().await) });
        settle().await;
        scope.cancel();
    }))
    .unwrap();
    assert!(lock.try_acquire().is_some());
}

fn shields_wait_for_it<L: LockLike>() {
    let lock = L::new();
    let scope = CancelScope::new();
    let log = Log::new();
    run(open_nursery(async |nursery| {
        let guard = lock.try_acquire().unwrap();
        nursery.start_soon(async {
            let result = scope.run(shield(async {
                let _guard = lock.acquire().await;
                log.say("shielded");
            }));
            // Success wins.
            assert!(result.await.is_ok());
        });
        settle().await;
        scope.cancel();
        drop(guard);
        settle().await;
        log.expect(&["shielded"]);
    }))
    .unwrap();
}
