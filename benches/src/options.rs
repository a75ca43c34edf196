use std::path::PathBuf;

use lexopt::prelude::*;

use crate::{Error, works};

pub(crate) const HELP: &str = "\
Nestling side by side with other runtimes.

    cargo run --release --manifest-path benches/Cargo.toml -- [OPTIONS]

    --quick             fewer cases, rounds and requests: a first look
    --only WORK         one work only (echo, spawn, threads, timeout); may be repeated
    --peers A,B,..      these peers only, besides each work's baseline
    --rounds N          rounds for each case (each peer runs once a round)
    --requests N        echo: measured requests for each run
    --valgrind          also count user-space instructions and allocations
    --no-calls          do not count system calls
    --json FILE         write every round's figures there
    --help
";

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    pub(crate) requests: u64,
    pub(crate) valgrind: bool,
    pub(crate) calls: bool,
    pub(crate) json: Option<PathBuf>,
    works: Vec<String>,
    peers: Vec<String>,
}

impl Options {
    /// None if help was asked for.
    pub(crate) fn from_arguments() -> Result<Option<Self>, Error> {
        let (mut rounds, mut requests) = (None, None);
        let mut options = Self {
            quick: false,
            rounds: 0,
            requests: 0,
            valgrind: false,
            calls: true,
            json: None,
            works: Vec::new(),
            peers: Vec::new(),
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => options.quick = true,
                Long("only") => options.works.push(parser.value()?.parse_with(known_work)?),
                Long("peers") => {
                    let names = parser.value()?.string()?;
                    options.peers.extend(names.split(',').map(str::to_owned));
                }
                Long("rounds") => rounds = Some(parser.value()?.parse()?),
                Long("requests") => requests = Some(parser.value()?.parse()?),
                Long("valgrind") => options.valgrind = true,
                Long("no-calls") => options.calls = false,
                Long("json") => options.json = Some(parser.value()?.into()),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 3 } else { 7 }).max(1);
        options.requests = requests
            .unwrap_or(if options.quick { 40_000 } else { 200_000 })
            .max(1000);
        Ok(Some(options))
    }

    pub(crate) fn wants_work(&self, name: &str) -> bool {
        self.works.is_empty() || self.works.iter().any(|work| work == name)
    }

    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer == name)
    }
}

fn known_work(name: &str) -> Result<String, String> {
    if works::WORKS.iter().any(|work| work.name == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there is no work named {name}"))
    }
}
