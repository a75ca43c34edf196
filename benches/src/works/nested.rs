//! Waking a child at the bottom of nested nurseries from outside of them, and what a level adds.

use crate::Error;
use crate::counters::Counts;
use crate::rounds::Figures;
use crate::table::{Row, Table};
use crate::works::{Bench, Case};

const DEPTHS: [u64; 3] = [1, 8, 64];

pub(crate) fn run(bench: &Bench<'_>, show: &mut dyn FnMut(Table)) -> Result<(), Error> {
    let tables = DEPTHS.map(|depth| {
        let mut table = case(depth).compare(bench);
        table.title = format!("{} (k = {depth})", table.title);
        table
    });
    let levels = (DEPTHS[2] - DEPTHS[0]) as f64;
    let level = per_level(&tables[0], &tables[2], levels);
    tables.into_iter().for_each(&mut *show);
    show(level);
    Ok(())
}

pub(crate) const fn case(depth: u64) -> Case {
    Case {
        depth,
        batches: [60, 20],
        counted: Some([2, 6]),
        ..Case::new(
            "nested",
            "wake-up of a child in k nested nurseries, from outside",
            "wake-up",
            "tokio",
        )
    }
}

/// The difference of two tables, round by round.
fn per_level(shallow: &Table, deep: &Table, levels: f64) -> Table {
    let rows = shallow.rows.iter().zip(&deep.rows).map(|(from, to)| {
        let per_level = |from: f64, to: f64| (to - from) / levels;
        let pairs = from.values("ns").into_iter().zip(to.values("ns"));
        let runs = pairs.map(|(from, to)| Figures::from([("ns", per_level(from, to))]));
        let counts = from.counts.iter().filter_map(|(name, from)| {
            let to = to.counts.get(name)?;
            Some((name.clone(), per_level(*from, *to)))
        });
        Row {
            peer: from.peer.clone(),
            runs: Ok(runs.collect()),
            counts: counts.collect::<Counts>(),
        }
    });
    Table {
        title: format!(
            "nested: what a level adds ((k = {}) - (k = {}))",
            DEPTHS[2], DEPTHS[0]
        ),
        baseline: "futures",
        figure: "ns",
        besides: &[],
        unit: "level",
        rows: rows.collect(),
        point: None,
        notes: Vec::new(),
    }
}
