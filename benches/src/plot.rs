//! The tables as pictures: bars for ratios, lines for what grows. One file of SVG, without scripts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use crate::statistics::{least, median, most};
use crate::table::Table;

const WIDTH: f64 = 760.0;
const NAMES: f64 = 150.0;
const BAR: f64 = 18.0;
const CURVE: f64 = 260.0;
const COLOURS: [&str; 10] = [
    "#1b6ca8", "#d1495b", "#2e8b57", "#8d5fd3", "#e08e0b", "#5f6b6d", "#00a6a6", "#b56576",
    "#6a994e", "#33415c",
];

/// Writes the picture.
pub(crate) fn write(path: &Path, tables: &[Table]) -> io::Result<()> {
    let mut picture = Picture {
        body: String::new(),
        y: 24.0,
    };
    for table in tables.iter().filter(|table| table.point.is_none()) {
        picture.bars(table);
    }
    let mut curves: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
    for table in tables {
        if let Some((curve, ..)) = &table.point {
            curves.entry(curve).or_default().push(table);
        }
    }
    for (title, tables) in curves {
        picture.curve(title, &tables);
    }
    let text = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {:.0}' \
         font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n{}</svg>\n",
        picture.y, picture.body
    );
    fs::write(path, text)
}

struct Picture {
    body: String,
    /// Where the next thing goes.
    y: f64,
}

impl Picture {
    /// A bar for each peer, as long as the logarithm of its ratio, with the span of the rounds.
    fn bars(&mut self, table: &Table) {
        let mut bars: Vec<(&str, f64, f64, f64)> = Vec::new();
        for row in &table.rows {
            let ratios = table.ratios(row);
            if !ratios.is_empty() {
                bars.push((&row.peer, median(&ratios), least(&ratios), most(&ratios)));
            }
        }
        let Some(end) = bars.iter().map(|bar| bar.3).reduce(f64::max) else {
            return;
        };
        let begin = bars.iter().map(|bar| bar.2).fold(1.0, f64::min);
        let (begin, end) = ((begin / 1.2).log10(), (end * 1.3).log10());
        let room = WIDTH - NAMES - 80.0;
        let x = |ratio: f64| NAMES + room * (ratio.log10() - begin) / (end - begin);
        let axis = format!("{}, × {}, logarithmic", table.figure, table.baseline);
        self.heading(&table.title, &axis);
        let top = self.y;
        for (index, (peer, middle, low, high)) in bars.iter().enumerate() {
            let y = top + BAR * index as f64;
            let colour = if *peer == "nestling" {
                COLOURS[1]
            } else {
                COLOURS[0]
            };
            self.text(NAMES - 8.0, y + 12.0, "end", peer);
            let (from, to) = (x(1.0).min(x(*middle)), x(1.0).max(x(*middle)));
            self.put(&format!(
                "<rect x='{from:.1}' y='{:.1}' width='{:.1}' height='12' fill='{colour}'/>",
                y + 2.0,
                (to - from).max(1.0)
            ));
            self.put(&format!(
                "<line x1='{:.1}' x2='{:.1}' y1='{mid:.1}' y2='{mid:.1}' stroke='black'/>",
                x(*low),
                x(*high),
                mid = y + 8.0
            ));
            self.text(
                x(*high).max(to) + 6.0,
                y + 12.0,
                "start",
                &format!("{middle:.2}"),
            );
        }
        let bottom = top + BAR * bars.len() as f64;
        self.put(&format!(
            "<line x1='{one:.1}' x2='{one:.1}' y1='{top:.1}' y2='{bottom:.1}' stroke='#888'/>",
            one = x(1.0)
        ));
        self.y = bottom + 34.0;
    }

    /// A line for each peer over what grows, both logarithmic.
    fn curve(&mut self, title: &str, tables: &[&Table]) {
        let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        let mut grows = "";
        for table in tables {
            let Some((_, what, size)) = &table.point else {
                continue;
            };
            grows = what;
            for row in &table.rows {
                let value = median(&row.values(table.figure));
                if value > 0.0 {
                    lines.entry(&row.peer).or_default().push((*size, value));
                }
            }
        }
        let points = || lines.values().flatten();
        let span = |pick: fn(&(f64, f64)) -> f64| {
            let logs: Vec<f64> = points().map(|point| pick(point).log10()).collect();
            (least(&logs), most(&logs).max(least(&logs) + 0.1))
        };
        let ((left, right), (low, high)) = (span(|point| point.0), span(|point| point.1));
        if left.is_nan() {
            return;
        }
        let figure = tables[0].figure;
        let axis = format!("{figure} for each, over {grows}, both logarithmic");
        self.heading(title, &axis);
        let top = self.y;
        let room = WIDTH - NAMES - 150.0;
        let x = |value: f64| 70.0 + room * (value.log10() - left) / (right - left);
        let y = |value: f64| top + CURVE * (1.0 - (value.log10() - low) / (high - low));
        for table in tables {
            let Some((.., size)) = &table.point else {
                continue;
            };
            self.text(x(*size), top + CURVE + 16.0, "middle", &format!("{size}"));
        }
        for value in [low, f64::midpoint(low, high), high].map(|log| 10_f64.powf(log)) {
            self.text(62.0, y(value) + 4.0, "end", &format!("{value:.0}"));
            self.put(&format!(
                "<line x1='70' x2='{:.1}' y1='{at:.1}' y2='{at:.1}' stroke='#ddd'/>",
                70.0 + room,
                at = y(value)
            ));
        }
        for (index, (peer, points)) in lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let width = if *peer == "nestling" { 3 } else { 1 };
            let path: String = points
                .iter()
                .fold(String::new(), |mut path, (size, value)| {
                    // Writing to a string does not fail.
                    let _ = write!(path, "{:.1},{:.1} ", x(*size), y(*value));
                    path
                });
            self.put(&format!(
                "<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{width}'/>"
            ));
            let key = top + 16.0 * index as f64;
            self.put(&format!(
                "<rect x='{:.0}' y='{key:.0}' width='12' height='4' fill='{colour}'/>",
                WIDTH - 190.0
            ));
            self.text(WIDTH - 172.0, key + 7.0, "start", peer);
        }
        let keys = 16.0 * lines.len() as f64;
        self.y = top + keys.max(CURVE) + 54.0;
    }

    fn heading(&mut self, title: &str, axis: &str) {
        self.put(&format!(
            "<text x='8' y='{:.1}' font-weight='bold'>{}</text>",
            self.y,
            escaped(title)
        ));
        self.text(8.0, self.y + 15.0, "start", axis);
        self.y += 26.0;
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.put(&format!(
            "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{}</text>",
            escaped(text)
        ));
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
