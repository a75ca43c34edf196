use std::path::PathBuf;

use lexopt::prelude::*;

use crate::{Error, works};

pub(crate) const HELP: &str = "\
Nestling side by side with other runtimes.

    cargo run --release --manifest-path benches/Cargo.toml -- [OPTIONS]

    --quick             fewer cases, rounds and requests: a first look
    --only WORK         one work only; may be repeated (--list names them)
    --list              the works
    --peers A,B,..      these peers only
    --no-build          the programs as they were built before
    --check             Nestling alone, and only what repeats exactly: fails if a figure is above its bound
    --rounds N          rounds for each case (each peer runs once a round)
    --requests N        echo: measured requests for each run
    --valgrind          also count user-space instructions and allocations
    --no-calls          do not count system calls
    --json FILE         write every round's figures there
    --svg FILE          draw them there
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
    pub(crate) svg: Option<PathBuf>,
    pub(crate) check: bool,
    pub(crate) build: bool,
    pub(crate) list: bool,
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
            svg: None,
            check: false,
            build: true,
            list: false,
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
                Long("no-build") => options.build = false,
                Long("check") => options.check = true,
                Long("list") => options.list = true,
                Long("svg") => options.svg = Some(parser.value()?.into()),
                Long("json") => options.json = Some(parser.value()?.into()),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 3 } else { 5 }).max(1);
        options.requests = requests
            .unwrap_or(if options.quick { 20_000 } else { 100_000 })
            .max(1000);
        Ok(Some(options))
    }

    /// Whether the work was named.
    pub(crate) fn names_work(&self, name: &str) -> bool {
        self.works.iter().any(|work| work == name)
    }

    /// Whether no work was named, so that all are meant.
    pub(crate) fn names_no_work(&self) -> bool {
        self.works.is_empty()
    }

    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        (self.peers.is_empty() && (!self.check || name == "nestling"))
            || self.peers.iter().any(|peer| peer == name)
    }
}

fn known_work(name: &str) -> Result<String, String> {
    if works::names().any(|work| work == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there is no work named {name}"))
    }
}
