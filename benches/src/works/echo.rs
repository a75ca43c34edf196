//! An echo server, a task for each connection: what a request costs the server.

use std::process::Command;
use std::time::Instant;

use crate::Error;
use crate::binaries::Binaries;
use crate::counters::{Counter, Counts};
use crate::cpu_clock::CpuClock;
use crate::load::Load;
use crate::options::Options;
use crate::peer_process::Server;
use crate::quiet::Quiet;
use crate::rounds::{self, Figures};
use crate::statistics::least;
use crate::table::{Row, Table};

const BASELINE: &str = "raw_epoll";
const PEERS: [&str; 4] = [BASELINE, "nestling", "tokio", "smol"];

/// Below this the other processes of the machine were too busy for the times to count.
const OWN_SHARE_MIN: f64 = 0.85;

struct Case {
    connections: usize,
    message_len: usize,
    /// What the server reads into, for each connection.
    buffer_len: usize,
    requests: u64,
}

pub(crate) fn run(options: &Options, binaries: &Binaries) -> Result<Vec<Table>, Error> {
    let counters = Counter::wanted(options);
    cases(options)
        .iter()
        .map(|case| compare(case, options, binaries, &counters))
        .collect()
}

fn cases(options: &Options) -> Vec<Case> {
    let small = |connections| Case {
        connections,
        message_len: 64,
        buffer_len: 1024,
        requests: options.requests,
    };
    let mut cases = vec![small(1), small(64)];
    if !options.quick {
        cases.push(small(1000));
        let len = 16 * 1024;
        cases.push(Case {
            connections: 64,
            message_len: len,
            buffer_len: len,
            requests: options.requests / 2,
        });
    }
    cases
}

fn compare(
    case: &Case,
    options: &Options,
    binaries: &Binaries,
    counters: &[Counter],
) -> Result<Table, Error> {
    let peers: Vec<&str> = PEERS
        .into_iter()
        .filter(|peer| *peer == BASELINE || options.wants_peer(peer))
        .collect();
    let program = |peer: &str| binaries.path("echo", peer);
    let all = rounds::run(options, &peers, |peer| {
        measure(case, Command::new(program(peer)))
    });

    let mut notes = Vec::new();
    let mut rows = Vec::new();
    for (peer, runs) in all {
        let mut counts = Counts::new();
        for counter in counters.iter().filter(|_| runs.is_ok()) {
            let counted = counter.per_unit(
                &program(peer),
                units(case, *counter),
                |command, requests| {
                    serve(case, command, |load, _| {
                        load.run(requests).map(drop).map_err(Into::into)
                    })
                },
            );
            match counted {
                Ok(more) => counts.extend(more),
                Err(error) => notes.push(format!("{peer}: {}: {error}", counter.name())),
            }
        }
        if !counts.contains_key("calls") {
            counts.extend(
                counts
                    .get("strace:total")
                    .map(|calls| ("calls".to_owned(), *calls)),
            );
        }
        rows.push(Row {
            peer: peer.to_owned(),
            runs,
            counts,
        });
    }
    let shares: Vec<f64> = rows
        .iter()
        .flat_map(|row| row.values("own share"))
        .collect();
    if least(&shares) < OWN_SHARE_MIN {
        notes.push(format!(
            "other processes took up to {:.0}% of a run's time",
            100.0 * (1.0 - least(&shares))
        ));
    }
    Ok(Table {
        title: format!(
            "echo: {} connection(s), {} B, {} rounds of {} requests",
            case.connections, case.message_len, options.rounds, case.requests
        ),
        baseline: BASELINE,
        figure: "CPU ns",
        besides: &["p50 µs", "p99 µs"],
        unit: "request",
        rows,
        notes,
    })
}

/// Long enough for a slope, short enough for a tool that slows everything down.
fn units(case: &Case, counter: Counter) -> [u64; 2] {
    let few = case.connections as u64;
    let more = match counter {
        Counter::Perf => 40_000,
        Counter::Strace => 10_000,
        Counter::Callgrind | Counter::Memcheck => 10_000,
    };
    [few, few + more.max(10 * few)]
}

/// The server's CPU time, and the latencies, of requests on connections that are warm.
fn measure(case: &Case, command: Command) -> Result<Figures, Error> {
    let _quiet = Quiet::enter()?;
    serve(case, command, |load, server| {
        load.run((case.requests / 10).max(case.connections as u64))?;
        let (own, its) = (
            CpuClock::of_process(std::process::id())?,
            CpuClock::of_process(server.pid)?,
        );
        let (begun, own_before, its_before) = (Instant::now(), own.read()?, its.read()?);
        let latencies = load.run(case.requests)?;
        let (its_time, own_time) = (its.read()? - its_before, own.read()? - own_before);
        let share = (own_time + its_time).as_secs_f64() / begun.elapsed().as_secs_f64();
        let [p50, p99] = latencies.percentiles_us([0.5, 0.99]);
        let cpu_ns = its_time.as_nanos() as f64 / case.requests as f64;
        Ok(Figures::from([
            ("CPU ns", cpu_ns),
            ("p50 µs", p50),
            ("p99 µs", p99),
            ("own share", share),
        ]))
    })
}

fn serve<T>(
    case: &Case,
    mut command: Command,
    work: impl FnOnce(&mut Load, &Server) -> Result<T, Error>,
) -> Result<T, Error> {
    command.arg("--buffer").arg(case.buffer_len.to_string());
    let server = Server::start(command)?;
    let mut load = Load::connect(server.address, case.connections, case.message_len)?;
    let done = work(&mut load, &server)?;
    // The server is idle, so it is stopped before its connections are: their end is not counted.
    server.stop()?;
    Ok(done)
}
