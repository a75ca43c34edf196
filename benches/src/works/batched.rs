//! Works that are one small operation, done many times in a batch.

use std::collections::BTreeMap;
use std::process::Command;

use crate::Error;
use crate::counters::{Counter, Counts};
use crate::peer_process;
use crate::peers::{Peer, Program};
use crate::quiet::Quiet;
use crate::rounds::{self, Figures};
use crate::statistics::{least, median};
use crate::table::{Row, Table};
use crate::works::Bench;

pub(crate) struct Case {
    /// As the programs call it.
    pub(crate) work: &'static str,
    pub(crate) title: &'static str,
    /// What one operation is called.
    pub(crate) unit: &'static str,
    /// The peer that the others are divided by.
    pub(crate) baseline: &'static str,
    /// Operations in a batch.
    pub(crate) operations: u64,
    /// Given to the program.
    pub(crate) depth: u64,
    /// Batches in a run, and in a quick one.
    pub(crate) batches: [u64; 2],
    /// Batches in the short and the long run of a counting tool; none if instructions mean nothing, because
    /// a tool would change what is done.
    pub(crate) counted: Option<[u64; 2]>,
    /// What the program prints and what it is called here; times per operation.
    pub(crate) figure: (&'static str, &'static str),
    /// As `figure`, to be shown beside it, in thousands of what is printed.
    pub(crate) besides: &'static [(&'static str, &'static str)],
}

impl Case {
    pub(crate) const fn new(
        work: &'static str,
        title: &'static str,
        unit: &'static str,
        baseline: &'static str,
    ) -> Case {
        Case {
            work,
            title,
            unit,
            baseline,
            operations: 1000,
            depth: 1,
            batches: [500, 100],
            counted: Some([5, 25]),
            figure: ("ns", "ns"),
            besides: &[],
        }
    }
}

/// 10 + 100 + … tasks: as `measured::Live::in_tree`.
pub(crate) const fn in_tree(depth: u32) -> u64 {
    (10_u64.pow(depth + 1) - 10) / 9
}

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "spawn",
        "spawn and join children that do nothing",
        "child",
        "futures",
    ),
    Case::new(
        "spawn-yielding",
        "spawn and join children that yield once",
        "child",
        "futures",
    ),
    Case::new(
        "spawn-borrowing",
        "spawn and join children that borrow",
        "child",
        "futures",
    ),
    Case {
        operations: 100_000,
        batches: [30, 10],
        counted: Some([1, 3]),
        ..Case::new("yield", "yield among 100 tasks", "yield", "tokio")
    },
    Case {
        operations: 10_000,
        batches: [50, 20],
        counted: Some([1, 4]),
        ..Case::new(
            "ping-pong",
            "there and back over two channels of capacity 1",
            "round trip",
            "tokio",
        )
    },
    Case {
        operations: 10_000,
        batches: [50, 20],
        counted: Some([1, 4]),
        ..Case::new(
            "producers",
            "4 producers to 1 consumer over a channel of capacity 100",
            "item",
            "tokio",
        )
    },
    Case::new(
        "lock",
        "take a lock that is free, and give it back",
        "operation",
        "tokio",
    ),
    Case::new(
        "semaphore",
        "take a permit that is free, and give it back",
        "operation",
        "tokio",
    ),
    Case::new(
        "contended",
        "three tasks after one lock, held over a wake-up",
        "operation",
        "tokio",
    ),
    Case::new(
        "notify",
        "two tasks that wake each other (tokio: Notify, others: semaphores)",
        "round trip",
        "tokio",
    ),
    Case {
        operations: 100_000,
        batches: [1, 1],
        counted: None,
        figure: ("cpu_ns", "CPU ns"),
        besides: &[
            ("late_p50_ns", "p50 late µs"),
            ("late_p99_ns", "p99 late µs"),
        ],
        ..Case::new(
            "sleeps",
            "sleeps within a window of 2 µs for each",
            "sleep",
            "tokio",
        )
    },
    Case {
        batches: [200, 50],
        ..Case::new("timeout", "timeout around one wake-up", "timeout", "tokio")
    },
    Case {
        operations: in_tree(5),
        depth: 5,
        batches: [3, 1],
        counted: Some([1, 2]),
        ..Case::new(
            "cancel-tree",
            "cancel a tree of 111 110 parked tasks (counts: with its making)",
            "task",
            "futures",
        )
    },
    Case {
        batches: [30, 10],
        counted: None,
        ..Case::new(
            "wake-from-thread",
            "wake another thread and be woken by it",
            "round trip",
            "tokio",
        )
    },
    Case {
        batches: [30, 10],
        counted: None,
        ..Case::new(
            "to-thread",
            "a function on a thread for blocking work",
            "round trip",
            "tokio",
        )
    },
];

