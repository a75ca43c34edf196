//! Cancelling a scope from another thread.

use std::sync::Arc;

use nestling_runtime::{CancelKind, Cancelled};

use crate::scope::CancelScope;

/// Cancels a scope from any thread, made by [`CancelScope::canceller`]. Clones do the same.
///
/// It may be used before the scope is run, and after the scope or the whole run has ended, when it
/// does nothing.
///
/// ```
/// use nestling_nursery::CancelScope;
/// use nestling_runtime::{run, sleep_forever};
///
/// run(async {
///     let scope = CancelScope::new();
///     let canceller = scope.canceller();
///     let thread = std::thread::spawn(move || canceller.cancel_because("enough"));
///     let cancelled = scope.run(sleep_forever()).await;
///     assert!(cancelled.is_err_and(|cancelled| cancelled.reason() == Some("enough")));
///     # assert!(thread.join().is_ok());
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Canceller {
    inner: nestling_runtime::Canceller,
}

impl Canceller {
    pub(crate) fn unbound() -> Canceller {
        Canceller {
            inner: nestling_runtime::Canceller::unbound(),
        }
    }

    /// From now on requests go to the run of this thread; one that was made before is carried out.
    pub(crate) fn bind(&self, scope: &CancelScope) {
        if let Some(cause) = self.inner.bind(scope.frame().handle()) {
            scope.cancel_as(cause);
        }
    }

    pub(crate) fn unbind(&self) {
        self.inner.unbind();
    }

    /// Asks for the scope to be cancelled, as [`CancelScope::cancel`] does; it happens in the run's
    /// next turn.
    #[track_caller]
    pub fn cancel(&self) {
        self.inner.cancel(Cancelled::new(CancelKind::Explicit));
    }

    /// As [`cancel`](Self::cancel), with a reason.
    #[track_caller]
    pub fn cancel_because(&self, reason: impl Into<Arc<str>>) {
        self.inner
            .cancel(Cancelled::new(CancelKind::Explicit).because(reason));
    }
}
