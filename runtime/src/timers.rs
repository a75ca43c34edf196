//! The timers of a run, and what each does when its deadline has come.
//!
//! A timer is taken out when its owner is dropped and moved when its deadline changes, so there are live timers
//! only, whatever the churn. Equal deadlines fire in the order of arming.
//!
//! The limit of a frame is a timer only if the frame is still there when the loop looks at the timers. Most are
//! not: what they limit is over by then. Until the look they are *noted*, in the order of arming.

mod heap;
mod together;

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::mem::{self, ManuallyDrop};
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use self::heap::Heap;
use crate::frames::{self, FrameId};
use crate::id_hasher::IdMap;
use crate::room;

/// What happens when the deadline has come.
pub(crate) enum Action {
    Wake(Waker),
    Cancel(FrameId),
    Call(Rc<dyn Fn()>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Wake(_) => f.write_str("Wake"),
            Action::Cancel(frame) => write!(f, "Cancel({frame:?})"),
            Action::Call(_) => f.write_str("Call"),
        }
    }
}

/// One armed or fired timer; valid until `remove`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey(u32);

impl TimerKey {
    /// Stands where there is none.
    pub(crate) const NONE: TimerKey = TimerKey(u32::MAX);
}

/// How a timer stands that a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Fired,
    /// It wakes the one who asks.
    Armed,
    /// It wakes somebody else.
    WakesOther,
}

/// What a slot holds, in 16 bytes. The rare calls are kept elsewhere.
enum Stored {
    Wake(Waker),
    /// `FrameId::NONE`: a call, or nothing.
    Cancel(FrameId),
}

const NOTHING: Stored = Stored::Cancel(FrameId::NONE);

/// A frame whose limit is to be armed, and its place in the order of arming.
#[derive(Clone, Copy)]
struct Noted {
    frame: FrameId,
    order: u32,
}

/// So many frames are noted before those that are gone are looked for.
const NOTED_MAX: usize = 256;

/// So many wakers are taken out at a time.
const WAKERS_MAX: usize = 64;

pub(crate) struct Timers {
    heap: Heap,
    actions: Vec<Stored>,
    calls: IdMap<u32, Rc<dyn Fn()>>,
    noted: Vec<Noted>,
    order: u32,
}

thread_local! {
    /// Those of the run of this thread; none outside a run. So there is nothing to destroy.
    static TIMERS: RefCell<ManuallyDrop<Timers>> =
        const { RefCell::new(ManuallyDrop::new(Timers::new())) };
}

/// Looks at the timers of the run of this thread. What may run foreign code, such as cloning or dropping
/// a waker, is not for `f`.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&mut Timers) -> R) -> R {
    TIMERS.with(|timers| f(&mut timers.borrow_mut()))
}

/// Drops all timers: the run is over.
pub(crate) fn clear() {
    let timers = with(|timers| mem::replace(timers, Timers::new()));
    // A frame that outlives the run must not take its key for one of the next.
    for stored in &timers.actions {
        if let Stored::Cancel(frame) = stored {
            frames::forget_timer(*frame);
        }
    }
    drop(timers);
}

/// Arms the limits of the frames that were noted and are still there, for moments that `nanos_of` tells.
#[inline]
pub(crate) fn settle(nanos_of: impl Fn(Instant) -> u64) {
    if !with(|timers| timers.noted.is_empty()) {
        arm_noted(nanos_of);
    }
}

fn arm_noted(nanos_of: impl Fn(Instant) -> u64) {
    let mut noted = with(|timers| mem::take(&mut timers.noted));
    for Noted { frame, order } in noted.drain(..) {
        if let Some(deadline) = frames::deadline(frame) {
            let at = nanos_of(deadline);
            let key = with(|timers| timers.insert_as(at, order, Stored::Cancel(frame)));
            frames::set_timer(frame, key);
        }
    }
    // Its place is kept, so that noting allocates nothing.
    with(|timers| timers.noted = noted);
}

impl Timers {
    const fn new() -> Timers {
        Timers {
            heap: Heap::new(),
            actions: Vec::new(),
            calls: IdMap::with_hasher(BuildHasherDefault::new()),
            noted: Vec::new(),
            order: 0,
        }
    }

