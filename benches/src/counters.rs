//! Counting from outside: a tool runs the program twice, for a short and a long piece of
//! work, and the difference is the work's alone, without start-up and end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::Error;
use crate::options::Options;
use crate::peers::Program;
use crate::quiet::Quiet;

/// What was counted, by name.
pub(crate) type Counts = BTreeMap<String, f64>;

/// A tool that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// System calls, by the kernel: costs the program next to nothing.
    Perf,
    /// System calls by name: stops the program at each, so that batches turn out other
    /// than they are by themselves.
    Strace,
    /// Instructions in user space.
    Callgrind,
    /// Heap allocations and their bytes.
    Memcheck,
}

impl Counter {
    /// The tools that the options ask for and that work here.
    pub(crate) fn wanted(options: &Options) -> Vec<Self> {
        let calls = [Self::Perf, Self::Strace]
            .into_iter()
            .filter(|_| options.calls);
        let valgrind = [Self::Callgrind, Self::Memcheck]
            .into_iter()
            .filter(|_| options.valgrind);
        calls
            .chain(valgrind)
            .filter(|counter| counter.works())
            .collect()
    }

    /// Whether the tool counts here.
    pub(crate) fn works(self) -> bool {
        let output = Output::new();
        let mut command = self.command(&Program::new("true"), &output.path);
        let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success()) && self.counts(&output.text()).is_some()
    }

    /// The counts of one unit, from what `work` does with the command it is given: that
    /// many units, and a fixed rest.
    pub(crate) fn per_unit(
        self,
        program: &Program,
        units: [u64; 2],
        mut work: impl FnMut(Command, u64) -> Result<(), Error>,
    ) -> Result<Counts, Error> {
        // Alternating with the load matters here too: a server that valgrind slows down, on a CPU
        // of its own, would find the next message there already and never have to wait for it.
        let _quiet = Quiet::enter()?;
        let mut run = |units| -> Result<Counts, Error> {
            let output = Output::new();
            work(self.command(program, &output.path), units)?;
            let text = output.text();
            self.counts(&text)
                .ok_or_else(|| format!("{}: nothing counted: {text}", self.name()).into())
        };
        let (few, many) = (run(units[0])?, run(units[1])?);
        let per_unit = |name: &String, count: &f64| {
            let count = (count - few.get(name).unwrap_or(&0.0)) / (units[1] - units[0]) as f64;
            (name.clone(), count)
        };
        Ok(many
            .iter()
            .map(|(name, count)| per_unit(name, count))
            .collect())
    }

    /// Whether it looks at machine code.
    pub(crate) fn is_valgrind(self) -> bool {
        matches!(self, Self::Callgrind | Self::Memcheck)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
            Self::Callgrind => "callgrind",
            Self::Memcheck => "memcheck",
        }
    }

    fn command(self, program: &Program, output: &Path) -> Command {
        let mut tool = Command::new(match self {
            Self::Callgrind | Self::Memcheck => "valgrind",
            Self::Perf | Self::Strace => self.name(),
        });
        match self {
            Self::Perf => {
                // There it would say that the server was ended, which is as it should be.
                tool.stderr(Stdio::null());
                tool.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o"])
                    .arg(output)
                    .arg("--");
            }
            Self::Strace => {
                tool.args(["-c", "-f", "-o"]).arg(output);
            }
            Self::Callgrind => {
                tool.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                    .arg(log_file(output));
            }
            Self::Memcheck => {
                tool.args([
                    "--tool=memcheck",
                    "--leak-check=no",
                    "--undef-value-errors=no",
                ])
                .arg(log_file(output));
            }
        }
        tool.args(program.words());
        tool
    }

    fn counts(self, text: &str) -> Option<Counts> {
        match self {
            // 29,,raw_syscalls:sys_enter,…
            Self::Perf => {
                let line = text.lines().find(|line| line.contains("raw_syscalls"))?;
                Some(one("calls", number(line.split(',').next()?)?))
            }
            // % time, seconds, usecs/call, calls, errors (may be empty), name
            Self::Strace => {
                let rows = text.lines().filter_map(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    number(words.first()?)?;
                    Some((format!("strace:{}", words.last()?), number(words.get(3)?)?))
                });
                Some(rows.collect()).filter(|counts: &Counts| !counts.is_empty())
            }
            // ==123== Collected : 123456
            Self::Callgrind => {
                let line = text.lines().find(|line| line.contains("Collected :"))?;
                Some(one("instr", number(line.split_whitespace().last()?)?))
            }
            // ==123==   total heap usage: 9 allocs, 9 frees, 1,234 bytes allocated
            Self::Memcheck => {
                let line = text
                    .lines()
                    .find(|line| line.contains("total heap usage:"))?;
                let mut numbers = line
                    .split_once("usage:")?
                    .1
                    .split_whitespace()
                    .filter_map(number);
                let mut counts = one("allocs", numbers.next()?);
                counts.insert("bytes".to_owned(), numbers.nth(1)?);
                Some(counts)
            }
        }
    }
}

fn one(name: &str, count: f64) -> Counts {
    Counts::from([(name.to_owned(), count)])
}

fn number(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

fn log_file(output: &Path) -> String {
    format!("--log-file={}", output.display())
}

/// The file a tool writes its account to, for as long as it is needed.
struct Output {
    path: PathBuf,
}

impl Output {
    fn new() -> Self {
        Self {
            path: env::temp_dir().join(format!("compare-{}", process::id())),
        }
    }

    fn text(&self) -> String {
        // A tool that wrote nothing has counted nothing, which its reader reports.
        fs::read_to_string(&self.path).unwrap_or_default()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
