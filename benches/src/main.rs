//! Nestling side by side with other runtimes. `README.md` says how to run this, what
//! the figures mean and what they do not.

#[cfg(not(target_os = "linux"))]
compile_error!("the comparison reads CPU clocks and counts system calls in Linux's own way");

mod binaries;
mod counters;
mod cpu_clock;
mod json;
mod lifetime;
mod load;
mod options;
mod peer_process;
mod quiet;
mod rounds;
mod statistics;
mod table;
mod works;

use std::process::ExitCode;

use options::Options;

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
    let binaries = binaries::Binaries::build(&options)?;
    println!("schedule: {}\n", quiet::describe());
    let mut tables = Vec::new();
    for work in works::WORKS
        .iter()
        .filter(|work| options.wants_work(work.name))
    {
        for table in (work.run)(&options, &binaries)? {
            println!("{table}");
            tables.push(table);
        }
    }
    if let Some(path) = &options.json {
        json::write(path, &options, &tables)?;
        println!("written to {}", path.display());
    }
    Ok(())
}
