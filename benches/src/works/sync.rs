//! Locks and semaphores: free, contended, and back and forth between two tasks.

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;
use crate::works::batched::{Batched, Case};

const PEERS: &[&str] = &["tokio", "nestling", "smol"];

const SYNC: Batched = Batched {
    program: "sync",
    title: "synchronisation",
    unit: "operation",
    baseline: "tokio",
    batches: [100, 300],
    cases: &[
        Case {
            shape: "lock",
            peers: PEERS,
        },
        Case {
            shape: "semaphore",
            peers: PEERS,
        },
        Case {
            shape: "contended",
            peers: PEERS,
        },
        Case {
            shape: "ping-pong",
            peers: PEERS,
        },
    ],
};

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    SYNC.run(options, binaries)
}
