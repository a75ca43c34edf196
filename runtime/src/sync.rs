//! Locks, semaphores, events and their like, for the tasks of one run.
//!
//! What they have in common:
//!
//! * **Fair.** Whoever waits first is served first, and nobody overtakes: a release hands the lock or the
//!   permit over to the first waiter in the same moment, so that `try_acquire` fails meanwhile, even for
//!   the one who released it.
//! * **Checkpoints.** Everything that is awaited is one, also when it could go on at once: in a cancelled
//!   context it has no effect. What begins with `try_` is none.
//! * **Nothing is lost.** A waiter that is dropped or cancelled leaves no trace. One that had been handed
//!   something before it was cancelled gets it; one that is dropped then passes it on. A waiter that was
//!   cancelled first is passed over.
//! * **No poisoning.** Guards release when they are dropped, also by a panic. A guard that is leaked with
//!   `mem::forget` keeps what it holds for ever.
//! * They are not `Send` and use no atomics; a run has one thread. They may be made and used outside a run
//!   too, under any executor.
//!
//! [`ParkingLot`] is what they are built on, by its public functions alone: use it for your own.

mod barrier;
mod borrower;
mod capacity_limiter;
mod condition;
mod event;
mod lock;
mod parking_lot;
mod promise;
mod rw_lock;
mod semaphore;
mod turn;

pub use barrier::{Barrier, BarrierStatistics, BarrierWait};
pub use borrower::Borrower;
pub use capacity_limiter::{
    AcquireToken, AlreadyBorrowed, CapacityLimiter, CapacityLimiterStatistics, Token,
    TryAcquireError,
};
pub use condition::{Condition, ConditionStatistics, ConditionWait};
pub use event::{Event, EventStatistics, EventWait};
pub use lock::{Acquire, Lock, LockGuard, LockStatistics};
pub use parking_lot::{Park, ParkingLot, ParkingLotStatistics};
pub use promise::{Promise, PromiseStatistics, PromiseWait};
pub use rw_lock::{Read, ReadGuard, RwLock, RwLockStatistics, Write, WriteGuard};
pub use semaphore::{
    AcquirePermits, OwnedPermit, Permit, Semaphore, SemaphoreStatistics, TooManyPermits,
};
