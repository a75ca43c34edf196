//! What tasks wait for, noted while a run is watched.
//!
//! Whoever returns `Pending` may say why. Nobody listens in an ordinary run, and then it costs a
//! thread-local read; in a watched one the words are kept with the frame that is being polled, for the
//! tree that a deadlock shows.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::context;
use crate::frames::{self, FrameId};

thread_local! {
    static NOTES: RefCell<HashMap<FrameId, Notes>> = RefCell::default();
}

/// What the last poll of a frame that said anything has said.
#[derive(Default)]
struct Notes {
    words: Vec<String>,
    /// A poll has begun since.
    old: bool,
}

/// Says what the current task is about to wait for. To be called by a future before it returns
/// `Pending`; `what` is called only while the run is watched, and completes the sentence "it waits
/// for".
///
/// ```
/// use std::future::poll_fn;
/// use std::task::Poll;
///
/// # nestling_runtime::run(async {
/// let mut rung = true;
/// poll_fn(|cx| {
///     if rung {
///         return Poll::Ready(());
///     }
///     nestling_runtime::waits_for(|| "the bell".to_owned());
///     # let _ = cx;
///     Poll::Pending
/// })
/// .await;
/// # });
/// ```
#[inline]
pub fn waits_for(what: impl FnOnce() -> String) {
    if is_watched() {
        note(what());
    }
}

#[inline]
pub(crate) fn is_watched() -> bool {
    context::with(|context| context.watched.get())
}

#[cold]
fn note(what: String) {
    let Some(frame) = frames::current() else {
        return;
    };
    with(|notes| {
        let notes = notes.entry(frame).or_default();
        if std::mem::take(&mut notes.old) {
            notes.words.clear();
        }
        notes.words.push(what);
    });
}

/// The frame is about to be polled.
#[cold]
pub(crate) fn begin_poll(frame: FrameId) {
    with(|notes| {
        if let Some(notes) = notes.get_mut(&frame) {
            notes.old = true;
        }
    });
}

/// The frame's future has ended.
#[cold]
pub(crate) fn forget(frame: FrameId) {
    let _words = with(|notes| notes.remove(&frame));
}

/// The run is over.
#[expect(dead_code, reason = "called by the watch of a run")]
pub(crate) fn forget_all() {
    let _words = with(std::mem::take);
}

/// What the frame's future said it waits for.
#[expect(dead_code, reason = "read by the watch of a run")]
pub(crate) fn words(frame: FrameId) -> Vec<String> {
    with(|notes| notes.get(&frame).map(|notes| notes.words.clone())).unwrap_or_default()
}

fn with<R: Default>(f: impl FnOnce(&mut HashMap<FrameId, Notes>) -> R) -> R {
    // A destructor at the end of the thread may come here too late; there is nobody to tell then.
    NOTES
        .try_with(|notes| f(&mut notes.borrow_mut()))
        .unwrap_or_default()
}
