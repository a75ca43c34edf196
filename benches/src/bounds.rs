//! What Nestling's operations may cost, in figures that repeat on every machine of this kind: instructions,
//! allocations and system calls. `--check` counts them and fails if one is above its bound.
//!
//! A bound is what was measured, and 5% for what compilers and libraries do from version to version. Whoever makes
//! something cheaper lowers its bound.

use std::collections::BTreeMap;

use crate::Error;
use crate::counters::{Counter, Counts};
use crate::peers::{Peer, Peers};
use crate::works::{CASES, echo, memory, nested};

/// The work, the figure, the most that it may be for one operation.
const BOUNDS: &[(&str, &str, f64)] = &[
    ("spawn", "instr", 664.0),
    ("spawn", "allocs", 1.05),
    ("spawn-borrowing", "instr", 650.0),
    ("spawn-yielding", "instr", 904.0),
    ("yield", "instr", 217.0),
    ("yield", "allocs", 0.01),
    ("ping-pong", "instr", 929.0),
    ("ping-pong", "allocs", 0.01),
    ("producers", "instr", 178.0),
    ("producers", "allocs", 0.01),
    ("lock", "instr", 114.0),
    ("semaphore", "instr", 87.0),
    ("contended", "instr", 1014.0),
    ("timeout", "instr", 905.0),
    ("timeout", "allocs", 0.01),
    ("cancel-tree", "instr", 1766.0),
    ("cancel-tree", "allocs", 1.7),
    ("nested k=1", "instr", 760.0),
    ("a level of nesting", "instr", 506.0),
    ("echo 64 B, 1 connection", "instr", 1127.0),
    ("echo 64 B, 1 connection", "allocs", 0.01),
    ("echo 64 B, 1 connection", "calls", 3.05),
    ("parked", "B allocated", 133.0),
    ("sleeping", "B allocated", 186.0),
];

/// Counts what has a bound, and says how it compares.
pub(crate) fn check(peers: &Peers) -> Result<(), Error> {
    let [nestling] = peers.all()[..] else {
        return Err(format!("Nestling cannot be run: {}", peers.skipped.join("; ")).into());
    };
    let tools = [Counter::Callgrind, Counter::Memcheck, Counter::Strace];
    let (tools, missing): (Vec<Counter>, Vec<Counter>) =
        tools.into_iter().partition(|tool| tool.works());
    for tool in missing {
        println!(
            "{} does not work here: what it counts is SKIPPED",
            tool.name()
        );
    }
    let found = measure(peers, nestling, &tools)?;
    let mut broken = Vec::new();
    for (work, figure, bound) in BOUNDS {
        let Some(value) = found.get(*work).and_then(|counts| counts.get(*figure)) else {
            println!("{work}: {figure}: SKIPPED");
            continue;
        };
        let line = format!("{work}: {value:.2} {figure}, at most {bound}");
        println!("{line}");
        if value > bound {
            broken.push(line);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("above the bound:\n  {}", broken.join("\n  ")).into())
}

fn measure(
    peers: &Peers,
    nestling: &'static Peer,
    tools: &[Counter],
) -> Result<BTreeMap<&'static str, Counts>, Error> {
    let program = peers.program(nestling);
    let mut found: BTreeMap<&str, Counts> = BTreeMap::new();
    let valgrind: Vec<Counter> = tools
        .iter()
        .copied()
        .filter(|tool| tool.is_valgrind())
        .collect();
    for &tool in &valgrind {
        for case in CASES.iter().filter(|case| is_bounded(case.work)) {
            let counts = case.count(nestling, &program, tool)?;
            found.entry(case.work).or_default().extend(counts);
        }
    }
    if valgrind.contains(&Counter::Callgrind) {
        let wake_up = |depth| nested::case(depth).count(nestling, &program, Counter::Callgrind);
        let (shallow, deep) = (wake_up(1)?, wake_up(64)?);
        let per_level = deep.iter().filter_map(|(name, deep)| {
            let shallow = shallow.get(name)?;
            Some((name.clone(), (deep - shallow) / 63.0))
        });
        found.insert("a level of nesting", per_level.collect());
        found.insert("nested k=1", shallow);
    }
    for &tool in tools {
        let case = echo::Case::new(1, 64, 1000);
        let mut counts = echo::count(&case, nestling, &program, tool)?;
        if let Some(calls) = counts.get("strace:total") {
            counts = Counts::from([("calls".to_owned(), *calls)]);
        }
        found
            .entry("echo 64 B, 1 connection")
            .or_default()
            .extend(counts);
    }
    for work in ["parked", "sleeping"] {
        let figures = memory::measure(work, &program, 100_000)?;
        let counts = figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        found.insert(work, counts.collect());
    }
    Ok(found)
}

fn is_bounded(work: &str) -> bool {
    BOUNDS.iter().any(|(bounded, ..)| *bounded == work)
}
