//! The latest value of something, for everybody who watches it.
//!
//! The value lies in an `Rc` that is replaced, never changed: a reader keeps what it has looked at for as
//! long as it likes, and can neither hold up the writer nor be surprised by it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::error::{Closed, SendError};
use super::places::Line;
use super::waiters::Key;
use crate::{poll_proceed, waits_for};

struct Shared<T> {
    value: RefCell<Rc<T>>,
    version: Cell<u64>,
    senders: Cell<usize>,
    receivers: Cell<usize>,
    changed: Line,
    closing: Line,
}

impl<T> Shared<T> {
    fn value(&self) -> Rc<T> {
        Rc::clone(&self.value.borrow())
    }
}

/// A value that is watched. Receivers see the latest one, and may miss those between.
///
/// ```
/// use nestling_runtime::channel::watch;
///
/// # nestling_runtime::run(async {
/// let (sender, mut receiver) = watch("starting");
/// assert_eq!(*receiver.borrow(), "starting");
/// sender.send("running")?;
/// receiver.changed().await?;
/// assert_eq!(*receiver.borrow(), "running");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[must_use]
pub fn watch<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: RefCell::new(Rc::new(value)),
        version: Cell::new(0),
        senders: Cell::new(1),
        receivers: Cell::new(1),
        changed: Line::new(),
        closing: Line::new(),
    });
    let sender = Sender {
        shared: Rc::clone(&shared),
    };
    (sender, Receiver::new(shared, 0))
}

/// Sets the value, made by [`watch()`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sets the value and wakes who waits for that. It never waits.
    ///
    /// # Errors
    /// With the value, if every receiver is gone; then nothing is changed. See
    /// [`send_replace`](Self::send_replace).
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Sets the value, though there be no receiver now, and returns the one before.
    pub fn send_replace(&self, value: T) -> Rc<T> {
        let old = self.shared.value.replace(Rc::new(value));
        self.shared.version.set(self.shared.version.get() + 1);
        self.shared.changed.wake_all();
        old
    }

    /// Changes the value, and wakes who waits for that.
    ///
    /// `change` works on a copy, which becomes the value when it returns. So it may look at the channel,
    /// and nothing is changed if it panics; put what is dear to copy into an `Rc`.
    ///
    /// ```
    /// use nestling_runtime::channel::watch;
    ///
    /// let (sender, receiver) = watch(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    pub fn send_modify(&self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// As [`send_modify`](Self::send_modify), but if `change` returns `false` the value stays as it was
    /// and nobody is woken. Returns what `change` did.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool
    where
        T: Clone,
    {
        let mut value = T::clone(&self.borrow());
        let modified = change(&mut value);
        if modified {
            self.send_replace(value);
        }
        modified
    }

    /// The value as it is now. What is sent later does not change it.
    #[must_use]
    pub fn borrow(&self) -> Rc<T> {
        self.shared.value()
    }

    /// Another receiver, which has seen the value that is there now.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.receivers.set(self.shared.receivers.get() + 1);
        Receiver::new(Rc::clone(&self.shared), self.shared.version.get())
    }

    /// Whether every receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.receivers.get() == 0
    }

    /// Waits until every receiver is gone.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing is left.
    pub async fn closed(&self) {
        let mut waiting = Waiting::new(&self.shared.closing);
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            waiting.wait(cx);
            if self.is_closed() {
                return Poll::Ready(());
            }
            waits_for(|| "the last receiver of a watched value to go".to_owned());
            Poll::Pending
        })
        .await;
    }

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Sender {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.shared.senders.get() - 1;
        self.shared.senders.set(left);
        if left == 0 {
            self.shared.changed.wake_all_in_drop();
        }
    }
}

/// Watches the value, made by [`watch()`]. Each receiver knows which value it has seen.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    seen: u64,
}

impl<T> Receiver<T> {
    fn new(shared: Rc<Shared<T>>, seen: u64) -> Receiver<T> {
        Receiver { shared, seen }
    }

    /// The value as it is now. What is sent later does not change it. It does not count as seen by
    /// [`changed`](Self::changed).
    #[must_use]
    pub fn borrow(&self) -> Rc<T> {
        self.shared.value()
    }

    /// The value as it is now, which counts as seen from here on.
    #[must_use]
    pub fn borrow_and_update(&mut self) -> Rc<T> {
        self.seen = self.shared.version.get();
        self.shared.value()
    }

    /// Whether there is a value that this receiver has not seen.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.seen != self.shared.version.get()
    }

    /// Whether every sender is gone, so that the value stays as it is.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.senders.get() == 0
    }

    /// Waits for a value that this receiver has not seen, and counts it as seen.
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, nothing counts as seen.
    ///
    /// # Errors
    /// If every sender is gone, and the last value has been seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let mut waiting = Waiting::new(&self.shared.changed);
        let seen = &mut self.seen;
        let shared = &self.shared;
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            waiting.wait(cx);
            if *seen != shared.version.get() {
                *seen = shared.version.get();
                return Poll::Ready(Ok(()));
            }
            if shared.senders.get() == 0 {
                return Poll::Ready(Err(Closed));
            }
            waits_for(|| "a watched value to change".to_owned());
            Poll::Pending
        })
        .await
    }

    /// Waits until the value is as `wanted`, which it may be at once, and counts that value as seen.
    ///
    /// ```
    /// use nestling_runtime::channel::watch;
    ///
    /// # nestling_runtime::run(async {
    /// let (sender, mut receiver) = watch(1);
    /// sender.send(20)?;
    /// assert_eq!(*receiver.wait_for(|value| *value > 10).await?, 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel and drop
    /// It is a checkpoint. Cut off or dropped, values it has looked at count as seen.
    ///
    /// # Errors
    /// If every sender is gone, and the last value is not as wanted.
    ///
    /// # Panics
    /// If `wanted` does.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<Rc<T>, Closed> {
        poll_fn(poll_proceed).await;
        loop {
            let value = self.borrow_and_update();
            if wanted(&value) {
                return Ok(value);
            }
            self.changed().await?;
        }
    }

    /// Figures of the channel.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.shared)
    }
}

/// A clone has seen what the original has.
impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.shared.receivers.set(self.shared.receivers.get() + 1);
        Receiver::new(Rc::clone(&self.shared), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = self.shared.receivers.get() - 1;
        self.shared.receivers.set(left);
        if left == 0 {
            self.shared.closing.wake_all_in_drop();
        }
    }
}

/// A place in a line, given up on drop.
struct Waiting<'a> {
    line: &'a Line,
    place: Option<Key>,
}

impl Waiting<'_> {
    fn new(line: &Line) -> Waiting<'_> {
        Waiting { line, place: None }
    }

    fn wait(&mut self, cx: &mut Context<'_>) {
        self.line.wait(&mut self.place, cx);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.leave(&mut self.place);
    }
}

/// What a watched value is like at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Open senders.
    pub senders: usize,
    /// Open receivers.
    pub receivers: usize,
    /// How often the value has been set.
    pub version: u64,
    /// Tasks that wait for a change.
    pub tasks_waiting: usize,
}

impl Statistics {
    fn of<T>(shared: &Shared<T>) -> Statistics {
        Statistics {
            senders: shared.senders.get(),
            receivers: shared.receivers.get(),
            version: shared.version.get(),
            tasks_waiting: shared.changed.len(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("watch::Sender")
            .field("version", &self.shared.version.get())
            .field("receivers", &self.shared.receivers.get())
            .finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("watch::Receiver")
            .field("changed", &self.has_changed())
            .field("senders", &self.shared.senders.get())
            .finish()
    }
}
