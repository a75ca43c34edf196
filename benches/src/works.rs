//! What is compared: one file for each work. A new one is listed here and has a binary
//! `WORK-PEER` for each of its peers in `peers/src/bin`.

mod batched;
mod channel;
mod echo;
mod spawn;
mod threads;
mod sync;
mod timeout;

use crate::Error;
use crate::binaries::Binaries;
use crate::options::Options;
use crate::table::Table;

/// A kind of program that is written once for every peer.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Options, &Binaries) -> Result<Vec<Table>, Error>,
}

pub(crate) const WORKS: &[Work] = &[
    Work {
        name: "echo",
        run: echo::run,
    },
    Work {
        name: "channel",
        run: channel::run,
    },
    Work {
        name: "spawn",
        run: spawn::run,
    },
    Work {
        name: "threads",
        run: threads::run,
    },
    Work {
        name: "sync",
        run: sync::run,
    },
    Work {
        name: "timeout",
        run: timeout::run,
    },
];
