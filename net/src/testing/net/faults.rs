//! A plan of faults, drawn from the seed.

use std::time::Duration;

use super::span::Span;
use nestling_runtime::testing::Rng;

/// Faults that strike by themselves for a while, at times and places that follow from the seed. Put to
/// work by [`VirtualNet::inject`](super::VirtualNet::inject).
///
/// Each kind strikes once every so often; at the end everything that it has broken is whole again, so
/// that a program that copes gets done. Without a kind, nothing happens.
///
/// ```
/// use std::time::Duration;
/// use nestling_net::testing::net::{Faults, VirtualNet};
///
/// # nestling_runtime::run(async {
/// let second = Duration::from_secs(1);
/// let net = VirtualNet::new(7);
/// net.inject(
///     Faults::during(30 * second)
///         .resets(second..=5 * second)
///         .partitions(5 * second..=20 * second, second..=4 * second),
/// );
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "faults strike only when they are injected"]
pub struct Faults {
    pub(super) during: Duration,
    pub(super) kinds: Vec<Kind>,
}

#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) what: What,
    pub(super) every: Span,
    pub(super) lasting: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Reset,
    Partition,
    Unplug,
    Refuse,
}

/// One fault, or the end of one.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Of this kind, and more of them until then.
    Strike {
        kind: Kind,
        until: u64,
        rng: Rng,
    },
    Heal(usize, usize),
    PlugIn(usize),
    Accept(usize),
}

impl Faults {
    /// Faults for `duration`, counted from when they are injected.
    ///
    /// ```
    /// # use nestling_net::testing::net::Faults;
    /// let none_yet = Faults::during(std::time::Duration::from_secs(60));
    /// ```
    pub fn during(duration: Duration) -> Faults {
        Faults {
            during: duration,
            kinds: Vec::new(),
        }
    }

    /// Resets a connection, any of those that there are, once in `every`. Between two there is at
    /// least a millisecond, here and below.
    ///
    /// ```
    /// # use nestling_net::testing::net::Faults;
    /// # use std::time::Duration;
    /// let faults = Faults::during(Duration::from_secs(60)).resets(Duration::from_secs(2));
    /// ```
    pub fn resets(self, every: impl Into<Span>) -> Faults {
        self.and(What::Reset, every, Duration::ZERO)
    }

    /// Cuts any two hosts off from each other, once in `every`, for `lasting`.
    ///
    /// ```
    /// # use nestling_net::testing::net::Faults;
    /// # use std::time::Duration;
    /// let faults = Faults::during(Duration::from_secs(60))
    ///     .partitions(Duration::from_secs(9), Duration::from_secs(1)..=Duration::from_secs(3));
    /// ```
    pub fn partitions(self, every: impl Into<Span>, lasting: impl Into<Span>) -> Faults {
        self.and(What::Partition, every, lasting)
    }

    /// Cuts any host off from all others, once in `every`, for `lasting`.
    ///
    /// ```
    /// # use nestling_net::testing::net::Faults;
    /// # use std::time::Duration;
    /// let faults = Faults::during(Duration::from_secs(60))
    ///     .unplugs(Duration::from_secs(9), Duration::from_secs(1)..=Duration::from_secs(3));
    /// ```
    pub fn unplugs(self, every: impl Into<Span>, lasting: impl Into<Span>) -> Faults {
        self.and(What::Unplug, every, lasting)
    }

    /// Makes any host refuse new connections, once in `every`, for `lasting`.
    ///
    /// ```
    /// # use nestling_net::testing::net::Faults;
    /// # use std::time::Duration;
    /// let faults = Faults::during(Duration::from_secs(60))
    ///     .refusals(Duration::from_secs(9), Duration::from_secs(1)..=Duration::from_secs(3));
    /// ```
    pub fn refusals(self, every: impl Into<Span>, lasting: impl Into<Span>) -> Faults {
        self.and(What::Refuse, every, lasting)
    }

    fn and(mut self, what: What, every: impl Into<Span>, lasting: impl Into<Span>) -> Faults {
        self.kinds.push(Kind {
            what,
            every: every.into(),
            lasting: lasting.into(),
        });
        self
    }
}
