//! On whose behalf something is borrowed.

use std::cell::Cell;

use crate::task_id::TaskId;

/// Who borrows a token of a [`CapacityLimiter`](super::CapacityLimiter): a task, a number that means
/// something to the program, or somebody of whom nothing is known but that it is nobody else.
///
/// ```
/// use nestling_runtime::sync::Borrower;
///
/// let connection: u64 = 17;
/// assert_eq!(Borrower::from(connection), Borrower::from(17));
/// assert_ne!(Borrower::new(), Borrower::new());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Borrower(Who);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Task(TaskId),
    Number(u64),
    Unique(u64),
}

impl Borrower {
    /// Somebody new.
    #[expect(
        clippy::new_without_default,
        reason = "each is another one, which is not what a default is"
    )]
    #[must_use]
    pub fn new() -> Borrower {
        thread_local! {
            static NEXT: Cell<u64> = const { Cell::new(0) };
        }
        let number = NEXT.get();
        NEXT.set(number + 1);
        Borrower(Who::Unique(number))
    }

    /// The current task, or outside a run, somebody new.
    #[must_use]
    pub fn current() -> Borrower {
        TaskId::current().map_or_else(Borrower::new, Borrower::from)
    }
}

impl From<TaskId> for Borrower {
    fn from(task: TaskId) -> Borrower {
        Borrower(Who::Task(task))
    }
}

impl From<u64> for Borrower {
    fn from(number: u64) -> Borrower {
        Borrower(Who::Number(number))
    }
}
