use std::fs;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::options::Options;
use crate::table::{Row, Table};
use crate::{Error, quiet};

/// Writes every round's figures, for whoever wants to compute otherwise.
pub(crate) fn write(
    path: &Path,
    options: &Options,
    skipped: &[String],
    tables: &[Table],
) -> Result<(), Error> {
    let report = json!({
        "at_unix_seconds": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        "machine": {
            "cpus": available_parallelism()?.get(),
            "model": line_after("/proc/cpuinfo", "model name"),
            "kernel": fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        },
        "schedule": quiet::describe(),
        "rounds": options.rounds,
        "skipped": skipped,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    });
    fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    Ok(())
}

fn table(table: &Table) -> Value {
    json!({
        "title": table.title,
        "baseline": table.baseline,
        "figure": table.figure,
        "counts_are_per": table.unit,
        "notes": table.notes,
        "point": table.point,
        "rows": table.rows.iter().map(|row| self::row(table, row)).collect::<Vec<_>>(),
    })
}

fn row(table: &Table, row: &Row) -> Value {
    json!({
        "peer": row.peer,
        "error": row.runs.as_ref().err(),
        "ratios": table.ratios(row),
        "runs": row.runs.as_ref().ok(),
        "counts": row.counts,
    })
}

fn line_after(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
