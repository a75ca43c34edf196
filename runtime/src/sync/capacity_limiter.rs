//! How many may do something at a time, and who they are.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use thiserror::Error;

use super::borrower::Borrower;
use super::parking_lot::ParkingLot;
use super::turn::{Abandoned, Turn};
use crate::testing::Held;

/// Limits how many do something at a time. Unlike with a [`Semaphore`](super::Semaphore), it is known who
/// has a token, nobody has two, and the limit may be changed at any time.
///
/// ```
/// use nestling_runtime::sync::CapacityLimiter;
///
/// # fn main() -> Result<(), nestling_runtime::sync::AlreadyBorrowed> {
/// nestling_runtime::run(async {
///     let workers = CapacityLimiter::new(2);
///     let _one = workers.acquire().await?;
///     let two = workers.acquire_on_behalf_of(17).await?;
///     assert_eq!(workers.available(), 0);
///     workers.set_total(1); // nobody loses anything by that
///     assert_eq!(workers.available(), -1);
///     drop(two);
///     assert_eq!(workers.available(), 0);
///     Ok(())
/// })
/// # }
/// ```
pub struct CapacityLimiter {
    total: Cell<usize>,
    borrowed: Cell<usize>,
    /// Those who have a token, and those who wait for one.
    borrowers: RefCell<HashMap<Borrower, Stage>>,
    lot: ParkingLot<Borrower>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Borrowing,
}

impl CapacityLimiter {
    /// One with `total` tokens. With 0, everybody waits; with `usize::MAX`, nobody ever does.
    #[track_caller]
    #[must_use]
    pub fn new(total: usize) -> CapacityLimiter {
        CapacityLimiter {
            total: Cell::new(total),
            borrowed: Cell::new(0),
            borrowers: RefCell::default(),
            lot: ParkingLot::new("a token of the capacity limiter"),
        }
    }

    /// How many tokens there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total.get()
    }

    /// Changes how many tokens there are. Raising it hands the new ones to those who wait, exactly as many.
    /// Lowering it takes nothing away from anybody: tokens that come back are handed out again only when
    /// fewer than `total` are borrowed.
    pub fn set_total(&self, total: usize) {
        self.total.set(total);
        self.settle();
    }

    /// How many tokens are borrowed.
    #[must_use]
    pub fn borrowed(&self) -> usize {
        self.borrowed.get()
    }

    /// How many tokens can be had: less than zero if more are borrowed than there are by now, and
    /// `isize::MAX` if there is no limit.
    #[must_use]
    pub fn available(&self) -> isize {
        let (total, borrowed) = (self.total.get(), self.borrowed.get());
        let signed = |count| isize::try_from(count).unwrap_or(isize::MAX);
        match total.checked_sub(borrowed) {
            _ if total == usize::MAX => isize::MAX,
            Some(free) => signed(free),
            None => -signed(borrowed - total),
        }
    }

    /// Waits for a token for the current [task](crate::TaskId).
    ///
    /// # Errors
    /// The task has one already, or waits for one. Branches of one task (`join!`, `select!`) are one
    /// borrower here: let them acquire on behalf of a [`Borrower::new`] each.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if there are tokens. Cut off or dropped, it leaves the line; if it had been handed
    /// a token already, that goes on to the next. Cancelled after it was handed one, it gets it.
    pub fn acquire(&self) -> AcquireToken<'_> {
        // Which task that is, is known when it is polled.
        AcquireToken::new(self, None)
    }

    /// Waits for a token for somebody else than the current task.
    ///
    /// # Errors
    /// They have one already, or wait for one.
    ///
    /// # Cancel and drop
    /// As [`acquire`](Self::acquire).
    pub fn acquire_on_behalf_of(&self, borrower: impl Into<Borrower>) -> AcquireToken<'_> {
        AcquireToken::new(self, Some(borrower.into()))
    }

    /// A token for the current task, if there is one and nobody waits.
    ///
    /// # Errors
    /// There is none, somebody waits, or the task has one already.
    pub fn try_acquire(&self) -> Result<Token<'_>, TryAcquireError> {
        self.try_acquire_on_behalf_of(Borrower::current())
    }

    /// A token for somebody else than the current task, if there is one and nobody waits.
    ///
    /// # Errors
    /// There is none, somebody waits, or they have one already.
    pub fn try_acquire_on_behalf_of(
        &self,
        borrower: impl Into<Borrower>,
    ) -> Result<Token<'_>, TryAcquireError> {
        let borrower = borrower.into();
        self.check(borrower)?;
        match self.take(borrower) {
            true => Ok(self.token(borrower)),
            false => Err(TryAcquireError::NoneFree {
                total: self.total.get(),
                borrowed: self.borrowed.get(),
            }),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> CapacityLimiterStatistics {
        let borrowers = self.borrowers.borrow();
        let borrowing = borrowers
            .iter()
            .filter(|(_, stage)| **stage == Stage::Borrowing)
            .map(|(borrower, _)| *borrower);
        CapacityLimiterStatistics {
            total: self.total.get(),
            borrowed: self.borrowed.get(),
            borrowers: borrowing.collect(),
            tasks_waiting: self.lot.len(),
        }
    }

    fn token(&self, borrower: Borrower) -> Token<'_> {
        Token {
            limiter: self,
            borrower,
            _counted: Held::new(),
        }
    }

    fn check(&self, borrower: Borrower) -> Result<(), AlreadyBorrowed> {
        match self.borrowers.borrow().get(&borrower) {
            None => Ok(()),
            Some(stage) => Err(AlreadyBorrowed {
                borrower,
                is_waiting: *stage == Stage::Waiting,
            }),
        }
    }

    fn take(&self, borrower: Borrower) -> bool {
        if !self.lot.is_empty() {
            // Those who have been cancelled, and are still to be cut off, keep nobody out.
            self.settle();
        }
        self.lot.is_empty() && self.take_free(borrower)
    }

    fn take_free(&self, borrower: Borrower) -> bool {
        if self.borrowed.get() >= self.total.get() {
            return false;
        }
        self.borrowed.set(self.borrowed.get() + 1);
        self.set_stage(borrower, Stage::Borrowing);
        true
    }

    fn set_stage(&self, borrower: Borrower, stage: Stage) {
        self.borrowers.borrow_mut().insert(borrower, stage);
    }

    fn forget(&self, borrower: Borrower) {
        self.borrowers.borrow_mut().remove(&borrower);
    }

    fn give_back(&self, borrower: Borrower) {
        self.forget(borrower);
        self.borrowed.set(self.borrowed.get() - 1);
        self.settle();
    }

    /// Hands out what is free, first come, first served. Whether anybody was served.
    fn settle(&self) -> bool {
        self.lot.unpark_while(|borrower| self.take_free(borrower)) > 0
    }
}

