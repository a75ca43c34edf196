//! `everywhere` for programs that mark their awaits and count their guards.

use std::cell::Cell;
use std::future::Future;

use nestling::Builder;
use nestling::testing::CancelEverywhere;

use crate::support::everywhere_with;

/// Counts guards.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    living: Cell<isize>,
}

impl Probe {
    /// Marks an await. All awaits are looked at, marked or not.
    pub(crate) fn at<F: Future>(&self, future: F) -> F {
        future
    }

    /// A local that must be dropped.
    pub(crate) fn guard(&self) -> Guard<'_> {
        self.living.set(self.living.get() + 1);
        Guard(self)
    }

    fn check(&self) {
        assert_eq!(self.living.get(), 0, "not every guard was dropped once");
    }
}

pub(crate) struct Guard<'p>(&'p Probe);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.living.set(self.0.living.get() - 1);
    }
}

/// How programs are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    /// It jumps to the next deadline when there is nothing to do.
    Virtual,
    /// For what comes from the system.
    Real,
}

/// Stops `program` everywhere, in virtual time.
#[track_caller]
pub(crate) fn everywhere<P: AsyncFn(&Probe)>(program: P) {
    everywhere_in(Time::Virtual, program);
}

/// Stops `program` everywhere, at places and at pairs of places.
#[track_caller]
pub(crate) fn everywhere_in<P: AsyncFn(&Probe)>(time: Time, program: P) {
    let probe = Probe::default();
    let settings = match time {
        Time::Virtual => CancelEverywhere::new(),
        Time::Real => CancelEverywhere::new().builder(Builder::new),
    };
    everywhere_with(settings.check(|| probe.check()), async || {
        program(&probe).await;
    });
}
