//! How errors look in text: the numbered tree, and the report on a single error.
//!
//! Both are made of the same parts. [`descend`] follows an error down to its end, which is a leaf
//! or a level with several entries, and collects the tasks it passes as hops. A leaf is followed by
//! the chain of its causes. A level becomes branches: it is pushed to [`Writer::levels`], and the
//! loop in [`Writer::branches`] writes one entry after the other, so that depth costs no stack.
//!
//! Text may have several lines. Each starts with [`Writer::prefix`], which holds the vertical
//! strokes of the branches around it, and then blanks up to the column where the first line's text
//! began.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::iter::Enumerate;
use std::panic::Location;
use std::slice;

use super::layer::Layer;
use super::{MultiError, TaskError};

/// How deep branches are drawn, and how many tasks are named in front of one error. A tree d levels
/// deep would take d² characters for indentation alone, and nobody reads that far.
const DEPTH_MAX: usize = 32;

const CAUSED_BY: &str = "caused by: ";

/// Writes a multi-error that has several leaves.
pub(super) fn fmt_display(multi: &MultiError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (hops, end) = descend(multi);
    let mut writer = Writer::new(f);
    writer.text = headline(&hops, &end);
    writer.lines(0)?;
    writer.below(&end, 0)?;
    writer.branches()
}

/// Writes any error with all that is known of it. This is what the errors of this crate show with
/// `{:?}`.
pub(crate) fn fmt_debug(error: &(dyn Error + 'static), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (hops, end) = descend(error);
    let mut writer = Writer::new(f);
    if let End::Level(_) = end {
        writer.text = headline(&hops, &end);
        writer.lines(0)?;
        writer.below(&end, 0)?;
    } else {
        writer.text = headline(&[], &end);
        writer.lines(0)?;
        for hop in hops.iter().rev().take(DEPTH_MAX) {
            let when = if hop.starting {
                ", before it was ready"
            } else {
                ""
            };
            write!(writer.out, "\n  in {}{when}", hop.task.phrase())?;
        }
        if hops.len() > DEPTH_MAX {
            write!(writer.out, "\n  … in {} more tasks", hops.len() - DEPTH_MAX)?;
        }
        writer.below(&end, 2)?;
    }
    writer.branches()
}

/// A task by name and place, for the middle of a sentence: ``task `reader` (src/main.rs:12)``.
pub(crate) struct TaskPhrase<'a> {
    pub(crate) task: &'a str,
    pub(crate) site: &'static Location<'static>,
}

impl fmt::Display for TaskPhrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.site.file(), self.site.line());
        match self.task {
            "" => write!(f, "a task ({file}:{line})"),
            task => write!(f, "task `{task}` ({file}:{line})"),
        }
    }
}

/// A task that was passed on the way down to an error.
struct Hop<'a> {
    task: &'a TaskError,
    /// It was being started with `start`, and was not ready yet.
    starting: bool,
}

/// Where the way down from an error ends.
enum End<'a> {
    Level(&'a MultiError),
    Leaf(&'a (dyn Error + 'static)),
}

/// Follows `error` down as long as the way does not fork.
#[inline(never)]
fn descend<'a>(mut error: &'a (dyn Error + 'static)) -> (Vec<Hop<'a>>, End<'a>) {
    let mut hops = Vec::new();
    loop {
        let (task, starting) = match Layer::of(error) {
            Layer::Leaf => return (hops, End::Leaf(error)),
            Layer::Start(task) => (task, true),
            Layer::Task(task) => (task, false),
            Layer::Level(multi) => match multi.errors() {
                [task] => (task, false),
                _ => return (hops, End::Level(multi)),
            },
        };
        hops.push(Hop { task, starting });
        error = task.error();
    }
}

/// The tasks passed, and the message at the end of the way: `server (src/main.rs:9): disk is full`.
fn headline(hops: &[Hop<'_>], end: &End<'_>) -> String {
    let mut text = String::new();
    for hop in hops.iter().take(DEPTH_MAX) {
        text += &match (hop.starting, hop.task.task(), hop.task.site()) {
            (true, ..) => format!("{} failed before it was ready: ", hop.task.phrase()),
            (false, "", site) => format!("{}:{}: ", site.file(), site.line()),
            (false, task, site) => format!("{task} ({}:{}): ", site.file(), site.line()),
        };
    }
    if hops.len() > DEPTH_MAX {
        text += &format!("… {} more tasks …: ", hops.len() - DEPTH_MAX);
    }
    text + &match end {
        End::Level(multi) => format!("{} tasks failed", multi.len()),
        End::Leaf(leaf) => message(*leaf),
    }
}

/// The error's own text, even if its author forgot to write one.
fn message(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    if write!(text, "{error}").is_err() {
        text += " (its message could not be written)";
    }
    if text.trim().is_empty() {
        text = String::from("(no message)");
        if write!(text, " {error:?}").is_err() {
            text.truncate("(no message)".len());
        }
    }
    text
}

/// A level that is being written.
struct Level<'a> {
    entries: Enumerate<slice::Iter<'a, TaskError>>,
    /// How much of `prefix` and `number` belongs to what is around the level.
    prefix_len: usize,
    number_len: usize,
}

