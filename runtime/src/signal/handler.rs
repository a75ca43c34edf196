#![expect(
    unsafe_code,
    reason = "it asks the system for a handler, and adds to one"
)]
//! The two things about signal handlers that have no safe form elsewhere.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::SigId;
use signal_hook::low_level;

/// Has every signal of `kind` counted.
///
/// # Errors
/// What the system says to the handler.
pub(super) fn count(kind: i32, arrivals: Arc<AtomicUsize>) -> io::Result<SigId> {
    let action = move || {
        arrivals.fetch_add(1, Ordering::SeqCst);
    };
    // SAFETY: adding to an atomic integer is all that the action does, which a handler may do at any
    // moment; it neither allocates nor locks nor panics.
    unsafe { low_level::register(kind, action) }
}

/// Whether `kind` does what the system does by default: no handler, and not ignored.
///
/// # Errors
/// There is no such kind.
pub(super) fn is_default(kind: i32) -> io::Result<bool> {
    use std::mem::MaybeUninit;

    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given; the old one is written to where there is room for one.
    let result = unsafe { libc::sigaction(kind, std::ptr::null(), action.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded, so it is filled in; zeroed, it was a valid value before.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_DFL)
}
