//! Programs that are stopped at each of their steps.

use nestling::Outcome;
use nestling::testing::{CancelEverywhere, Coverage};

use super::leaks::LeakCheck;

/// Cancels, drops and has `program` panic everywhere, in virtual time.
#[track_caller]
pub(crate) fn everywhere<R: Outcome>(program: impl AsyncFn() -> R) -> Coverage {
    everywhere_with(CancelEverywhere::new(), program)
}

/// As [`everywhere`], with settings.
#[track_caller]
pub(crate) fn everywhere_with<R: Outcome>(
    settings: CancelEverywhere<'_>,
    program: impl AsyncFn() -> R,
) -> Coverage {
    let _leaks = LeakCheck::begin();
    let settings = settings.drop_too().panic_too();
    if cfg!(miri) {
        return settings.pairs_max(10).run(program);
    }
    settings.run(program)
}
