use std::sync::atomic::{AtomicUsize, Ordering};

/// Tasks in a tree of the given depth: 10 + 100 + …
pub const TREE_BRANCHES: usize = 10;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many tasks have been started and have not been dropped.
pub struct Live;

impl Live {
    /// The number.
    #[must_use]
    pub fn count() -> usize {
        LIVE.load(Ordering::Relaxed)
    }

    /// How many tasks a tree of this depth has.
    #[must_use]
    pub fn in_tree(depth: usize) -> usize {
        (1..=depth)
            .map(|level| TREE_BRANCHES.pow(level as u32))
            .sum()
    }

    /// Counts one until it is dropped.
    #[must_use]
    pub fn guard() -> LiveGuard {
        LIVE.fetch_add(1, Ordering::Relaxed);
        LiveGuard
    }
}

/// A live task.
pub struct LiveGuard;

impl Drop for LiveGuard {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}
