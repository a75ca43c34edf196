//! The live tree of nurseries and tasks, as text.

use std::fmt;
use std::time::Instant;

use crate::core;
use crate::frames::{self, FrameId};
use crate::label::{FrameKind, Label};
use crate::notes;

/// So many lines of a tree are shown.
const LINES_MAX: usize = 500;

/// So many things that one frame waits for are shown.
const WAITS_MAX: usize = 5;

/// The tree of a run at one moment: nurseries, tasks and scopes, where each was made and since when it
/// has been there, and, in a [watched](crate::Builder::detect_deadlock) run, what it waits for.
///
/// `Display` draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTree {
    text: String,
}

/// The tree of this thread's run, as it is now.
///
/// ```
/// # nestling_runtime::run(async {
/// let tree = nestling_runtime::task_tree().to_string();
/// assert!(tree.starts_with("main "));
/// # });
/// ```
///
/// # Panics
/// Outside a run.
#[must_use]
#[track_caller]
pub fn task_tree() -> TaskTree {
    let now = core::current().now();
    let current = frames::current();
    let root = current.map(frames::root);
    TaskTree::below(root, now)
}

impl TaskTree {
    pub(crate) fn below(root: Option<FrameId>, now: Instant) -> TaskTree {
        let mut text = String::new();
        let mut lines = 0;
        // What is still to be drawn, the next one last: a frame, what leads the lines below the one
        // around it, and whether it is the last child there.
        let mut stack: Vec<(FrameId, Option<(String, bool)>)> =
            root.map(|root| (root, None)).into_iter().collect();
        while let Some((frame, place)) = stack.pop() {
            lines += 1;
            if lines > LINES_MAX {
                let rest = stack.len() + 1;
                text.push_str(&format!("… and {rest} or more\n"));
                break;
            }
            let below = match &place {
                None => String::new(),
                Some((lead, is_last)) => {
                    text.push_str(lead);
                    text.push_str(if *is_last { "└─ " } else { "├─ " });
                    format!("{lead}{}", if *is_last { "   " } else { "│  " })
                }
            };
            if let Some(label) = frames::label(frame) {
                text.push_str(&describe(&label, frame, now));
            }
            text.push('\n');
            // Linked in front, so the youngest comes first here, and is drawn last.
            let children = frames::children(frame);
            for (index, child) in children.into_iter().enumerate() {
                stack.push((child, Some((below.clone(), index == 0))));
            }
        }
        text.truncate(text.trim_end().len());
        TaskTree { text }
    }
}

fn describe(label: &Label, frame: FrameId, now: Instant) -> String {
    let kind = match label.kind() {
        FrameKind::Main => "main",
        FrameKind::Nursery => "nursery",
        FrameKind::Body => "body",
        FrameKind::Task => "task",
        FrameKind::Scope => "scope",
    };
    let mut line = kind.to_owned();
    let is_named = label.given_name().is_some();
    if is_named || matches!(label.kind(), FrameKind::Main | FrameKind::Task) {
        line.push_str(&format!(" `{}`", label.name()));
    }
    line.push_str(&format!(
        " ({}:{})",
        label.site().file(),
        label.site().line()
    ));
    if let Some(since) = label.since() {
        let age = now.saturating_duration_since(since);
        if !age.is_zero() {
            line.push_str(&format!(", for {age:?}"));
        }
    }
    if frames::is_live_and_effective(frame) {
        line.push_str(", cancelled");
    }
    let (mut words, are_old) = notes::words(frame);
    words.dedup();
    if is_running(frame) {
        line.push_str(", running");
    } else if !words.is_empty() {
        line.push_str(if are_old {
            ", last said to wait for "
        } else {
            ", waits for "
        });
        let shown: Vec<&str> = words.iter().take(WAITS_MAX).map(String::as_str).collect();
        line.push_str(&shown.join(" and for "));
        if words.len() > WAITS_MAX {
            line.push_str(&format!(" and for {} more", words.len() - WAITS_MAX));
        }
    }
    line
}

/// Whether the frame is being polled; what it waited for is over then.
fn is_running(frame: FrameId) -> bool {
    frames::current()
        .and_then(|current| frames::nearest(current, |around| around == frame))
        .is_some()
}

impl fmt::Display for TaskTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
