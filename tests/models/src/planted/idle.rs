//! Idle threads and their seats, with a bug.

use std::sync::Arc;
use std::time::Duration;

use crate::models::Seats;
use crate::prim::{Mutex, Ordering, Word};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// Who has waited long enough goes, though its seat may have been taken from the stack.
    LeavesAnyway,
    /// The thread is woken before the job is in its seat.
    WakesFirst,
    /// Whoever waits says so by a store.
    ParksByAStore,
    /// A thread becomes idle though nobody will have anything for it.
    SitsAfterClose,
}

pub(crate) struct Planted {
    state: Mutex<State>,
    bug: Bug,
}

#[derive(Default)]
struct State {
    seats: Vec<Arc<Seat>>,
    closed: bool,
}

pub(crate) struct Seat {
    next: Mutex<Option<Option<u32>>>,
    state: Word,
}

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const FILLED: u32 = 2;

impl Seat {
    fn wake(&self) {
        if self.state.swap(FILLED, Ordering::AcqRel) == PARKED {
            self.state.wake();
        }
    }
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: Mutex::new(State::default()),
            bug,
        }
    }

    fn fill(&self, seat: &Seat, next: Option<u32>) {
        if self.bug == Bug::WakesFirst {
            seat.wake();
            *seat.next.lock().unwrap() = Some(next);
        } else {
            *seat.next.lock().unwrap() = Some(next);
            seat.wake();
        }
    }

    fn leave(&self, seat: &Arc<Seat>) -> bool {
        let mut state = self.state.lock().unwrap();
        let is_ours = |other: &Arc<Seat>| Arc::ptr_eq(other, seat);
        let at = state.seats.iter().position(is_ours);
        at.map(|at| state.seats.remove(at)).is_some() || self.bug == Bug::LeavesAnyway
    }
}

impl Seats for Planted {
    type Sitter = Arc<Seat>;

    fn sitter() -> Self::Sitter {
        Arc::new(Seat {
            next: Mutex::new(None),
            state: Word::new(EMPTY),
        })
    }

    fn assign(&self, job: u32) -> bool {
        let seat = self.state.lock().unwrap().seats.pop();
        let Some(seat) = seat else { return false };
        self.fill(&seat, Some(job));
        true
    }

    fn sit(&self, seat: &Self::Sitter) {
        let mut state = self.state.lock().unwrap();
        if state.closed && self.bug != Bug::SitsAfterClose {
            drop(state);
            return self.fill(seat, None);
        }
        state.seats.push(Arc::clone(seat));
    }

    fn wait(&self, seat: &Self::Sitter, patience: Duration) -> Option<u32> {
        let mut patience = Some(patience);
        let parks = match self.bug {
            Bug::ParksByAStore => {
                let is_empty = seat.state.load(Ordering::Acquire) == EMPTY;
                is_empty && seat.state.swap(PARKED, Ordering::AcqRel) != PARKED
            }
            _ => seat.state.change(EMPTY, PARKED),
        };
        while parks && seat.state.load(Ordering::Acquire) == PARKED {
            if seat.state.wait(PARKED, patience) {
                if self.leave(seat) {
                    return None;
                }
                patience = None;
            }
        }
        seat.state.swap(EMPTY, Ordering::AcqRel);
        seat.next.lock().unwrap().take().flatten()
    }

    fn close(&self) {
        let seats = {
            let mut state = self.state.lock().unwrap();
            state.closed = true;
            std::mem::take(&mut state.seats)
        };
        for seat in seats {
            self.fill(&seat, None);
        }
    }
}
