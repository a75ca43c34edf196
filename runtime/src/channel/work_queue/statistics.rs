//! Figures of a work queue.

/// What a queue is like at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Jobs in the queue.
    pub queued: usize,
    /// How many it holds at most.
    pub capacity: usize,
    /// Jobs in the queue, and those being worked on.
    pub unfinished: usize,
    /// Tasks that wait for room.
    pub tasks_waiting_put: usize,
    /// Tasks that wait for a job.
    pub tasks_waiting_get: usize,
    /// Tasks that wait until all is done.
    pub tasks_waiting_join: usize,
    /// The most that `queued` has ever been.
    pub peak_queued: usize,
}
