//! Works that are one small operation, done a thousand times in a batch.

use std::process::Command;

use crate::Error;
use crate::binaries::Binaries;
use crate::counters::{Counter, Counts};
use crate::options::Options;
use crate::peer_process;
use crate::quiet::Quiet;
use crate::rounds::{self, Figures};
use crate::statistics::{least, median};
use crate::table::{Row, Table};

/// Operations in a batch.
const OPERATIONS: u64 = 1000;

pub(super) struct Batched {
    /// What the binaries are named after.
    pub(super) program: &'static str,
    pub(super) title: &'static str,
    /// What one operation is called.
    pub(super) unit: &'static str,
    pub(super) baseline: &'static str,
    /// How many batches a program runs, if it is to be quick and if not.
    pub(super) batches: [u64; 2],
    pub(super) cases: &'static [Case],
}

pub(super) struct Case {
    pub(super) shape: &'static str,
    pub(super) peers: &'static [&'static str],
}

impl Batched {
    pub(super) fn run(&self, options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
        // They make no system calls, though the allocator may: their names tell nothing.
        let counters: Vec<Counter> = Counter::wanted(options)
            .into_iter()
            .filter(|counter| *counter != Counter::Strace)
            .collect();
        Ok(self
            .cases
            .iter()
            .map(|case| self.compare(case, options, binaries, &counters))
            .collect())
    }

    fn compare(
        &self,
        case: &Case,
        options: &Options,
        binaries: &Binaries,
        counters: &[Counter],
    ) -> Table {
        let wanted = case
            .peers
            .iter()
            .copied()
            .filter(|peer| *peer == self.baseline || options.wants_peer(peer));
        let peers: Vec<&str> = wanted.collect();
        let batches = self.batches[usize::from(!options.quick)];
        let program = |peer: &str| binaries.path(self.program, peer);
        let all = rounds::run(options, &peers, |peer| {
            measure(case, Command::new(program(peer)), batches)
        });

        let mut notes = Vec::new();
        let mut rows = Vec::new();
        for (peer, runs) in all {
            let mut counts = Counts::new();
            for counter in counters.iter().filter(|_| runs.is_ok()) {
                let units = [10 * OPERATIONS, 60 * OPERATIONS];
                let counted = counter.per_unit(&program(peer), units, |command, operations| {
                    batch_times(case, command, operations / OPERATIONS).map(drop)
                });
                match counted {
                    Ok(more) => counts.extend(more),
                    Err(error) => notes.push(format!("{peer}: {}: {error}", counter.name())),
                }
            }
            rows.push(Row {
                peer: peer.to_owned(),
                runs,
                counts,
            });
        }
        Table {
            title: format!(
                "{}: {}, {} rounds of {batches} batches of {OPERATIONS}",
                self.title, case.shape, options.rounds
            ),
            baseline: self.baseline,
            figure: "ns",
            besides: &["least batch"],
            unit: self.unit,
            rows,
            notes,
        }
    }
}

/// The median batch, and the least one, for each operation.
fn measure(case: &Case, command: Command, batches: u64) -> Result<Figures, Error> {
    let _quiet = Quiet::enter()?;
    let times = batch_times(case, command, batches)?;
    let per_operation = |time: f64| time / OPERATIONS as f64;
    Ok(Figures::from([
        ("ns", per_operation(median(&times))),
        ("least batch", per_operation(least(&times))),
    ]))
}

/// The nanoseconds of each batch.
fn batch_times(case: &Case, mut command: Command, batches: u64) -> Result<Vec<f64>, Error> {
    command.args([
        "--shape",
        case.shape,
        "--operations",
        &OPERATIONS.to_string(),
    ]);
    command.args(["--batches", &batches.to_string()]);
    let text = peer_process::run(command)?;
    let numbers = text
        .strip_prefix("ns ")
        .ok_or("the program did not say how long it took")?;
    Ok(numbers
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}
