//! What tasks wait for, noted while a run is watched.
//!
//! Whoever returns `Pending` may say why. Nobody listens in an ordinary run, and then it costs a
//! thread-local read; in a watched one the words are kept with the frame that is being polled, for the
//! tree that a deadlock shows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::context;
use crate::frame::Entered;
use crate::frames::{self, FrameId};

thread_local! {
    static NOTES: RefCell<HashMap<FrameId, Notes>> = RefCell::default();
}

/// What the last poll of a frame that said anything has said.
#[derive(Default)]
struct Notes {
    words: Vec<String>,
    /// How many of them stand for a waker that somebody keeps.
    wakers: usize,
    /// A poll has begun since.
    old: bool,
    /// What its task is polled with.
    counted: Option<(Arc<Counted>, Waker)>,
}

/// A waker whose clones are counted. Each of them is in the hands of something that the task waits
/// for; those that no words account for are in foreign hands, and may wake the task at any time.
struct Counted {
    inner: Waker,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.inner.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inner.wake_by_ref();
    }
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
        note(what(), true);
    }
}

/// As [`waits_for`], where the waker may be used from outside the run: another thread has it, say. A
/// run in which somebody waits for such is not deadlocked.
#[inline]
pub fn waits_for_outside(what: impl FnOnce() -> String) {
    // Nothing but foreign hands accounts for the waker then.
    if is_watched() {
        note(what(), false);
    }
}

/// As [`waits_for`], where nobody keeps a waker.
pub(crate) fn waits_unwoken(what: &str) {
    if is_watched() {
        note(what.to_owned(), false);
    }
}

impl Entered<'_> {
    /// As [`waits_for`], for the frame that was entered, which keeps the waker itself.
    pub fn waits_for(&self, what: impl FnOnce() -> String) {
        if is_watched() {
            note(what(), false);
        }
    }
}

#[inline]
pub(crate) fn is_watched() -> bool {
    context::with(|context| context.watched.get())
}

#[cold]
fn note(what: String, has_waker: bool) {
    let Some(frame) = frames::current() else {
        return;
    };
    with(|notes| {
        let notes = notes.entry(frame).or_default();
        if std::mem::take(&mut notes.old) {
            notes.words.clear();
            notes.wakers = 0;
        }
        notes.words.push(what);
        notes.wakers += usize::from(has_waker);
    });
}

/// What the task or body in `frame` is to be polled with instead of `inner`.
#[cold]
pub(crate) fn counted(frame: FrameId, inner: &Waker) -> Waker {
    let mut old = None;
    let known = with(|notes| {
        let notes = notes.entry(frame).or_default();
        match &notes.counted {
            Some((counted, waker)) if counted.inner.will_wake(inner) => Some(waker.clone()),
            _ => {
                old = notes.counted.take();
                None
            }
        }
    });
    drop(old);
    known.unwrap_or_else(|| {
        let counted = Arc::new(Counted {
            inner: inner.clone(),
        });
        let waker = Waker::from(Arc::clone(&counted));
        let kept = Some((counted, waker.clone()));
        with(|notes| notes.entry(frame).or_default().counted = kept);
        waker
    })
}

/// Whether something that is not Nestling's holds a waker of some task.
///
/// The words count, and not who said them: a set of futures polls its own with wakers of its own, and
/// holds one of the task's. So a set that waits for something of Nestling's and for something foreign at
/// once passes for one that waits for the first only.
pub(crate) fn has_foreign_wakers() -> bool {
    with(|notes| {
        let mut said: HashMap<FrameId, usize> = HashMap::new();
        for (&frame, of_frame) in &*notes {
            let is_counted =
                |frame: FrameId| notes.get(&frame).is_some_and(|task| task.counted.is_some());
            if let Some(task) = frames::nearest(frame, is_counted) {
                *said.entry(task).or_default() += of_frame.wakers;
            }
        }
        notes.iter().any(|(frame, of_frame)| {
            let Some((counted, _)) = &of_frame.counted else {
                return false;
            };
            // The two that are kept above.
            let given_out = Arc::strong_count(counted) - 2;
            let in_frames = frames::count_wakers(Arc::as_ptr(counted).cast());
            given_out > in_frames + said.get(frame).copied().unwrap_or(0)
        })
    })
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
pub(crate) fn forget_all() {
    let _words = with(std::mem::take);
}

/// What the frame's future said it waits for.
pub(crate) fn words(frame: FrameId) -> Vec<String> {
    with(|notes| notes.get(&frame).map(|notes| notes.words.clone())).unwrap_or_default()
}

fn with<R: Default>(f: impl FnOnce(&mut HashMap<FrameId, Notes>) -> R) -> R {
    // A destructor at the end of the thread may come here too late; there is nobody to tell then.
    NOTES
        .try_with(|notes| f(&mut notes.borrow_mut()))
        .unwrap_or_default()
}
