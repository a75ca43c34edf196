//! What lives in a run.

use crate::statistics::statistics;

/// Of each kind, how many.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Figures {
    frames: usize,
    timers: usize,
    sources: usize,
}

impl Figures {
    /// Those of this thread's run.
    pub(in super::super) fn now() -> Figures {
        let now = statistics();
        Figures {
            frames: now.frames,
            timers: now.timers,
            sources: now.io.sources,
        }
    }

    /// What has come since `before`.
    pub(in super::super) fn beyond(&self, before: &Figures) -> Figures {
        Figures {
            frames: self.frames.saturating_sub(before.frames),
            timers: self.timers.saturating_sub(before.timers),
            sources: self.sources.saturating_sub(before.sources),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let kinds = [
            (self.frames, "frame (a task, nursery or scope)"),
            (self.timers, "timer (a sleep or a deadline)"),
            (
                self.sources,
                "source (a socket, or what else the run watches)",
            ),
        ];
        let lines = kinds.iter().filter(|(count, _)| *count > 0);
        lines
            .map(|(count, kind)| {
                format!("{count} × {kind}, whose owner was neither dropped nor ended")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_and_what_is_gone_do_not_count() {
        let figures = |frames, timers, sources| Figures {
            frames,
            timers,
            sources,
        };
        let beyond = figures(3, 1, 2).beyond(&figures(1, 4, 2));
        assert_eq!(beyond, figures(2, 0, 0));
        let lines = beyond.lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("2 × frame"), "{lines:?}");
    }
}
