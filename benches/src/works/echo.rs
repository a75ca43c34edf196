//! An echo server, a task for each connection: what a request costs the server.

use std::process::Command;
use std::time::Instant;

use crate::Error;
use crate::counters::{Counter, Counts};
use crate::cpu_clock::CpuClock;
use crate::load::Load;
use crate::peer_process::Server;
use crate::peers::{Peer, Program};
use crate::quiet::Quiet;
use crate::rounds::{self, Figures};
use crate::statistics::least;
use crate::table::{Row, Table};
use crate::works::Bench;

const BASELINE: &str = "raw_epoll";

/// Below this the other processes of the machine were too busy for the times to count.
const OWN_SHARE_MIN: f64 = 0.85;

/// From here on a connection's memory is worth showing.
const MANY: usize = 10_000;

/// With more connections than this the kernel's own threads must run too, or connecting never ends.
const FIFO_MAX: usize = MANY;

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) connections: usize,
    message_len: usize,
    /// What the server reads into, for each connection.
    buffer_len: usize,
    requests: u64,
}

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    let requests = bench.options.requests;
    let connections: &[usize] = match bench.options.quick {
        true => &[1, 64],
        false => &[1, 64, 1000, MANY],
    };
    for message_len in [64, 16 * 1024] {
        for &connections in connections {
            // The longer one is some three times as dear.
            let requests = if message_len > 64 {
                requests / 3
            } else {
                requests
            };
            let case = Case::new(connections, message_len, requests);
            show(compare(&case, bench)?);
        }
    }
    Ok(())
}

/// Over more and more connections.
pub(crate) fn growth(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    let sizes: &[usize] = match bench.options.quick {
        true => &[100, 1000],
        false => &[100, 1000, MANY, 19_000],
    };
    for &connections in sizes {
        let case = Case::new(connections, 64, bench.options.requests);
        let mut table = compare(&case, bench)?;
        let curve = "echo 64 B: connections".to_owned();
        table.point = Some((curve, "connections", connections as f64));
        show(table);
    }
    Ok(())
}

impl Case {
    /// Buffers are of 1 KiB, or as long as the message.
    pub(crate) fn new(connections: usize, message_len: usize, requests: u64) -> Case {
        Case {
            connections,
            message_len,
            buffer_len: message_len.max(1024),
            requests: requests.max(4 * connections as u64),
        }
    }
}

fn compare(case: &Case, bench: &Bench<'_>) -> Result<Table, Error> {
    let peers = bench.peers.able("echo");
    let rounds = bench.options.rounds;
    let all = rounds::run(rounds, &peers, |peer| {
        measure(case, &bench.peers.program(peer))
    });

    let mut notes = Vec::new();
    let mut rows = Vec::new();
    for (peer, runs) in all {
        let mut counts = Counts::new();
        // Beyond that, counts say nothing new.
        let counters = bench.counters.iter().filter(|_| case.connections <= 64);
        for counter in counters.filter(|_| runs.is_ok()) {
            match count(case, peer, &bench.peers.program(peer), *counter) {
                Ok(more) => counts.extend(more),
                Err(error) => notes.push(format!("{}: {}: {error}", peer.name, counter.name())),
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
            peer: peer.name.to_owned(),
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
            "echo: {} connection(s), {} B; {rounds} rounds of {} requests",
            case.connections, case.message_len, case.requests
        ),
        baseline: BASELINE,
        figure: "CPU ns",
        besides: match case.connections >= MANY {
            true => &["B resident a connection", "p50 µs", "p99 µs"],
            false => &["p50 µs", "p99 µs"],
        },
        unit: "request",
        rows,
        point: None,
        notes,
    })
}

/// Counts for each request; nothing if the tool would say nothing.
pub(crate) fn count(
    case: &Case,
    peer: &Peer,
    program: &Program,
    counter: Counter,
) -> Result<Counts, Error> {
    if counter.is_valgrind() && (!peer.is_machine_code() || peer.serves_by_io_uring()) {
        return Ok(Counts::new());
    }
    counter.per_unit(
        &program.clone().with("echo"),
        units(case, counter),
        |command, requests| {
            serve(case, command, |load, _| {
                load.run(requests).map(drop).map_err(Into::into)
            })
        },
    )
}

/// Long enough for a slope, short enough for a tool that slows everything down.
fn units(case: &Case, counter: Counter) -> [u64; 2] {
    let few = case.connections as u64;
    let more = match counter {
        Counter::Perf => 20_000,
        Counter::Strace => 10_000,
        Counter::Callgrind | Counter::Memcheck => 5_000,
    };
    [few, few + more.max(10 * few)]
}

/// The server's CPU time, and the latencies, of requests on connections that are warm.
fn measure(case: &Case, program: &Program) -> Result<Figures, Error> {
    let _quiet = match case.connections > FIFO_MAX {
        true => Quiet::pin()?,
        false => Quiet::enter()?,
    };
    let command = program.clone().with("echo").command();
    serve(case, command, |load, server| {
        let resident = server.resident()?;
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
            (
                "B resident a connection",
                (resident as f64 - server.resident_before as f64) / case.connections as f64,
            ),
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
