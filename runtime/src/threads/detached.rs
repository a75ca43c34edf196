//! Work that nobody waits for.

use std::sync::Arc;

use super::cache;
use super::error::SpawnError;
use super::job::{Job, Work};
use crate::cancelled::{CancelKind, Cancelled};

/// Has a thread call `f`, under this name. It is one of those that `to_thread` uses, and counted with them,
/// but takes no place in a limiter. For what must be waited for by the system's means alone, and ends when
/// something else does.
pub(crate) fn detach(name: &str, f: impl FnOnce() + Send + 'static) -> Result<(), SpawnError> {
    let job = Arc::new(Job::new(f, Some(Arc::from(name))));
    let nobody = Cancelled::new(CancelKind::Explicit).because("nobody waits for this thread");
    // Never refused: it has not begun.
    let _abandoned = job.link.abandon(nobody, Box::new(|| ()));
    cache::common().start(job as Arc<dyn Work>)
}
