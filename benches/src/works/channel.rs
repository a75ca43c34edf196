//! Items from task to task: a round trip over two channels that hold one item each, and four producers
//! that feed one consumer through a channel that holds a hundred.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const BASELINE: &str = "tokio_local";

const CHANNEL: Batched = Batched {
    program: "channel",
    title: "channel",
    unit: "item",
    baseline: BASELINE,
    batches: [100, 300],
    cases: &[
        Case {
            shape: "ping-pong",
            peers: &[BASELINE, "nestling", "smol", "futures", "local_sync"],
        },
        Case {
            shape: "producers",
            // `local-sync` panics when its senders are dropped while they wait.
            peers: &[BASELINE, "nestling", "smol", "futures"],
        },
    ],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    CHANNEL.run(options, binaries)
}
