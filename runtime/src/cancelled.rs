//! Why a computation was cut off.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// What kind of request cut a computation off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelKind {
    /// Somebody called `cancel()`.
    Explicit,
    /// The scope's deadline passed.
    Deadline,
    /// Another task of the same nursery failed or panicked.
    SiblingFailed,
    /// The grace period of a soft shutdown ran out, or the run is ending.
    Shutdown,
    /// Only daemons were left in the nursery.
    MainDone,
}

/// The report of a cancellation: who asked for it, where, and why.
///
/// Code that is cut off never sees this value, since it is dropped at its await; whoever set the
/// boundary does: the nursery, the scope, or the one who waits for a task's value.
#[derive(Clone, PartialEq, Eq)]
pub struct Cancelled {
    kind: CancelKind,
    reason: Option<Arc<str>>,
    scope: Option<Arc<str>>,
    site: &'static Location<'static>,
}

impl Cancelled {
    /// A report of `kind`, asked for at the caller's line.
    #[track_caller]
    #[must_use]
    pub fn new(kind: CancelKind) -> Cancelled {
        Cancelled::at(kind, Location::caller())
    }

    /// A report of `kind`, asked for at `site`.
    #[must_use]
    pub fn at(kind: CancelKind, site: &'static Location<'static>) -> Cancelled {
        Cancelled {
            kind,
            reason: None,
            scope: None,
            site,
        }
    }

    /// The same report with a reason in words.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Arc<str>>) -> Cancelled {
        self.reason = Some(reason.into());
        self
    }

    /// The same report with the name of the scope that was cancelled.
    #[must_use]
    pub fn of_scope(mut self, name: impl Into<Arc<str>>) -> Cancelled {
        self.scope = Some(name.into());
        self
    }

    /// What kind of request it was.
    #[must_use]
    pub fn kind(&self) -> CancelKind {
        self.kind
    }

    /// The reason in words, if one was given.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The name of the scope that was cancelled, if it has one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Where it was asked for; for a deadline, where the scope was made.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.site
    }

    /// Whether a deadline did it.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        self.kind == CancelKind::Deadline
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            CancelKind::Explicit => "cancelled",
            CancelKind::Deadline => "cancelled, as its deadline passed",
            CancelKind::SiblingFailed => "cancelled, as another task of its nursery failed",
            CancelKind::Shutdown => "cancelled by a shutdown",
            CancelKind::MainDone => "cancelled, as only daemons were left",
        };
        f.write_str(what)?;
        if let Some(scope) = &self.scope {
            write!(f, " (scope `{scope}`)")?;
        }
        write!(f, " at {}:{}", self.site.file(), self.site.line())?;
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancelled({self})")
    }
}

impl std::error::Error for Cancelled {}