struct Writer<'a, 'f, 'b> {
    out: &'f mut fmt::Formatter<'b>,
    levels: Vec<Level<'a>>,
    /// What each further line starts with.
    prefix: String,
    /// The number of the entry that is being written, `2.1`.
    number: String,
    /// What [`Writer::lines`] is to write.
    text: String,
}

impl<'a, 'f, 'b> Writer<'a, 'f, 'b> {
    fn new(out: &'f mut fmt::Formatter<'b>) -> Self {
        let (prefix, number, text) = Default::default();
        Writer {
            out,
            levels: Vec::new(),
            prefix,
            number,
            text,
        }
    }

    /// Writes `text`, its lines after the first below `indent` more columns than `prefix` has.
    fn lines(&mut self, indent: usize) -> fmt::Result {
        for (index, line) in self.text.trim().lines().enumerate() {
            match (index, line.trim_end()) {
                (0, line) => self.out.write_str(line)?,
                (_, "") => write!(self.out, "\n{}", self.prefix.trim_end())?,
                (_, line) => write!(self.out, "\n{}{:indent$}{line}", self.prefix, "")?,
            }
        }
        Ok(())
    }

    /// Writes what stands below an error's message: nothing yet for a level, which is left to
    /// [`Writer::branches`], and for a leaf the causes. A cause that is a level ends the chain.
    fn below(&mut self, end: &End<'a>, indent: usize) -> fmt::Result {
        let leaf = match *end {
            End::Level(multi) => {
                self.push(multi);
                return Ok(());
            }
            End::Leaf(leaf) => leaf,
        };
        // A cause whose text has been shown says nothing new: many errors quote their source, and
        // an error of a type unknown here may be a tree.
        let mut shown = message(leaf);
        let mut source = leaf.source();
        while let Some(cause) = source {
            let (hops, end) = descend(cause);
            self.text = headline(&hops, &end);
            if !self.text.lines().all(|line| shown.contains(line.trim())) {
                shown += &self.text;
                write!(self.out, "\n{}{:indent$}{CAUSED_BY}", self.prefix, "")?;
                self.lines(indent + CAUSED_BY.len())?;
            }
            source = match end {
                End::Leaf(leaf) => leaf.source(),
                End::Level(multi) => {
                    write!(self.prefix, "{:indent$}", "")?;
                    self.push(multi);
                    None
                }
            };
        }
        Ok(())
    }

    /// Makes a level the next to be written, below the entry that has just been written.
    fn push(&mut self, multi: &'a MultiError) {
        if !self.number.is_empty() {
            self.number.push('.');
        }
        self.levels.push(Level {
            entries: multi.errors().iter().enumerate(),
            prefix_len: self.prefix.len(),
            number_len: self.number.len(),
        });
    }

    /// Writes all entries of all levels.
    fn branches(&mut self) -> fmt::Result {
        while let Some(level) = self.levels.last_mut() {
            self.prefix.truncate(level.prefix_len);
            self.number.truncate(level.number_len);
            let Some((index, entry)) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let last = level.entries.len() == 0;
            if self.levels.len() > DEPTH_MAX {
                self.leave_out(entry)?;
                continue;
            }
            write!(self.number, "{}", index + 1)?;
            let (branch, stroke) = if last {
                ("└─", "   ")
            } else {
                ("├─", "│  ")
            };
            write!(self.out, "\n{}{branch} {}. ", self.prefix, self.number)?;
            self.prefix += stroke;

            let (mut hops, end) = descend(entry.error());
            hops.insert(
                0,
                Hop {
                    task: entry,
                    starting: false,
                },
            );
            self.text = headline(&hops, &end);
            let indent = self.number.len() + ". ".len();
            self.lines(indent)?;
            self.below(&end, indent)?;
        }
        Ok(())
    }

    /// Says how many errors the innermost level has, of which `first` is the first, and drops it.
    fn leave_out(&mut self, first: &TaskError) -> fmt::Result {
        let count_below =
            |entry: &TaskError| entry.nested().map_or(1, |multi| multi.leaves().count());
        let rest = self
            .levels
            .pop()
            .into_iter()
            .flat_map(|level| level.entries);
        let count = count_below(first) + rest.map(|(_, entry)| count_below(entry)).sum::<usize>();
        let prefix = &self.prefix;
        write!(
            self.out,
            "\n{prefix}└─ … {count} more errors, too deep to be shown here"
        )
    }
}
