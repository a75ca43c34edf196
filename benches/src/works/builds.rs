//! The CPU time that compiling takes, from nothing, as cargo's own release profile has it.

use std::{env, fs, process};

use crate::Error;
use crate::cpu_clock::children_seconds;
use crate::peers::{Peer, Place};
use crate::rounds::{self, Figures};
use crate::table::{Row, Table};
use crate::works::Bench;

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    let place = &bench.peers.place;
    let peers: Vec<&'static Peer> = bench
        .peers
        .all()
        .into_iter()
        .filter(|peer| place.binary(&format!("{}-empty", peer.name)).exists())
        .collect();
    let all = rounds::run(1, &peers, |peer| measure(place, peer));
    let rows = all.into_iter().map(|(peer, runs)| Row {
        peer: peer.name.to_owned(),
        runs,
        counts: [].into(),
    });
    show(Table {
        title: "builds: CPU seconds of a clean release build of an empty program".to_owned(),
        baseline: "raw_epoll",
        figure: "CPU s",
        besides: &[],
        unit: "build",
        rows: rows.collect(),
        point: None,
        notes: vec!["raw_epoll's is the harness's own part, contained in all".to_owned()],
    });
    Ok(())
}

fn measure(place: &Place, peer: &Peer) -> Result<Figures, Error> {
    let package = peer.package().ok_or("not cargo's")?;
    let folder = env::temp_dir().join(format!("compare-{}-build", process::id()));
    let mut cargo = place.cargo("build");
    cargo.args(["--release", "--quiet", "--package", package, "--bin"]);
    cargo.arg(format!("{}-empty", peer.name));
    cargo.arg("--target-dir").arg(&folder);
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    let before = children_seconds();
    let ended = cargo.status()?;
    let seconds = children_seconds() - before;
    fs::remove_dir_all(&folder)?;
    if !ended.success() {
        return Err("it does not build".into());
    }
    Ok(Figures::from([("CPU s", seconds)]))
}
