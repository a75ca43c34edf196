//! A semaphore, beside a number and a deque. Waiters are cancelled too.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use nestling::sync::{OwnedPermit, Semaphore};
use nestling::{CancelScope, Cancelled, run};

use super::programs;
use crate::random::Random;

type Acquiring = Pin<Box<dyn Future<Output = Result<OwnedPermit, Cancelled>>>>;

struct Waiter {
    future: Acquiring,
    scope: CancelScope,
    count: usize,
    cancelled: bool,
    handed: bool,
}

/// What the rules say.
#[derive(Default)]
struct Rules {
    free: usize,
    line: VecDeque<u64>,
}

struct Program {
    random: Random,
    semaphore: Rc<Semaphore>,
    rules: Rules,
    waiters: BTreeMap<u64, Waiter>,
    permits: Vec<OwnedPermit>,
    next: u64,
}

impl Program {
    async fn step(&mut self) {
        let count = self.random.below(4) as usize;
        match self.random.below(12) {
            0..3 => self.acquire(count).await,
            3 => {
                self.settle();
                let expected = self.rules.line.is_empty() && count <= self.rules.free;
                let permit = self.semaphore.try_acquire_many(count);
                assert_eq!(permit.is_some(), expected);
                if let Some(permit) = permit {
                    permit.forget();
                    self.rules.free -= count;
                }
            }
            4 => {
                self.rules.free += count;
                self.settle();
                self.semaphore
                    .add_permits(count)
                    .expect("there is no maximum");
            }
            5 => {
                let expected = count.min(self.rules.free);
                self.rules.free -= expected;
                assert_eq!(self.semaphore.forget_permits(count), expected);
            }
            6..8 => {
                if !self.permits.is_empty() {
                    let at = self.random.below(self.permits.len() as u64) as usize;
                    let permit = self.permits.swap_remove(at);
                    self.rules.free += permit.count();
                    if permit.count() > 0 {
                        self.settle();
                    }
                }
            }
            8 => {
                if let Some(name) = self.any() {
                    self.leave(name);
                    self.waiters.remove(&name);
                }
            }
            9 => {
                if let Some(name) = self.any() {
                    let waiter = self.waiters.get_mut(&name).expect("it waits");
                    waiter.cancelled = true;
                    waiter.scope.cancel();
                }
            }
            _ => {
                if let Some(name) = self.any() {
                    self.poll(name).await;
                }
            }
        }
    }

    fn any(&mut self) -> Option<u64> {
        let names: Vec<u64> = self.waiters.keys().copied().collect();
        (!names.is_empty()).then(|| *self.random.of(&names))
    }

    async fn acquire(&mut self, count: usize) {
        let name = self.next;
        self.next += 1;
        let scope = CancelScope::new();
        let inside = scope.clone();
        let semaphore = Rc::clone(&self.semaphore);
        let acquiring = async move { inside.run(semaphore.acquire_many_owned(count)).await };
        self.settle();
        let handed = self.rules.line.is_empty() && count <= self.rules.free;
        if handed {
            self.rules.free -= count;
        } else {
            self.rules.line.push_back(name);
        }
        let waiter = Waiter {
            future: Box::pin(acquiring),
            scope,
            count,
            cancelled: false,
            handed,
        };
        self.waiters.insert(name, waiter);
        self.poll(name).await;
    }

    async fn poll(&mut self, name: u64) {
        let waiter = self.waiters.get_mut(&name).expect("it waits");
        let polled = poll_fn(|cx| Poll::Ready(waiter.future.as_mut().poll(cx))).await;
        match polled {
            Poll::Pending => assert!(!waiter.handed && !waiter.cancelled, "{name} waits"),
            Poll::Ready(Ok(permit)) => {
                assert!(waiter.handed, "{name} was handed something");
                assert_eq!(permit.count(), waiter.count);
                self.waiters.remove(&name);
                self.permits.push(permit);
            }
            Poll::Ready(Err(_)) => {
                assert!(waiter.cancelled && !waiter.handed, "{name} is cut off");
                self.leave(name);
                self.waiters.remove(&name);
            }
        }
    }

    /// One goes, and what it was handed goes back.
    fn leave(&mut self, name: u64) {
        let waiter = &self.waiters[&name];
        if waiter.handed {
            self.rules.free += waiter.count;
            self.settle();
            return;
        }
        let before = self.rules.line.len();
        self.rules.line.retain(|at| *at != name);
        if self.rules.line.len() < before {
            self.settle();
        }
    }

    /// First come, first served; who is cancelled has left.
    fn settle(&mut self) {
        while let Some(first) = self.rules.line.front() {
            let waiter = self.waiters.get_mut(first).expect("it waits");
            if !waiter.cancelled {
                let Some(left) = self.rules.free.checked_sub(waiter.count) else {
                    return;
                };
                self.rules.free = left;
                waiter.handed = true;
            }
            self.rules.line.pop_front();
        }
    }

    fn check(&self) {
        let statistics = self.semaphore.statistics();
        assert_eq!(statistics.available, self.rules.free);
        assert_eq!(statistics.tasks_waiting, self.rules.line.len());
        let handed = self.waiters.values().filter(|waiter| waiter.handed);
        let handed: usize = handed.map(|waiter| waiter.count).sum();
        let held: usize = self.permits.iter().map(OwnedPermit::count).sum();
        assert_eq!(statistics.held, handed + held);
    }
}

#[test]
fn semaphores_are_fair_and_lose_nothing() {
    for seed in 0..programs() {
        run(async {
            let mut random = Random::new(seed);
            let free = random.below(4) as usize;
            let mut program = Program {
                random,
                semaphore: Rc::new(Semaphore::new(free)),
                rules: Rules {
                    free,
                    line: VecDeque::new(),
                },
                waiters: BTreeMap::new(),
                permits: Vec::new(),
                next: 0,
            };
            for _ in 0..60 {
                program.step().await;
                program.check();
            }
            program.waiters.clear();
            program.permits.clear();
            let statistics = program.semaphore.statistics();
            assert_eq!((statistics.held, statistics.tasks_waiting), (0, 0));
        });
    }
}
