//! Spawning children that do nothing and joining them.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const BASELINE: &str = "futures_unordered";

const SPAWN: Batched = Batched {
    program: "spawn",
    title: "spawn and join children",
    unit: "child",
    baseline: BASELINE,
    batches: [300, 1000],
    cases: &[
        Case {
            shape: "plain",
            peers: &[BASELINE, "nestling", "tokio_joinset", "tokio_local", "smol"],
        },
        Case {
            shape: "borrowing",
            peers: &[BASELINE, "nestling", "smol"],
        },
    ],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    SPAWN.run(options, binaries)
}
