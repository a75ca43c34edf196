//! The verdict on a run in which nothing can ever happen again.

use std::fmt;

use crate::tree::TaskTree;

/// Nothing can ever happen again in a run: every task waits, and there is no timer, no socket, no
/// thread and no waker in foreign hands that could wake one.
///
/// Its text is the tree of nurseries and tasks, each with its name, where it was started, and what it
/// waits for. It comes out of [`Builder::try_run`](crate::Builder::try_run) of a run that is
/// [watched](crate::Builder::detect_deadlock).
///
/// ```
/// use nestling_runtime::testing::MockClock;
/// use nestling_runtime::{Builder, RunError, sleep_forever};
///
/// let result = Builder::new().clock(MockClock::new()).try_run(sleep_forever());
/// let Err(RunError::Deadlock(deadlock)) = result else {
///     panic!("it should have been found out");
/// };
/// assert!(deadlock.to_string().contains("waits for ever"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    tree: TaskTree,
}

impl Deadlock {
    pub(crate) fn new(tree: TaskTree) -> Deadlock {
        Deadlock { tree }
    }

    /// What lived in the run.
    #[must_use]
    pub fn tree(&self) -> &TaskTree {
        &self.tree
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "deadlock: every task waits, and no timer, socket, thread or other waker could end that\n{}",
            self.tree
        )
    }
}

impl std::error::Error for Deadlock {}