    /// Nothing is armed or noted.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.heap.len() == 0 && self.noted.is_empty()
    }

    /// Arms a timer for `at`, in nanoseconds of the run.
    pub(crate) fn insert(&mut self, at: u64, action: Action) -> TimerKey {
        let order = self.next_order();
        let key = self.insert_as(at, order, NOTHING);
        self.store(key, action);
        key
    }

    fn insert_as(&mut self, at: u64, order: u32, stored: Stored) -> TimerKey {
        let slot = self.heap.take_slot();
        match self.actions.get_mut(slot as usize) {
            Some(vacant) => *vacant = stored,
            None => {
                room::make_for_one(&mut self.actions);
                self.actions.push(stored);
            }
        }
        self.heap.insert(slot, at, order);
        TimerKey(slot)
    }

    /// Notes a frame whose deadline is to be armed. `true`: it is time to `settle`.
    #[inline]
    pub(crate) fn note(&mut self, frame: FrameId) -> bool {
        let order = self.next_order();
        self.noted.push(Noted { frame, order });
        self.noted.len() >= NOTED_MAX
    }

    /// Disarms the timer for good. The action is given back so that it can be dropped outside.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Action> {
        self.heap.remove(key.0);
        self.heap.free_slot(key.0);
        self.take(key)
    }

    /// Arms the timer, fired or not, for another time; what it did before is given back.
    pub(crate) fn reset(&mut self, key: TimerKey, at: u64, action: Action) -> Option<Action> {
        let order = self.next_order();
        self.heap.remove(key.0);
        self.heap.insert(key.0, at, order);
        self.replace(key, action)
    }

    /// How the timer stands for the one who is woken by `waker`.
    pub(crate) fn standing(&self, key: TimerKey, waker: &Waker) -> Standing {
        if !self.heap.has_entry(key.0) {
            return Standing::Fired;
        }
        match &self.actions[key.0 as usize] {
            Stored::Wake(known) if known.will_wake(waker) => Standing::Armed,
            _ => Standing::WakesOther,
        }
    }

    /// Has an armed timer do something else, and gives back what it did before.
    pub(crate) fn replace(&mut self, key: TimerKey, action: Action) -> Option<Action> {
        let old = self.take(key);
        self.store(key, action);
        old
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.heap.first()
    }

    /// The moment that the loop waits for by the system's clock, see [`together`].
    pub(crate) fn next_wake_up(&self) -> Option<u64> {
        let (first, next) = self.heap.first_few()?;
        Some(together::wait_until(first, next))
    }

    /// Takes out the first timer whose deadline is not after `now`.
    pub(crate) fn pop_expired(&mut self, now: u64) -> Option<Action> {
        let slot = self.heap.pop(now)?;
        match self.actions[slot as usize] {
            // It stays: the slot is still the frame's, see `clear`.
            Stored::Cancel(frame) if frame != FrameId::NONE => Some(Action::Cancel(frame)),
            _ => self.take(TimerKey(slot)),
        }
    }

    /// Takes out wakers whose deadlines are not after `now`, up to some number, or to a timer that does something
    /// else, which is returned. Taking them out together lets the processor wait for several of them at a time,
    /// as each is somewhere else in memory; waking one makes it wait for what is under way.
    pub(crate) fn pop_wakers(&mut self, now: u64, wakers: &mut Vec<Waker>) -> Option<Action> {
        while wakers.len() < WAKERS_MAX {
            match self.pop_expired(now)? {
                Action::Wake(waker) => wakers.push(waker),
                other => return Some(other),
            }
        }
        None
    }

    /// How many timers are armed.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    #[inline]
    fn next_order(&mut self) -> u32 {
        if self.order == u32::MAX {
            self.renumber();
        }
        self.order += 1;
        self.order - 1
    }

    /// Counts the order of arming anew, for those that are armed or noted.
    #[cold]
    fn renumber(&mut self) {
        let noted = self.noted.iter().map(|noted| noted.order);
        let mut old: Vec<u32> = self.heap.orders().chain(noted).collect();
        old.sort_unstable();
        // No two are equal, and there are fewer of them than orders.
        let new = |order: u32| old.partition_point(|&old| old < order) as u32;
        self.heap.renumber(new);
        for noted in &mut self.noted {
            noted.order = new(noted.order);
        }
        self.order = old.len() as u32;
    }

    fn store(&mut self, key: TimerKey, action: Action) {
        self.actions[key.0 as usize] = match action {
            Action::Wake(waker) => Stored::Wake(waker),
            Action::Cancel(frame) => Stored::Cancel(frame),
            Action::Call(call) => {
                self.calls.insert(key.0, call);
                NOTHING
            }
        };
    }

    fn take(&mut self, key: TimerKey) -> Option<Action> {
        match mem::replace(&mut self.actions[key.0 as usize], NOTHING) {
            Stored::Wake(waker) => Some(Action::Wake(waker)),
            Stored::Cancel(FrameId::NONE) => self.calls.remove(&key.0).map(Action::Call),
            Stored::Cancel(frame) => Some(Action::Cancel(frame)),
        }
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("armed", &self.heap.len())
            .field("noted", &self.noted.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(timers: &mut Timers, now: u64) -> Vec<u32> {
        let frames = std::iter::from_fn(|| timers.pop_expired(now));
        let index = |action| match action {
            Action::Cancel(frame) => frame.index,
            other => panic!("{other:?}"),
        };
        frames.map(index).collect()
    }

    #[test]
    fn of_many_with_one_deadline_the_first_armed_fires_first() {
        // In one of them the order of arming is counted anew half-way.
        for first_order in [0, u32::MAX - 40] {
            let mut timers = Timers::new();
            timers.order = first_order;
            for index in 0..100 {
                timers.insert(7, Action::Cancel(FrameId::numbered(index)));
            }
            assert_eq!(fired(&mut timers, 7), Vec::from_iter(0..100));
        }
    }

    #[test]
    fn what_was_noted_keeps_its_place_when_the_order_is_counted_anew() {
        let mut timers = Timers::new();
        timers.order = u32::MAX - 2;
        timers.insert(7, Action::Cancel(FrameId::numbered(0)));
        assert!(!timers.note(FrameId::numbered(1)));
        for index in 2..5 {
            timers.insert(7, Action::Cancel(FrameId::numbered(index)));
        }
        let Noted { frame, order } = timers.noted[0];
        timers.insert_as(7, order, Stored::Cancel(frame));
        assert_eq!(fired(&mut timers, 7), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn frames_that_are_gone_are_noted_up_to_a_number() {
        let mut timers = Timers::new();
        let full = (0..).position(|index| timers.note(FrameId::numbered(index)));
        assert_eq!(full, Some(NOTED_MAX - 1));
    }

    #[test]
    fn a_timer_that_is_reset_does_the_new_thing_and_is_the_last_armed() {
        let mut timers = Timers::new();
        let first = timers.insert(1, Action::Cancel(FrameId::numbered(1)));
        timers.insert(7, Action::Cancel(FrameId::numbered(2)));
        assert!(timers.pop_expired(1).is_some());
        let old = timers.reset(first, 7, Action::Cancel(FrameId::numbered(3)));
        assert!(matches!(old, Some(Action::Cancel(frame)) if frame.index == 1));
        assert_eq!(fired(&mut timers, 7), [2, 3]);
        drop(timers.remove(first));
        assert!(timers.pop_expired(u64::MAX).is_none());
    }

    #[test]
    fn a_call_is_handed_out_once_and_its_slot_serves_others() {
        let call: Rc<dyn Fn()> = Rc::new(|| {});
        let mut timers = Timers::new();
        let made = timers.insert(1, Action::Call(Rc::clone(&call)));
        let removed = timers.insert(2, Action::Call(Rc::clone(&call)));
        assert!(matches!(timers.pop_expired(1), Some(Action::Call(_))));
        assert!(timers.remove(made).is_none());
        assert_eq!(Rc::strong_count(&call), 2);
        assert!(matches!(timers.remove(removed), Some(Action::Call(_))));
        assert_eq!(Rc::strong_count(&call), 1);
        let frame = timers.insert(3, Action::Cancel(FrameId::numbered(1)));
        assert!(matches!(timers.remove(frame), Some(Action::Cancel(_))));
    }

    #[test]
    fn however_many_follow_closely_none_is_waited_for_too_long() {
        let mut timers = Timers::new();
        for number in 0..1000 {
            // A chain in which each is close to the one before it.
            let at = number * (together::WITHIN / 3) + number % 7;
            timers.insert(at, Action::Cancel(FrameId::numbered(number as u32)));
        }
        let mut wake_ups = 0;
        while let Some(first) = timers.next_deadline() {
            let at = timers.next_wake_up().unwrap();
            assert!((first..=first + together::WITHIN).contains(&at));
            assert!(!fired(&mut timers, at).is_empty());
            wake_ups += 1;
        }
        assert!(wake_ups < 700, "{wake_ups} wake-ups for 1000 deadlines");
        assert_eq!(timers.next_wake_up(), None);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn what_a_timer_does_takes_16_bytes() {
        assert_eq!(size_of::<Stored>(), 16);
    }
}
