//! Moments in eight bytes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::context;
use crate::core;

/// Some moment, to the nanosecond, within 292 years of the first that this process made; or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(i64);

/// The first that was made.
static EPOCH: OnceLock<Instant> = OnceLock::new();

impl Moment {
    pub(crate) const NONE: Moment = Moment(i64::MIN);

    /// The present one to the turn of the loop; none outside a run.
    #[inline]
    pub(crate) fn of_turn() -> Moment {
        match context::with(|context| context.moment.get()) {
            Moment::NONE => Moment::of_new_turn(),
            moment => moment,
        }
    }

    #[cold]
    fn of_new_turn() -> Moment {
        let moment = core::turn_time().map_or(Moment::NONE, Moment::of);
        context::with(|context| context.moment.set(moment));
        moment
    }

    fn of(instant: Instant) -> Moment {
        let epoch = *EPOCH.get_or_init(|| instant);
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        match instant.checked_duration_since(epoch) {
            Some(after) => Moment(nanos(after)),
            None => Moment(-nanos(epoch.duration_since(instant))),
        }
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        let epoch = *EPOCH.get()?;
        let span = Duration::from_nanos(self.0.unsigned_abs());
        match self {
            Moment::NONE => None,
            Moment(nanos) if nanos < 0 => epoch.checked_sub(span),
            Moment(_) => epoch.checked_add(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_and_after_the_first_come_back() {
        let first = Instant::now();
        let span = Duration::new(5, 7);
        for instant in [
            Some(first),
            first.checked_add(span),
            first.checked_sub(span),
        ] {
            assert_eq!(
                instant.and_then(|instant| Moment::of(instant).instant()),
                instant
            );
        }
    }

    #[test]
    fn there_is_none_outside_a_run() {
        assert_eq!(Moment::of_turn().instant(), None);
    }
}