impl Case {
    /// One table: every peer that can do it.
    pub(crate) fn compare(&self, bench: &Bench<'_>) -> Table {
        self.compare_among(&bench.peers.able(self.work), bench)
    }

    pub(crate) fn compare_among(&self, peers: &[&'static Peer], bench: &Bench<'_>) -> Table {
        let batches = self.batches[usize::from(bench.options.quick)];
        let rounds = bench.options.rounds;
        let all = rounds::run(rounds, peers, |peer| {
            self.measure(&bench.peers.program(peer), batches)
        });
        let mut notes = Vec::new();
        let mut rows = Vec::new();
        for (peer, runs) in all {
            let mut counts = Counts::new();
            let counters = bench.counters.iter().filter(|_| runs.is_ok());
            for counter in counters.filter(|counter| **counter != Counter::Strace) {
                let program = bench.peers.program(peer);
                match self.count(peer, &program, *counter) {
                    Ok(more) => counts.extend(more),
                    Err(error) => notes.push(format!("{}: {}: {error}", peer.name, counter.name())),
                }
            }
            rows.push(Row {
                peer: peer.name.to_owned(),
                runs,
                counts,
            });
        }
        Table {
            title: format!(
                "{}: {}; {rounds} rounds of {batches} batches of {}",
                self.work, self.title, self.operations
            ),
            baseline: self.baseline,
            figure: self.figure.1,
            besides: match self.besides {
                [] => &["least batch"],
                [_, ..] => &["p50 late µs", "p99 late µs"],
            },
            unit: self.unit,
            rows,
            point: None,
            notes,
        }
    }

    /// Counts for each operation; nothing if the tool would say nothing.
    pub(crate) fn count(
        &self,
        peer: &Peer,
        program: &Program,
        counter: Counter,
    ) -> Result<Counts, Error> {
        let Some(batches) = self.counted else {
            return Ok(Counts::new());
        };
        if counter.is_valgrind() && !peer.is_machine_code() {
            return Ok(Counts::new());
        }
        let case = self.for_tools();
        let units = batches.map(|batches| batches * case.operations);
        counter.per_unit(program, units, |command, operations| {
            case.printed(command, operations / case.operations)
                .map(drop)
        })
    }

    /// The same at a size that a tool is quickly done with.
    fn for_tools(&self) -> Case {
        match self.work {
            "cancel-tree" => Case {
                operations: in_tree(4),
                depth: 4,
                ..*self
            },
            _ => Case { ..*self },
        }
    }

    /// The median batch, and the least one, for each operation.
    fn measure(&self, program: &Program, batches: u64) -> Result<Figures, Error> {
        let _quiet = Quiet::enter()?;
        let printed = self.printed(program.command(), batches)?;
        let (name, figure) = self.figure;
        let times = printed
            .get(name)
            .ok_or("the program did not say how long it took")?;
        let per_operation = |time: f64| time / self.operations as f64;
        let mut figures = Figures::from([
            (figure, per_operation(median(times))),
            ("least batch", per_operation(least(times))),
        ]);
        for (name, figure) in self.besides {
            let values = printed.get(*name).ok_or("a figure is missing")?;
            figures.insert(figure, median(values) / 1000.0);
        }
        Ok(figures)
    }

    /// What the program prints: lines of a name and numbers.
    fn printed(
        &self,
        mut command: Command,
        batches: u64,
    ) -> Result<BTreeMap<String, Vec<f64>>, Error> {
        command.args([self.work, "--operations", &self.operations.to_string()]);
        command.args(["--depth", &self.depth.to_string()]);
        command.args(["--batches", &batches.to_string()]);
        parse(&peer_process::run(command)?)
    }
}

/// Lines of a name and numbers.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Vec<f64>>, Error> {
    let mut printed = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let name = words.next().ok_or("an empty line")?;
        let numbers = words.map(str::parse).collect::<Result<_, _>>()?;
        printed.insert(name.to_owned(), numbers);
    }
    Ok(printed)
}
