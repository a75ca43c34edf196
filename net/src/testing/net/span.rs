//! A time that is fixed, or drawn from a range each time.

use std::ops::RangeInclusive;
use std::time::Duration;

use nestling_runtime::testing::Rng;

/// How long something takes: a [`Duration`], or a range of them, from which the seed draws each
/// time.
///
/// ```
/// use std::time::Duration;
/// use nestling_net::testing::net::{Link, Span};
///
/// let millis = Duration::from_millis;
/// let fixed = Link::new().latency(millis(5));
/// let drawn = Link::new().latency(millis(5)..=millis(50));
/// let either: Span = Duration::ZERO.into();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: Duration,
    to: Duration,
}

impl Span {
    pub(super) const fn of(duration: Duration) -> Span {
        Span {
            from: duration,
            to: duration,
        }
    }

    /// In nanoseconds. What is fixed draws nothing.
    pub(super) fn draw(self, rng: &mut Rng) -> u64 {
        if self.from == self.to {
            return nanos(self.from);
        }
        rng.range(nanos(self.from)..nanos(self.to).saturating_add(1))
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Span {
        Span::of(duration)
    }
}

impl From<RangeInclusive<Duration>> for Span {
    /// An empty range counts as its start.
    fn from(range: RangeInclusive<Duration>) -> Span {
        let (from, to) = range.into_inner();
        Span {
            from,
            to: to.max(from),
        }
    }
}
