//! What is compared: events a strand, and how it all ended.
//!
//! A *strand* is a sequence of code: a task, or the body of a nursery, numbered as the operation that
//! made it. The rules fix the order within a strand, not that between strands of one moment.

use std::collections::BTreeMap;
use std::fmt;

use crate::program::Id;

/// The strand of the main future, around the outermost nursery.
pub(crate) const MAIN: Id = 0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The strand has begun.
    Begin,
    /// The operation has ended with that.
    Done(Id, String),
    /// The operation's local has been dropped.
    Dropped(Id),
    /// The nursery is about to be opened.
    Open(Id),
    /// The nursery's future is gone.
    Closed(Id),
    /// The strand's future has ended or been dropped.
    Gone,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Begin => write!(f, "begins"),
            Event::Done(id, how) => write!(f, "#{id} {how}"),
            Event::Dropped(id) => write!(f, "drops #{id}"),
            Event::Open(id) => write!(f, "opens #{id}"),
            Event::Closed(id) => write!(f, "closes #{id}"),
            Event::Gone => write!(f, "gone"),
        }
    }
}

/// An error, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    Boom(Id),
    TooSlow,
    Cancelled,
    NurseryCancelled,
    StartCancelled,
    StartFailed(Box<Failure>),
    NotReady,
    /// In order of size, since the rules do not say which of one moment came first.
    Several(Vec<Failure>),
}

impl Failure {
    pub(crate) fn several(mut failures: Vec<Failure>) -> Failure {
        failures.sort();
        Failure::Several(failures)
    }

    /// It says that something was cancelled, and nothing more.
    pub(crate) fn is_echo(&self) -> bool {
        matches!(
            self,
            Failure::Cancelled | Failure::NurseryCancelled | Failure::StartCancelled
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Boom(id) => write!(f, "error {id}"),
            Failure::TooSlow => write!(f, "too slow"),
            Failure::Cancelled => write!(f, "cancelled"),
            Failure::NurseryCancelled => write!(f, "nursery cancelled"),
            Failure::StartCancelled => write!(f, "start cancelled"),
            Failure::StartFailed(inner) => write!(f, "start failed: {inner}"),
            Failure::NotReady => write!(f, "not ready"),
            Failure::Several(inner) => {
                write!(f, "[")?;
                for (at, failure) in inner.iter().enumerate() {
                    write!(f, "{}{failure}", if at == 0 { "" } else { ", " })?;
                }
                write!(f, "]")
            }
        }
    }
}

/// What a run did: for each strand its events with their moments, and the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) strands: BTreeMap<Id, Vec<(u64, Event)>>,
    pub(crate) end: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (strand, events) in &self.strands {
            write!(f, "  strand {strand}:")?;
            for (time, event) in events {
                write!(f, " {time}: {event};")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "  end: {}", self.end)
    }
}
