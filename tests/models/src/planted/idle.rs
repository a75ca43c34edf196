//! Idle threads and their seats, with a bug.

use std::sync::Arc;
use std::time::Duration;

use crate::models::Seats;
use crate::prim::{Mutex, Parker, Unparker};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bug {
    /// Who has waited long enough goes, though its seat may have been taken from the stack.
    LeavesAnyway,
    /// The thread is unparked before the job is in its seat.
    UnparksFirst,
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
    unparker: Unparker,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Planted {
        Planted {
            state: Mutex::new(State::default()),
            bug,
        }
    }

    fn fill(&self, seat: &Seat, next: Option<u32>) {
        if self.bug == Bug::UnparksFirst {
            seat.unparker.unpark();
            *seat.next.lock().unwrap() = Some(next);
        } else {
            *seat.next.lock().unwrap() = Some(next);
            seat.unparker.unpark();
        }
    }
}

impl Seats for Planted {
    type Sitter = (Arc<Seat>, Parker);

    fn sitter() -> Self::Sitter {
        let parker = Parker::new();
        let seat = Seat {
            next: Mutex::new(None),
            unparker: parker.unparker(),
        };
        (Arc::new(seat), parker)
    }

    fn assign(&self, job: u32) -> bool {
        let seat = self.state.lock().unwrap().seats.pop();
        let Some(seat) = seat else { return false };
        self.fill(&seat, Some(job));
        true
    }

    fn sit(&self, (seat, _): &Self::Sitter) {
        let mut state = self.state.lock().unwrap();
        if state.closed && self.bug != Bug::SitsAfterClose {
            drop(state);
            return self.fill(seat, None);
        }
        state.seats.push(Arc::clone(seat));
    }

    fn wait(&self, (seat, parker): &Self::Sitter, patience: Duration) -> Option<u32> {
        loop {
            let next = seat.next.lock().unwrap().take();
            if let Some(next) = next {
                return next;
            }
            if parker.park_timeout(patience) {
                continue;
            }
            let mut state = self.state.lock().unwrap();
            let at = state
                .seats
                .iter()
                .position(|other| Arc::ptr_eq(other, seat));
            if let Some(at) = at {
                state.seats.remove(at);
                return None;
            }
            if self.bug == Bug::LeavesAnyway {
                return None;
            }
        }
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
