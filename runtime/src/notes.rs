//! The notes of a watched run: what its tasks wait for, and who holds their wakers.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::frames::{self, FrameId};
use crate::id_hasher::IdMap;

thread_local! {
    static NOTES: RefCell<IdMap<FrameId, Notes>> = RefCell::default();
}

/// What the last poll of a frame that said anything has said.
#[derive(Default)]
struct Notes {
    words: Vec<String>,
    /// A poll has begun since.
    old: bool,
    /// What its task is polled with.
    counted: Option<(Arc<Counted>, Waker)>,
}

/// A waker whose clones are counted. Frames keep some, and Nestling's own primitives keep what is behind it
/// (see [`own_waker`](crate::own_waker)); all others are in foreign hands, and may wake the task at any time.
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

pub(crate) fn note(what: String) {
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

/// What the task or body in `frame` is to be polled with instead of `inner`.
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

/// Whether something that is not Nestling's holds a waker of some task: another library's future, another
/// thread, or a set of futures, whatever waits in that.
pub(crate) fn has_foreign_wakers() -> bool {
    with(|notes| {
        let mut counted = notes.values().filter_map(|notes| notes.counted.as_ref());
        counted.any(|(counted, _)| {
            // The two that are kept above.
            let given_out = Arc::strong_count(counted) - 2;
            given_out > frames::count_wakers(Arc::as_ptr(counted).cast())
        })
    })
}

/// The frame is about to be polled.
pub(crate) fn begin_poll(frame: FrameId) {
    with(|notes| {
        if let Some(notes) = notes.get_mut(&frame) {
            notes.old = true;
        }
    });
}

/// The frame's future has ended.
pub(crate) fn forget(frame: FrameId) {
    let _words = with(|notes| notes.remove(&frame));
}

/// The run is over.
pub(crate) fn forget_all() {
    let _words = with(std::mem::take);
}

/// What stands behind `waker`, if that is the one which the current task is polled with.
pub(crate) fn uncounted(waker: &Waker) -> Option<Waker> {
    let current = frames::current()?;
    with(|notes| {
        let counted = |frame: FrameId| notes.get(&frame).and_then(|notes| notes.counted.as_ref());
        let task = frames::nearest(current, |frame| counted(frame).is_some())?;
        let (counted, _) = counted(task)?;
        (Arc::as_ptr(counted).cast() == waker.data()).then(|| counted.inner.clone())
    })
}

/// What the frame's future said it waits for, and whether it has been polled since without saying
/// anything. Then it may be a set that polls only what was woken, and still waits for that; or it waits
/// for something foreign now.
pub(crate) fn words(frame: FrameId) -> (Vec<String>, bool) {
    with(|notes| {
        notes
            .get(&frame)
            .map(|notes| (notes.words.clone(), notes.old))
    })
    .unwrap_or_default()
}

fn with<R: Default>(f: impl FnOnce(&mut IdMap<FrameId, Notes>) -> R) -> R {
    // A destructor at the end of the thread may come here too late; there is nobody to tell then.
    NOTES
        .try_with(|notes| f(&mut notes.borrow_mut()))
        .unwrap_or_default()
}
