//! A limit in time around something that waits once and is ready then.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const TIMEOUT: Batched = Batched {
    program: "timeout",
    title: "timeout around one wake-up",
    unit: "timeout",
    baseline: "tokio",
    batches: [300, 1000],
    cases: &[Case {
        shape: "plain",
        peers: &["tokio", "nestling", "smol"],
    }],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    TIMEOUT.run(options, binaries)
}
