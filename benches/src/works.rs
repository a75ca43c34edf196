//! What is compared. A new work of many small operations is a line in `batched::CASES` and a function in
//! the programs that can do it.

mod batched;
mod builds;
pub(crate) mod echo;
mod growth;
pub(crate) mod memory;
pub(crate) mod nested;
mod start;

pub(crate) use batched::{CASES, Case};

use crate::Error;
use crate::counters::Counter;
use crate::options::Options;
use crate::peers::Peers;
use crate::table::Table;

/// What a work needs to know.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) peers: &'a Peers,
    /// The tools that count.
    pub(crate) counters: Vec<Counter>,
}

/// Hands over each table as soon as it is there.
type Run = fn(&Bench<'_>, &mut dyn FnMut(Table)) -> Result<(), Error>;

/// The works that are no batches of small operations, and whether they are done unless others are named.
const OTHERS: &[(&str, Run, bool)] = &[
    ("echo", echo::run, true),
    ("nested", nested::run, true),
    ("memory", memory::run, true),
    ("start", start::run, true),
    ("growth", growth::run, true),
    // Minutes of compiling.
    ("builds", builds::run, false),
];

/// Every work's name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let others = OTHERS.iter().map(|(name, ..)| *name);
    CASES.iter().map(|case| case.work).chain(others)
}

/// Runs what the options ask for; each table is handed over as soon as it is there.
pub(crate) fn run(bench: &Bench<'_>, mut show: impl FnMut(Table)) -> Result<(), Error> {
    let wants = |name: &str, usual| {
        bench.options.names_work(name) || usual && bench.options.names_no_work()
    };
    for case in CASES.iter().filter(|case| wants(case.work, true)) {
        show(case.compare(bench));
    }
    for (_, run, _) in OTHERS.iter().filter(|(name, _, usual)| wants(name, *usual)) {
        run(bench, &mut show)?;
    }
    Ok(())
}