impl fmt::Debug for CapacityLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityLimiter")
            .field("total", &self.total.get())
            .field("borrowed", &self.borrowed.get())
            .field("tasks_waiting", &self.lot.len())
            .finish_non_exhaustive()
    }
}

/// The state of a [`CapacityLimiter`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityLimiterStatistics {
    /// Tokens in all.
    pub total: usize,
    /// Tokens that are borrowed, or have been handed to a waiter that has not been polled since.
    pub borrowed: usize,
    /// Who has them, in no particular order.
    pub borrowers: Vec<Borrower>,
    /// Futures that wait for a token.
    pub tasks_waiting: usize,
}

/// A borrower asked a [`CapacityLimiter`] for a second token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{borrower:?} {} of this capacity limiter, and nobody gets two: give the first one back before, or \
     acquire on behalf of a `Borrower::new()`",
    if *.is_waiting { "waits already for a token" } else { "has a token already" }
)]
#[non_exhaustive]
pub struct AlreadyBorrowed {
    /// Who it was.
    pub borrower: Borrower,
    /// Whether they still wait for the first one.
    pub is_waiting: bool,
}

/// Why no token could be had at once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// There is none, or others wait for it.
    #[error(
        "no token is free at the moment: {borrowed} of {total} are borrowed, or others wait already; \
         `acquire` waits for one"
    )]
    #[non_exhaustive]
    NoneFree {
        /// Tokens in all.
        total: usize,
        /// Tokens that are borrowed.
        borrowed: usize,
    },
    /// The borrower has one.
    #[error(transparent)]
    AlreadyBorrowed(#[from] AlreadyBorrowed),
}

/// A token of a [`CapacityLimiter`], given back when it is dropped.
#[must_use = "a token is given back when it is dropped"]
pub struct Token<'a> {
    limiter: &'a CapacityLimiter,
    borrower: Borrower,
    _counted: Held,
}

impl Token<'_> {
    /// Who has it.
    #[must_use]
    pub fn borrower(&self) -> Borrower {
        self.borrower
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.limiter.give_back(self.borrower);
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?} of {:?})", self.borrower, self.limiter)
    }
}

/// The future of [`CapacityLimiter::acquire`] and its like.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireToken<'a> {
    limiter: &'a CapacityLimiter,
    /// `None` if it is the task that polls.
    wanted_for: Option<Borrower>,
    /// Who waits, while it does.
    waiting: Option<Borrower>,
    turn: Turn<Borrower>,
}

impl<'a> AcquireToken<'a> {
    fn new(limiter: &'a CapacityLimiter, wanted_for: Option<Borrower>) -> AcquireToken<'a> {
        AcquireToken {
            limiter,
            wanted_for,
            waiting: None,
            turn: Turn::new(),
        }
    }
}

impl<'a> Future for AcquireToken<'a> {
    type Output = Result<Token<'a>, AlreadyBorrowed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let limiter = this.limiter;
        let borrower = match this.waiting {
            Some(borrower) => borrower,
            None => this.wanted_for.unwrap_or_else(Borrower::current),
        };
        let is_new = this.waiting.is_none();
        let mut refused = None;
        let taken = this.turn.poll(
            cx,
            &limiter.lot,
            || {
                if is_new {
                    refused = limiter.check(borrower).err();
                }
                refused.is_some() || limiter.take(borrower)
            },
            || {
                limiter.set_stage(borrower, Stage::Waiting);
                this.waiting = Some(borrower);
                borrower
            },
            || limiter.settle(),
        );
        ready!(taken);
        this.waiting = None;
        Poll::Ready(match refused {
            Some(error) => Err(error),
            None => Ok(limiter.token(borrower)),
        })
    }
}

impl Drop for AcquireToken<'_> {
    fn drop(&mut self) {
        let Some(borrower) = self.waiting else { return };
        match self.turn.abandon() {
            Abandoned::Handed => self.limiter.give_back(borrower),
            Abandoned::Nothing => self.limiter.forget(borrower),
            Abandoned::Waiting => {
                self.limiter.forget(borrower);
                self.limiter.settle();
            }
        }
    }
}
