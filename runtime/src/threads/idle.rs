//! Threads that have nothing to do, and how they get work.
//!
//! Each has a *seat*, and lays it on a stack when it becomes idle. Whoever has work pops the topmost,
//! puts the work into it, and wakes the thread, which waits for the word of its seat. So a seat on the stack is empty, and one that has been
//! popped will be filled: a thread that has waited long enough may go only if it can take its own seat
//! from the stack.

use std::mem;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::prim::{Mutex, Ordering, Word};

pub(crate) struct Idle<J> {
    state: Mutex<State<J>>,
}

struct State<J> {
    /// Those on top were busy last: their caches are warm, and those below can come to an end.
    seats: Vec<Arc<Seat<J>>>,
    closed: bool,
}

struct Seat<J> {
    next: Mutex<Next<J>>,
    /// One of the three below.
    state: Word,
}

/// Its thread works, or is about to wait.
const EMPTY: u32 = 0;
/// Its thread waits.
const PARKED: u32 = 1;
/// Something is in it that the thread has not taken yet.
const FILLED: u32 = 2;

enum Next<J> {
    Nothing,
    Job(J),
    /// There will be no more.
    End,
}

/// What a thread keeps of its own.
pub(crate) struct Sitter<J> {
    seat: Arc<Seat<J>>,
}

impl<J> Sitter<J> {
    pub(crate) fn new() -> Sitter<J> {
        let seat = Seat {
            next: Mutex::new(Next::Nothing),
            state: Word::new(EMPTY),
        };
        Sitter {
            seat: Arc::new(seat),
        }
    }
}

impl<J> Seat<J> {
    fn fill(&self, next: Next<J>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
        if self.state.swap(FILLED, Ordering::AcqRel) == PARKED {
            self.state.wake();
        }
    }

    fn take(&self) -> Next<J> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut *next, Next::Nothing)
    }
}

impl<J> Idle<J> {
    pub(crate) fn new() -> Idle<J> {
        Idle {
            state: Mutex::new(State {
                seats: Vec::new(),
                closed: false,
            }),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State<J>) -> R) -> R {
        // Nothing below panics while it holds the lock.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the job to the thread that became idle last; back if there is none.
    pub(crate) fn assign(&self, job: J) -> Result<(), J> {
        match self.with(|state| state.seats.pop()) {
            Some(seat) => {
                seat.fill(Next::Job(job));
                Ok(())
            }
            None => Err(job),
        }
    }

    /// Marks the thread as idle, though it may have something to finish before it calls `wait`.
    pub(crate) fn sit(&self, sitter: &Sitter<J>) {
        let closed = self.with(|state| {
            if !state.closed {
                state.seats.push(Arc::clone(&sitter.seat));
            }
            state.closed
        });
        if closed {
            sitter.seat.fill(Next::End);
        }
    }

    /// Waits for a job, after `sit`. `None`: the thread is to end, since it has waited for `patience`,
    /// or since there will be no more.
    pub(crate) fn wait(&self, sitter: &Sitter<J>, patience: Duration) -> Option<J> {
        let seat = &sitter.seat;
        let mut patience = Some(patience);
        if seat.state.change(EMPTY, PARKED) {
            while seat.state.load(Ordering::Acquire) == PARKED {
                if seat.state.wait(PARKED, patience) {
                    if self.leave(seat) {
                        return None;
                    }
                    // It will be filled, whenever that is.
                    patience = None;
                }
            }
        }
        seat.state.swap(EMPTY, Ordering::AcqRel);
        match seat.take() {
            Next::Job(job) => Some(job),
            Next::End | Next::Nothing => None,
        }
    }

    /// Takes the seat from the stack; `false`: somebody else has, and is about to fill it.
    fn leave(&self, seat: &Arc<Seat<J>>) -> bool {
        self.with(|state| {
            let at = state
                .seats
                .iter()
                .position(|other| Arc::ptr_eq(other, seat));
            at.map(|at| state.seats.remove(at)).is_some()
        })
    }

    /// Has every idle thread end, and every other one when it would become idle.
    pub(crate) fn close(&self) {
        let seats = self.with(|state| {
            state.closed = true;
            mem::take(&mut state.seats)
        });
        for seat in seats {
            seat.fill(Next::End);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|state| state.seats.len())
    }
}
