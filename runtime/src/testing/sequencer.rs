//! An order across tasks.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker, ready};

use crate::checkpoint::poll_proceed;
use crate::panics::wake_all;
use crate::waits::waits_for;

/// Fixes the order in which tasks pass certain points, so that a test plays one interleaving and no
/// other.
///
/// ```
/// use nestling_runtime::testing::Sequencer;
///
/// # use std::cell::RefCell;
/// # use std::future::{Future, poll_fn};
/// # use std::pin::pin;
/// # use std::task::Poll;
/// # async fn both(one: impl Future<Output = ()>, two: impl Future<Output = ()>) {
/// #     let (mut one, mut two) = (pin!(one), pin!(two));
/// #     let (mut first, mut second) = (false, false);
/// #     poll_fn(|cx| {
/// #         first = first || one.as_mut().poll(cx).is_ready();
/// #         second = second || two.as_mut().poll(cx).is_ready();
/// #         if first && second { Poll::Ready(()) } else { Poll::Pending }
/// #     }).await;
/// # }
/// # nestling_runtime::run(async {
/// let order = Sequencer::new();
/// let said = RefCell::new(Vec::new());
/// let one = async {
///     let turn = order.at(1).await;
///     said.borrow_mut().push("second");
///     drop(turn); // now it is the turn of 2
///     let _turn = order.at(2).await;
///     said.borrow_mut().push("third");
/// };
/// let two = async {
///     let _turn = order.at(0).await;
///     said.borrow_mut().push("first");
/// };
/// both(one, two).await; // two tasks of a nursery, say
/// assert_eq!(said.into_inner(), ["first", "second", "third"]);
/// # });
/// ```
///
/// Clones are the same sequencer. If a task is cut off while it waits for its turn, nobody behind it
/// could ever go on; so the sequencer breaks, and the others panic.
#[derive(Clone, Default)]
pub struct Sequencer {
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Whose turn it is.
    next: Cell<u64>,
    busy: Cell<bool>,
    broken: Cell<bool>,
    used: RefCell<BTreeSet<u64>>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

/// The turn of one [number](Sequencer::at); the next one's begins when it is dropped.
#[derive(Debug)]
#[must_use = "the next turn begins when this is dropped"]
pub struct Turn {
    sequencer: Sequencer,
}

impl Sequencer {
    /// One at whose 0 nobody has been.
    #[must_use]
    pub fn new() -> Sequencer {
        Sequencer::default()
    }

    /// Waits until it is the turn of `number`: 0 comes first, and each number after the one before has
    /// dropped its turn.
    ///
    /// # Cancel and drop
    /// A checkpoint. Dropped while it waits, it breaks the sequencer.
    ///
    /// # Panics
    /// If `number` was used before, or the sequencer is broken.
    pub async fn at(&self, number: u64) -> Turn {
        let mut waits = None;
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            if waits.is_none() {
                let new = self.state.used.borrow_mut().insert(number);
                assert!(new, "Sequencer: somebody has been at {number} before");
                waits = Some(Wait {
                    state: &self.state,
                    number,
                    done: false,
                });
            }
            let state = &self.state;
            if state.broken.get() {
                if let Some(wait) = &mut waits {
                    wait.done = true;
                }
                panic!(
                    "Sequencer: a task was cut off while it waited for its turn, so {number} never comes"
                );
            }
            if state.next.get() == number && !state.busy.get() {
                state.busy.set(true);
                if let Some(wait) = &mut waits {
                    wait.done = true;
                }
                return Poll::Ready(());
            }
            let waker = crate::own_waker(cx);
            let old = state.waiting.borrow_mut().insert(number, waker);
            drop(old);
            waits_for(|| format!("turn {number} of a sequencer that is at {}", state.next.get()));
            Poll::Pending
        })
        .await;
        drop(waits);
        Turn {
            sequencer: self.clone(),
        }
    }
}

/// Breaks the sequencer if it is dropped before its turn.
struct Wait<'a> {
    state: &'a State,
    number: u64,
    done: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let own = self.state.waiting.borrow_mut().remove(&self.number);
        drop(own);
        if !self.done {
            self.state.broken.set(true);
            let waiting = self.state.waiting.take();
            wake_all(waiting.into_values());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let state = &self.sequencer.state;
        let next = state.next.get() + 1;
        state.next.set(next);
        state.busy.set(false);
        let waker = state.waiting.borrow_mut().remove(&next);
        wake_all(waker);
    }
}

impl fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer")
            .field("next", &self.state.next.get())
            .field("waiting", &self.state.waiting.borrow().len())
            .field("broken", &self.state.broken.get())
            .finish()
    }
}
