use std::fmt;

use crate::counters::Counts;
use crate::rounds::{Figures, Runs};
use crate::statistics::{least, median, most};

/// The outcome of one case of one work.
pub(crate) struct Table {
    pub(crate) title: String,
    /// The peer that the others are divided by, round by round.
    pub(crate) baseline: &'static str,
    /// The figure that is divided.
    pub(crate) figure: &'static str,
    /// Figures to show beside it, as medians over the rounds.
    pub(crate) besides: &'static [&'static str],
    /// What the counts are for one of.
    pub(crate) unit: &'static str,
    pub(crate) rows: Vec<Row>,
    /// If the table is a point of a curve: the curve's title, what grows, and how much of it there is here.
    pub(crate) point: Option<(String, &'static str, f64)>,
    /// What a reader must know to judge this table.
    pub(crate) notes: Vec<String>,
}

/// One peer's part.
pub(crate) struct Row {
    pub(crate) peer: String,
    pub(crate) runs: Runs,
    pub(crate) counts: Counts,
}

/// In the order shown. Other counts (strace's single calls) go to the JSON file only.
const COUNTS: [&str; 6] = ["calls", "instr", "allocs", "bytes", "KiB", "crates"];

impl Row {
    pub(crate) fn values(&self, figure: &str) -> Vec<f64> {
        let runs = self.runs.as_deref().unwrap_or_default();
        runs.iter()
            .filter_map(|figures: &Figures| figures.get(figure).copied())
            .collect()
    }
}

impl Table {
    /// The peer's figure over the baseline's of the same round.
    pub(crate) fn ratios(&self, row: &Row) -> Vec<f64> {
        let baseline = self.rows.iter().find(|other| other.peer == self.baseline);
        let floor = baseline
            .map(|row| row.values(self.figure))
            .unwrap_or_default();
        row.values(self.figure)
            .iter()
            .zip(floor)
            .map(|(value, floor)| value / floor)
            .collect()
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec![
            "peer".to_owned(),
            format!("× {}", self.baseline),
            "least–most".to_owned(),
        ];
        header.extend(
            self.shown_counts()
                .map(|name| format!("{name}/{}", self.unit)),
        );
        header.extend(self.besides.iter().map(|name| (*name).to_owned()));
        header.extend([self.figure.to_owned(), "least round".to_owned()]);
        header
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let ratios = self.ratios(row);
        let mut cells = vec![
            row.peer.clone(),
            ratio(median(&ratios)),
            format!("{}–{}", ratio(least(&ratios)), ratio(most(&ratios))),
        ];
        cells.extend(self.shown_counts().map(|name| {
            row.counts
                .get(name)
                .map_or_else(|| "–".to_owned(), |v| count(*v))
        }));
        cells.extend(
            self.besides
                .iter()
                .map(|name| amount(median(&row.values(name)))),
        );
        let values = row.values(self.figure);
        cells.extend([median(&values), least(&values)].map(amount));
        cells
    }

    fn shown_counts(&self) -> impl Iterator<Item = &'static str> {
        COUNTS
            .into_iter()
            .filter(|name| self.rows.iter().any(|row| row.counts.contains_key(*name)))
    }
}

/// Three digits are what can be believed.
fn amount(value: f64) -> String {
    match value {
        value if value.is_nan() => "–".to_owned(),
        value if value.abs() < 10.0 => format!("{value:.2}"),
        value if value.abs() < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Without a baseline there is none.
fn ratio(value: f64) -> String {
    match value {
        value if value.is_nan() => String::new(),
        value if value < 100.0 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

/// Counts above a hundred need no fraction, and small ones need two places. What a slope
/// leaves of zero is zero.
fn count(value: f64) -> String {
    if value.abs() < 0.005 {
        "0".to_owned()
    } else if value.abs() < 100.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![self.header()];
        lines.extend(
            self.rows
                .iter()
                .filter(|row| row.runs.is_ok())
                .map(|row| self.cells(row)),
        );
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        writeln!(f, "{}", self.title)?;
        for line in &lines {
            write!(f, "  {:<1$}", line[0], width(0))?;
            for (column, cell) in line.iter().enumerate().skip(1) {
                write!(f, "  {cell:>0$}", width(column))?;
            }
            writeln!(f)?;
        }
        for row in &self.rows {
            if let Err(error) = &row.runs {
                writeln!(f, "  {} failed: {error}", row.peer)?;
            }
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}
