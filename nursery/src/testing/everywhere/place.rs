//! Where in the user's code something is done.

use std::backtrace::Backtrace;
use std::fmt;

use nestling_runtime::FrameKind;
use nestling_runtime::testing::Step;

/// So many lines of the user's are shown, the innermost first.
const LINES_MAX: usize = 4;

/// Whose functions tell nothing about the program: the way from one of its lines to the next.
const BETWEEN: [&str; 7] = [
    "nestling",
    "nestling_runtime",
    "nestling_nursery",
    "nestling_net",
    "core",
    "std",
    "alloc",
];

/// What is around the program.
const AROUND: &str = "steps::EachStep";

/// A step, and how the program came there.
#[derive(Debug)]
pub(super) struct Place {
    step: String,
    /// Taking it is cheap; names and lines are looked up when it is shown.
    trace: Option<Backtrace>,
}

impl Place {
    pub(super) fn of(step: &Step) -> Place {
        Place {
            step: match step.task() {
                // The main future is this module's own.
                Some(task) if task.kind() != FrameKind::Main => step.to_string(),
                _ if step.is_checkpoint() => "a checkpoint in the program itself".to_owned(),
                _ => "a poll of the program itself".to_owned(),
            },
            trace: (step.is_checkpoint() && !cfg!(miri)).then(Backtrace::force_capture),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step)?;
        let lines = match &self.trace {
            Some(trace) => lines_of(&trace.to_string()),
            None => Vec::new(),
        };
        if !lines.is_empty() {
            write!(f, ", at {}", lines.join(", from "))?;
        }
        Ok(())
    }
}

/// Reads `12: name` with `at file:line:column` in the line after it. Empty if the program has no debug
/// information.
fn lines_of(trace: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut ours = false;
    for line in trace.lines() {
        let line = line.trim();
        if let Some(site) = line.strip_prefix("at ") {
            let site = site.strip_prefix("./").unwrap_or(site);
            // The standard library's and those of packages.
            let foreign = site.starts_with("/rustc/") || site.contains("/registry/src/");
            if ours && !foreign && !lines.iter().any(|known| known == site) {
                lines.push(site.to_owned());
            }
        } else if let Some((_, name)) = line.split_once(": ") {
            if name.contains(AROUND) {
                break;
            }
            ours = is_ours(name);
        }
        if lines.len() == LINES_MAX {
            break;
        }
    }
    lines
}

fn is_ours(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '_', '&']);
    name.split_once("::")
        .is_some_and(|(package, _)| !BETWEEN.contains(&package))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "   0: nestling_nursery::testing::everywhere::place::lines
             at ./nursery/src/testing/everywhere/place.rs:20:5
   1: <nestling_runtime::time::Sleep as core::future::future::Future>::poll
             at ./runtime/src/time.rs:110:9
   2: program::reader::{{closure}}
             at ./src/main.rs:12:7
   3: <core::pin::Pin<P> as core::future::future::Future>::poll
             at /rustc/17067e9ac6d/library/core/src/future/future.rs:133:9
   4: program::main::{{closure}}::{{closure}}
             at ./src/main.rs:30:9
   5: <nestling_runtime::steps::EachStep<F> as core::future::future::Future>::poll
             at ./runtime/src/steps.rs:170:21
   6: program::around
             at ./src/main.rs:50:9
   7: main";

    #[test]
    fn only_the_lines_of_the_program_are_shown() {
        assert_eq!(lines_of(TEXT), ["src/main.rs:12:7", "src/main.rs:30:9"]);
    }

    #[test]
    fn without_debug_information_there_is_none() {
        assert!(lines_of("   0: program::main\n   1: main").is_empty());
        assert!(lines_of("disabled backtrace").is_empty());
    }
}
