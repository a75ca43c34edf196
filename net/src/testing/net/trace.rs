//! What has happened in a network, line by line, bounded.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A line of the trace, kept as numbers until somebody reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) from: Option<Place>,
    pub(super) to: Option<Place>,
    pub(super) what: &'static str,
    pub(super) bytes: Option<usize>,
}

/// A host, or a socket of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) host: usize,
    pub(super) address: Option<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct Trace {
    lines: VecDeque<Entry>,
    limit: usize,
    left_out: u64,
}

impl Trace {
    pub(super) fn new(limit: usize) -> Trace {
        Trace {
            lines: VecDeque::new(),
            limit,
            left_out: 0,
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.lines.len() >= self.limit {
            self.left_out += 1;
            if self.lines.pop_front().is_none() {
                return;
            }
        }
        self.lines.push_back(entry);
    }

    /// As text; `name` knows the hosts.
    pub(super) fn lines<'a>(&self, name: impl Fn(usize) -> Option<&'a str>) -> Vec<String> {
        let left_out = (self.left_out > 0).then(|| format!("({} earlier lines)", self.left_out));
        let lines = self.lines.iter().map(|entry| entry.text(&name));
        left_out.into_iter().chain(lines).collect()
    }
}

impl Entry {
    fn text<'a>(&self, name: impl Fn(usize) -> Option<&'a str>) -> String {
        let place = |place: Place| Shown {
            name: name(place.host),
            address: place.address,
        };
        let seconds = Duration::from_nanos(self.at).as_secs_f64();
        let mut text = format!("{seconds:>12.6}s ");
        let mut add = |part: fmt::Arguments<'_>| {
            use fmt::Write;
            // Writing to a text does not fail.
            let _ = text.write_fmt(part);
        };
        match (self.from, self.to) {
            (Some(from), Some(to)) => add(format_args!(" {} -> {}: ", place(from), place(to))),
            (Some(at), None) | (None, Some(at)) => add(format_args!(" {}: ", place(at))),
            (None, None) => add(format_args!(" ")),
        }
        add(format_args!("{}", self.what));
        match self.bytes {
            None => {}
            Some(1) => add(format_args!(", 1 byte")),
            Some(bytes) => add(format_args!(", {bytes} bytes")),
        }
        text
    }
}

struct Shown<'a> {
    name: Option<&'a str>,
    address: Option<SocketAddr>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name, self.address) {
            (Some(name), Some(address)) => write!(f, "{name}:{}", address.port()),
            (Some(name), None) => f.write_str(name),
            (None, Some(address)) => address.fmt(f),
            (None, None) => f.write_str("nowhere"),
        }
    }
}
