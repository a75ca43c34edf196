//! Who holds a lock, without what it protects.
//!
//! ```text
//!          acquire                release, and nobody waits
//! 1 free ----------> 2 locked --------------------------------> 1 free
//!                      | release, and somebody waits: it stays locked, for the first of them
//!                      +-----------> 2 locked
//! ```
//!
//! So while it is free, nobody waits who is not about to be cut off.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::LockLot;
use crate::sync::parking_lot::ParkingLot;
use crate::sync::turn::{Abandoned, Turn};
use crate::task_id::TaskId;

pub(crate) struct RawLock {
    locked: Cell<bool>,
    owner: Cell<Option<TaskId>>,
    /// Whether owners are noted at all.
    owned: bool,
    lot: LockLot,
}

impl RawLock {
    #[track_caller]
    pub(super) const fn new(owned: bool) -> RawLock {
        RawLock {
            locked: Cell::new(false),
            owner: Cell::new(None),
            owned,
            lot: ParkingLot::new("the lock"),
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked.get()
    }

    pub(super) fn owner(&self) -> Option<TaskId> {
        self.owner.get()
    }

    pub(crate) fn lot(&self) -> &LockLot {
        &self.lot
    }

    /// What the caller would be called as its owner.
    #[inline]
    pub(crate) fn me(&self) -> Option<TaskId> {
        if self.owned { TaskId::current() } else { None }
    }

    pub(crate) fn try_take(&self, owner: Option<TaskId>) -> bool {
        if self.locked.replace(true) {
            return false;
        }
        self.owner.set(owner);
        true
    }

    #[inline]
    pub(crate) fn poll_acquire(
        &self,
        turn: &mut Turn<Option<TaskId>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        turn.poll(
            cx,
            &self.lot,
            || !self.locked.get() && self.try_take(self.me()),
            || self.who_waits(),
            || self.settle(),
        )
    }

    fn who_waits(&self) -> Option<TaskId> {
        let me = self.me();
        if let (Some(me), true) = (me, me == self.owner.get()) {
            let site = self.lot.site();
            panic!(
                "the task {me} waits for the lock made at {}:{}, which it holds itself, and so \
                 would wait for ever: drop the guard first. If several branches of one task share \
                 the lock (`join!`, `select!`), or if the guard was handed to another task, make it \
                 with `Lock::unowned`",
                site.file(),
                site.line(),
            );
        }
        me
    }

    /// Hands it over to the first who waits.
    #[inline]
    pub(crate) fn release(&self) {
        self.locked.set(false);
        self.owner.set(None);
        self.settle();
    }

    /// Hands it over if it is free, and somebody waits. Whether it did.
    #[inline]
    pub(crate) fn settle(&self) -> bool {
        !self.locked.get() && self.lot.unpark_first(|owner| self.try_take(owner))
    }

    #[inline]
    pub(crate) fn abandon(&self, turn: &mut Turn<Option<TaskId>>) {
        if turn.abandon() == Abandoned::Handed {
            self.release();
        }
    }
}
