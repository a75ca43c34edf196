//! Nestling side by side with other runtimes. `README.md` says how to run this, what
//! the figures mean and what they do not.

#[cfg(not(target_os = "linux"))]
compile_error!("the comparison reads CPU clocks and counts system calls in Linux's own way");

mod bounds;
mod counters;
mod cpu_clock;
mod json;
mod lifetime;
mod load;
mod options;
mod peer_process;
mod peers;
mod plot;
mod quiet;
mod rounds;
mod statistics;
mod table;
mod works;

use std::process::ExitCode;

use counters::Counter;
use options::Options;
use peers::Peers;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use works::Bench;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Error> {
    let Some(options) = Options::from_arguments()? else {
        print!("{}", options::HELP);
        return Ok(());
    };
    if options.list {
        works::names().for_each(|name| println!("{name}"));
        return Ok(());
    }
    allow_many_files()?;
    let peers = Peers::build(&options)?;
    let _alone = quiet::Alone::wait()?;
    if options.check {
        return bounds::check(&peers);
    }
    let bench = Bench {
        options: &options,
        peers: &peers,
        counters: Counter::wanted(&options),
    };
    println!("schedule: {}", quiet::describe());
    for skipped in &peers.skipped {
        println!("{skipped}");
    }
    println!();
    let mut tables = Vec::new();
    works::run(&bench, |table| {
        println!("{table}");
        tables.push(table);
    })?;
    if let Some(path) = &options.json {
        json::write(path, &options, &peers.skipped, &tables)?;
        println!("written to {}", path.display());
    }
    if let Some(path) = &options.svg {
        plot::write(path, &tables)?;
        println!("drawn in {}", path.display());
    }
    Ok(())
}

/// As many descriptors as are permitted, for this process and those that it starts.
fn allow_many_files() -> Result<(), Error> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
