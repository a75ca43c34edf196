//! The table at the end.

use std::fmt;
use std::time::Duration;

use super::histogram::Histogram;

/// What was done, and how fast.
#[derive(Debug)]
pub struct Report {
    /// How many connections there were.
    pub connections: u64,
    /// How many messages came back.
    pub messages: u64,
    /// How many bytes were sent, came back, and were compared.
    pub bytes: u64,
    /// From the first message to the last.
    pub time: Duration,
    /// From sending a message to its last byte's return.
    pub round_trips: Histogram,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.messages as f64 / self.time.as_secs_f64().max(1e-9);
        let trips = &self.round_trips;
        writeln!(f, "connections     {:>12}", self.connections)?;
        writeln!(f, "messages        {:>12}", self.messages)?;
        writeln!(
            f,
            "bytes           {:>12}  each way, all compared",
            self.bytes
        )?;
        writeln!(f, "time            {:>12}", Time(self.time))?;
        writeln!(f, "messages/s      {rate:>12.0}")?;
        writeln!(f, "round trip p50  {:>12}", Time(trips.percentile(50.0)))?;
        writeln!(f, "           p99  {:>12}", Time(trips.percentile(99.0)))?;
        write!(f, "           max  {:>12}", Time(trips.max()))
    }
}

/// Three digits and a unit.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match seconds {
            s if s < 1e-3 => (s * 1e6, "µs"),
            s if s < 1.0 => (s * 1e3, "ms"),
            s => (s, "s"),
        };
        let decimals = match value {
            v if v < 10.0 => 2,
            v if v < 100.0 => 1,
            _ => 0,
        };
        f.pad(&format!("{value:.decimals$} {unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let text = |micros| Time(Duration::from_micros(micros)).to_string();
        assert_eq!(text(7), "7.00 µs");
        assert_eq!(text(52), "52.0 µs");
        assert_eq!(text(1_234), "1.23 ms");
        assert_eq!(text(531_000), "531 ms");
        assert_eq!(text(12_345_678), "12.3 s");
    }

    #[test]
    fn a_report_without_time_is_finite() {
        let report = Report {
            connections: 1,
            messages: 0,
            bytes: 0,
            time: Duration::ZERO,
            round_trips: Histogram::default(),
        };
        assert!(report.to_string().contains("messages/s                 0"));
    }
}
