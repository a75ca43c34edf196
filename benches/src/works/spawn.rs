//! Spawning children that do nothing and joining them, a thousand at a time.

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

const BASELINE: &str = "futures_unordered";
const CHILDREN: u64 = 1000;

struct Case {
    shape: &'static str,
    peers: &'static [&'static str],
}

const CASES: [Case; 2] = [
    Case {
        shape: "plain",
        peers: &[BASELINE, "nestling", "tokio_joinset", "tokio_local", "smol"],
    },
    Case {
        shape: "borrowing",
        peers: &[BASELINE, "nestling", "smol"],
    },
];

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    // The children make no system calls, though the allocator may: their names tell nothing.
    let counters: Vec<Counter> = Counter::wanted(options)
        .into_iter()
        .filter(|counter| *counter != Counter::Strace)
        .collect();
    Ok(CASES
        .iter()
        .map(|case| compare(case, options, binaries, &counters))
        .collect())
}

fn compare(case: &Case, options: &Options, binaries: &Binaries, counters: &[Counter]) -> Table {
    let wanted = case
        .peers
        .iter()
        .copied()
        .filter(|peer| *peer == BASELINE || options.wants_peer(peer));
    let peers: Vec<&str> = wanted.collect();
    let batches = if options.quick { 300 } else { 1000 };
    let program = |peer: &str| binaries.path("spawn", peer);
    let all = rounds::run(options, &peers, |peer| {
        measure(case, Command::new(program(peer)), batches)
    });

    let mut notes = Vec::new();
    let mut rows = Vec::new();
    for (peer, runs) in all {
        let mut counts = Counts::new();
        for counter in counters.iter().filter(|_| runs.is_ok()) {
            let units = [10 * CHILDREN, 60 * CHILDREN];
            let counted = counter.per_unit(&program(peer), units, |command, children| {
                batch_times(case, command, children / CHILDREN).map(drop)
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
            "spawn and join: {} children, {} rounds of {batches} batches of {CHILDREN}",
            case.shape, options.rounds
        ),
        baseline: BASELINE,
        figure: "ns",
        besides: &["least batch"],
        unit: "child",
        rows,
        notes,
    }
}

/// The median batch, and the least one, for each child.
fn measure(case: &Case, command: Command, batches: u64) -> Result<Figures, Error> {
    let _quiet = Quiet::enter()?;
    let times = batch_times(case, command, batches)?;
    let per_child = |time: f64| time / CHILDREN as f64;
    Ok(Figures::from([
        ("ns", per_child(median(&times))),
        ("least batch", per_child(least(&times))),
    ]))
}

/// The nanoseconds of each batch.
fn batch_times(case: &Case, mut command: Command, batches: u64) -> Result<Vec<f64>, Error> {
    command.args(["--shape", case.shape, "--children", &CHILDREN.to_string()]);
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
