//! What children that wait cost, without their futures.

use crate::Error;
use crate::peer_process;
use crate::peers::Program;
use crate::rounds::{self, Figures};
use crate::table::{Row, Table};
use crate::works::Bench;
use crate::works::batched::parse;

const CHILDREN: u64 = 100_000;

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    show(compare(bench, "parked", "a child that waits for ever"));
    show(compare(
        bench,
        "sleeping",
        "a child that sleeps for an hour",
    ));
    Ok(())
}

fn compare(bench: &Bench<'_>, work: &str, title: &str) -> Table {
    let peers = bench.peers.able(work);
    // It repeats, so once is enough.
    let all = rounds::run(1, &peers, |peer| {
        measure(work, &bench.peers.program(peer), CHILDREN)
    });
    let rows = all.into_iter().map(|(peer, runs)| Row {
        peer: peer.name.to_owned(),
        runs,
        counts: [].into(),
    });
    Table {
        title: format!("memory: {title}, {CHILDREN} of them"),
        baseline: "tokio",
        figure: "B allocated",
        besides: &["B resident", "B of its future"],
        unit: "child",
        rows: rows.collect(),
        point: None,
        notes: vec!["allocated and resident are without the future's own size".to_owned()],
    }
}

pub(crate) fn measure(work: &str, program: &Program, children: u64) -> Result<Figures, Error> {
    let mut command = program.command();
    command.args([work, "--operations", &children.to_string()]);
    let printed = parse(&peer_process::run(command)?)?;
    let get = |name: &str| -> Result<f64, Error> {
        let values = printed.get(name).ok_or("a figure is missing")?;
        Ok(*values.first().ok_or("a figure is missing")?)
    };
    let future = get("future")?;
    Ok(Figures::from([
        ("B allocated", get("allocated")? - future),
        ("B resident", get("resident")? - future),
        ("B of its future", future),
    ]))
}
