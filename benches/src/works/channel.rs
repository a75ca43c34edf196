//! Items from task to task: a round trip over two channels that hold one item each, and four producers
//! that feed one consumer through a channel that holds a hundred.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const PEERS: &[&str] = &[
    "tokio_local",
    "nestling",
    "smol",
    "futures",
    "local_sync",
];

const CHANNEL: Batched = Batched {
    program: "channel",
    title: "channel",
    unit: "item",
    baseline: "tokio_local",
    cases: &[
        Case {
            shape: "ping-pong",
            peers: PEERS,
        },
        Case {
            shape: "producers",
            peers: PEERS,
        },
    ],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    CHANNEL.run(options, binaries)
}
