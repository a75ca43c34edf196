//! A place where tasks wait for each other.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::parking_lot::ParkingLot;
use super::turn::Turn;

/// Lets tasks go on only when a certain number of them have come, and then begins again.
///
/// ```
/// use nestling_runtime::sync::Barrier;
///
/// nestling_runtime::run(async {
///     let alone = Barrier::new(1);
///     let is_leader = alone.wait().await;
///     assert!(is_leader);
/// });
/// ```
pub struct Barrier {
    size: usize,
    rounds: Cell<u64>,
    lot: ParkingLot,
}

impl Barrier {
    /// One that opens for `size` tasks at a time. With 0 or 1, nobody waits.
    #[track_caller]
    #[must_use]
    pub const fn new(size: usize) -> Barrier {
        Barrier {
            size,
            rounds: Cell::new(0),
            lot: ParkingLot::new("the barrier"),
        }
    }

    /// How many it opens for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Waits until as many have come as it opens for. One of each round gets `true`: it is the leader,
    /// namely the one that came last.
    ///
    /// # Cancel and drop
    /// A checkpoint, also for the last one. Who is dropped or cancelled while it waits has not come: the
    /// others wait for somebody else. Cancelled after the barrier has opened, it goes on.
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait {
            barrier: self,
            turn: Turn::new(),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> BarrierStatistics {
        BarrierStatistics {
            size: self.size,
            tasks_waiting: self.lot.len(),
            rounds: self.rounds.get(),
        }
    }

    /// Opens it if the caller is the last one.
    fn open(&self) -> bool {
        let others = self.size.saturating_sub(1);
        // Who has been cancelled has left, even if it is still to be cut off; there is no need to look
        // for those before it matters.
        if self.lot.len() < others || self.lot.dismiss_cancelled() < others {
            return false;
        }
        self.rounds.set(self.rounds.get() + 1);
        self.lot.unpark(others);
        true
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("tasks_waiting", &self.lot.len())
            .field("rounds", &self.rounds.get())
            .finish()
    }
}

/// The state of a [`Barrier`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BarrierStatistics {
    /// How many it opens for.
    pub size: usize,
    /// Futures that have come and wait.
    pub tasks_waiting: usize,
    /// How often it has opened.
    pub rounds: u64,
}

/// The future of [`Barrier::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    turn: Turn<()>,
}

impl Future for BarrierWait<'_> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let barrier = self.barrier;
        let is_leader = Cell::new(false);
        let open = || {
            is_leader.set(barrier.open());
            is_leader.get()
        };
        let poll = self.turn.poll(cx, &barrier.lot, open, || (), || false);
        poll.map(|()| is_leader.get())
    }
}
