//! The same work at ten, a hundred, a thousand times the size.

use crate::Error;
use crate::table::Table;
use crate::works::{Bench, CASES, Case, echo};

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    // Counting has been done at one size.
    let bench = &Bench {
        options: bench.options,
        peers: bench.peers,
        counters: Vec::new(),
    };
    let sizes: &[u64] = match bench.options.quick {
        true => &[1000, 10_000, 100_000],
        false => &[1000, 10_000, 100_000, 1_000_000],
    };
    for (work, curve, grows) in [
        (
            "spawn",
            "spawn and join: children in one nursery",
            "children",
        ),
        ("sleeps", "sleeping children: how many at once", "sleepers"),
    ] {
        let Some(case) = CASES.iter().find(|case| case.work == work) else {
            continue;
        };
        for &size in sizes {
            let batches = (1_000_000 / size).min(100);
            let batches = if work == "sleeps" { 1 } else { batches };
            let case = Case {
                operations: size,
                batches: [batches, batches.div_ceil(4)],
                ..*case
            };
            let mut table = case.compare(bench);
            table.point = Some((curve.to_owned(), grows, size as f64));
            show(table);
        }
    }
    echo::growth(bench, show)
}
