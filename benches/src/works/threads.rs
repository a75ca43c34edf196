//! A closure that does nothing, called in a thread and waited for.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const THREADS: Batched = Batched {
    program: "threads",
    title: "a thread and back",
    unit: "call",
    baseline: "tokio",
    batches: [30, 100],
    cases: &[Case {
        shape: "plain",
        peers: &["tokio", "nestling", "smol"],
    }],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    THREADS.run(options, binaries)
}
