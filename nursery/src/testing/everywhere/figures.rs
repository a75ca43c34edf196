//! What lives in a run.

use nestling_runtime::statistics;

/// Of each kind, how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    frames: usize,
    timers: usize,
    sources: usize,
    waiting: usize,
    threads: usize,
    messages: usize,
}

impl Figures {
    /// Those of this thread's run.
    pub(super) fn now() -> Figures {
        let now = statistics();
        Figures {
            frames: now.frames,
            timers: now.timers,
            sources: now.io.sources,
            waiting: now.io.tasks_waiting_read + now.io.tasks_waiting_write,
            threads: now.threads,
            messages: now.inbox,
        }
    }

    /// Whether something is under way that comes to its end by itself: threads, and what they sent.
    pub(super) fn is_settling(&self) -> bool {
        self.threads > 0 || self.messages > 0
    }

    /// What a program left, a line each, of that which must be gone as soon as its future is.
    pub(super) fn left_since(&self, before: &Figures) -> Vec<String> {
        lines([
            (
                self.frames.saturating_sub(before.frames),
                "frame (a task, a nursery or a scope)",
            ),
            (
                self.timers.saturating_sub(before.timers),
                "timer (a sleep or a deadline)",
            ),
            (
                self.sources.saturating_sub(before.sources),
                "source (a socket, or what else the run watches)",
            ),
            (
                self.waiting.saturating_sub(before.waiting),
                "task that waits for a source",
            ),
        ])
    }

    /// What is there though it had the time to end.
    pub(super) fn unsettled(&self) -> Vec<String> {
        lines([
            (self.threads, "thread that works for the run"),
            (self.messages, "message of another thread"),
        ])
    }
}

fn lines<const N: usize>(counts: [(usize, &str); N]) -> Vec<String> {
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, kind)| format!("{count} × {kind}"))
        .collect()
}
