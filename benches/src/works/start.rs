//! From start to end of a program that does nothing, and the size of an echo server.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, process};

use crate::Error;
use crate::peers::{Peer, Place};
use crate::quiet::Quiet;
use crate::rounds::{self, Figures};
use crate::statistics::{least, median};
use crate::table::{Row, Table};
use crate::works::Bench;

const RUNS: usize = 30;

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    let place = &bench.peers.place;
    let all = bench.peers.all();
    let peers: Vec<&'static Peer> = all
        .into_iter()
        .filter(|peer| binary(place, peer, "empty").exists())
        .collect();
    let all = rounds::run(bench.options.rounds, &peers, |peer| {
        measure(&binary(place, peer, "empty"))
    });
    let mut notes = vec![
        "KiB: of an echo server by itself, stripped. crates: what the peer's own dependency brings"
            .to_owned(),
    ];
    let mut rows = Vec::new();
    for (peer, runs) in all {
        let mut counts = crate::counters::Counts::new();
        match crates(place, peer) {
            Ok(crates) => drop(counts.insert("crates".to_owned(), crates as f64)),
            Err(error) => notes.push(format!("{}: crates: {error}", peer.name)),
        }
        let echo = binary(place, peer, "echo");
        if echo.exists() {
            match stripped_kib(&echo) {
                Ok(kib) => drop(counts.insert("KiB".to_owned(), kib)),
                Err(error) => notes.push(format!("{}: size: {error}", peer.name)),
            }
        }
        rows.push(Row {
            peer: peer.name.to_owned(),
            runs,
            counts,
        });
    }
    show(Table {
        title: format!("start: an empty program from start to end, rounds of {RUNS}"),
        baseline: "raw_epoll",
        figure: "µs",
        besides: &["least run"],
        unit: "program",
        rows,
        point: None,
        notes,
    });
    Ok(())
}

fn binary(place: &Place, peer: &Peer, kind: &str) -> std::path::PathBuf {
    place.binary(&format!("{}-{kind}", peer.name))
}

fn measure(program: &Path) -> Result<Figures, Error> {
    let _quiet = Quiet::enter()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let mut command = Command::new(program);
        let ended = command.stdin(Stdio::null()).status()?;
        times.push(begun.elapsed().as_nanos() as f64 / 1000.0);
        if !ended.success() {
            return Err(format!("it ended with {ended}").into());
        }
    }
    Ok(Figures::from([
        ("µs", median(&times)),
        ("least run", least(&times)),
    ]))
}

fn stripped_kib(program: &Path) -> Result<f64, Error> {
    let stripped = env::temp_dir().join(format!("compare-{}-stripped", process::id()));
    let mut strip = Command::new("strip");
    let ended = strip.arg("-o").arg(&stripped).arg(program).status()?;
    if !ended.success() {
        return Err("strip failed".into());
    }
    let len = fs::metadata(&stripped)?.len();
    fs::remove_file(&stripped)?;
    Ok(len as f64 / 1024.0)
}

/// The crates below the peer's own dependencies, those that are counted with the harness's included.
fn crates(place: &Place, peer: &Peer) -> Result<usize, Error> {
    let package = peer.package().ok_or("not cargo's")?;
    let mut cargo = place.cargo("tree");
    cargo.args([
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "depth",
        "--no-dedupe",
    ]);
    let output = cargo.output()?;
    if !output.status.success() {
        return Err("cargo tree failed".into());
    }
    let mut crates = BTreeSet::new();
    let mut counts = true;
    // 1tokio v1.54.1 …
    for line in String::from_utf8(output.stdout)?.lines() {
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let (depth, name) = line.split_at(digits);
        if depth == "1" {
            counts = !name.starts_with("measured ");
        }
        if depth != "0" && counts {
            crates.insert(name.split(" (").next().unwrap_or(name).to_owned());
        }
    }
    Ok(crates.len())
}
