//! A line of waiting tasks: what all other primitives are built on.
//!
//! Who is parked has a slot in the lot's queue, and the future knows its key. Slots stay until the future
//! has been polled or dropped, so that it can tell what became of it. A waiter that is moved to another
//! lot gets a slot there and leaves its address in the old one. No borrow of the queue is held while a
//! waker is woken, cloned or dropped.

mod inner;
mod park;
mod queue;
mod wakers;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use self::inner::Inner;
pub use self::park::Park;
use self::queue::{Queue, State, Waiter};

/// A line in which tasks wait until somebody unparks them: first come, first served.
///
/// It is for building primitives: an [`Event`](super::Event) is a flag and a lot, a
/// [`Semaphore`](super::Semaphore) is a number and a lot. A waiter may bring a request `W` along, which
/// the one who unparks can look at.
///
/// ```
/// use std::cell::Cell;
/// use nestling_runtime::sync::ParkingLot;
///
/// /// A gate that lets one through for each call of `open`.
/// struct Gate {
///     lot: ParkingLot,
/// }
///
/// impl Gate {
///     async fn pass(&self) {
///         self.lot.park().await;
///     }
///
///     fn open(&self) {
///         self.lot.unpark(1);
///     }
/// }
///
/// let gate = Gate { lot: ParkingLot::new("the gate") };
/// gate.open(); // nobody is there
/// assert_eq!(gate.lot.len(), 0);
/// ```
///
/// # Cancellation
/// A waiter whose context is cancelled when its turn comes is passed over: it is about to be cut off, and
/// what it would have been woken for goes to the next. A waiter that was unparked first and cancelled
/// then is told so in its next poll, since what was handed to it must not be lost. One that is dropped
/// before that poll knows that it had been unparked ([`Park::is_unparked`]), so that the primitive can
/// pass on what was handed over.
pub struct ParkingLot<W = ()> {
    what: &'static str,
    site: &'static Location<'static>,
    /// Made when somebody parks for the first time.
    inner: OnceCell<Rc<Inner<W>>>,
}

impl ParkingLot {
    /// Waits in the line until it is unparked.
    ///
    /// It is a checkpoint. See [`park_with`](Self::park_with).
    pub fn park(&self) -> Park {
        self.park_with(())
    }
}

impl<W: Copy> ParkingLot<W> {
    /// A lot in which nobody waits. `what` is what tasks wait for there; it completes the sentence
    /// "the task waits for", and the line of this call is added to it.
    #[track_caller]
    #[must_use]
    pub const fn new(what: &'static str) -> ParkingLot<W> {
        ParkingLot {
            what,
            site: Location::caller(),
            inner: OnceCell::new(),
        }
    }

    /// Waits in the line with a request, until it is unparked. It joins the line when it is first polled.
    ///
    /// # Cancel and drop
    /// A checkpoint: in a cancelled context it does not join the line. Dropped or cut off, it leaves the
    /// line, and the order of the others stays. Whoever hands something over with `unpark` asks
    /// [`Park::is_unparked`] in the destructor of the future around it, and passes on what had been handed
    /// over. A future whose lot is dropped waits on for ever.
    pub fn park_with(&self, request: W) -> Park<W> {
        Park::new(Rc::clone(self.inner()), request)
    }

    fn inner(&self) -> &Rc<Inner<W>> {
        self.inner.get_or_init(|| {
            Rc::new(Inner {
                what: self.what,
                site: self.site,
                queue: RefCell::new(Queue::new()),
                spare: Cell::default(),
            })
        })
    }

    /// Unparks the first `count` waiters, or as many as there are, and returns their number.
    pub fn unpark(&self, count: usize) -> usize {
        let mut left = count;
        self.unpark_while(|_| match left.checked_sub(1) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
    }

    /// Unparks everybody who waits, and returns their number.
    pub fn unpark_all(&self) -> usize {
        self.unpark_while(|_| true)
    }

    /// Unparks from the front as long as `take` says yes to the request, and returns the number.
    ///
    /// `take` settles the account: when the first waker is woken, it has been asked about all of them.
    ///
    /// ```
    /// use nestling_runtime::sync::ParkingLot;
    ///
    /// let lot: ParkingLot<usize> = ParkingLot::new("some of the memory");
    /// let mut free = 100;
    /// // Nobody overtakes one who wants more than there is.
    /// let served = lot.unpark_while(|wanted| match wanted <= free {
    ///     true => { free -= wanted; true }
    ///     false => false,
    /// });
    /// assert_eq!(served, 0); // nobody waits
    /// ```
    ///
    /// # Panics
    /// If `take` itself changes who is first. If a waker panics, when all have been woken.
    #[inline]
    pub fn unpark_while(&self, take: impl FnMut(W) -> bool) -> usize {
        match self.inner.get() {
            Some(inner) if inner.len() > 0 => inner.unpark_while(take),
            _ => 0,
        }
    }

    /// Unparks the first waiter if `take` says yes to its request. Whether it did.
    ///
    /// For what one waiter at a time can have, where [`unpark_while`](Self::unpark_while) would ask about the
    /// next one only to hear no.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use nestling_runtime::sync::ParkingLot;
    ///
    /// let free = Cell::new(true);
    /// let lot: ParkingLot<u32> = ParkingLot::new("the printer");
    /// assert!(!lot.unpark_first(|_who| free.replace(false))); // nobody waits
    /// assert!(free.get());
    /// ```
    ///
    /// # Panics
    /// As [`unpark_while`](Self::unpark_while).
    #[inline]
    pub fn unpark_first(&self, take: impl FnOnce(W) -> bool) -> bool {
        match self.inner.get() {
            Some(inner) if inner.len() > 0 => inner.unpark_first(take),
            _ => false,
        }
    }

    /// Moves the first `count` waiters, or as many as there are, to the end of another line, in order and
    /// without waking them. Returns their number.
    pub fn repark(&self, other: &ParkingLot<W>, count: usize) -> usize {
        let Some(inner) = self.inner.get() else {
            return 0;
        };
        let target = other.inner();
        let count = if Rc::ptr_eq(inner, target) {
            // Once round is enough.
            count.min(self.dismiss_cancelled())
        } else {
            count
        };
        let mut wakers = inner.wakers();
        let mut moved = 0;
        while moved < count {
            let Some((key, request)) = inner.first(&mut wakers) else {
                break;
            };
            let mut queue = inner.queue.borrow_mut();
            let frame = queue.get(key).waiter.frame;
            let waker = queue.unlink(key, State::Left);
            drop(queue);
            let there = target.queue.borrow_mut().push(Waiter {
                request,
                waker,
                frame,
            });
            inner.queue.borrow_mut().slot(key).state = State::Moved(Rc::clone(target), there);
            moved += 1;
        }
        wakers.wake();
        moved
    }

    /// As [`repark`](Self::repark), for everybody.
    pub fn repark_all(&self, other: &ParkingLot<W>) -> usize {
        self.repark(other, usize::MAX)
    }

    /// Takes those out of the line whose context is cancelled, and returns the number of the others.
    ///
    /// They are about to be cut off where they wait, and `unpark` passes over them in any case. Call this
    /// before you count on the number of those who wait.
    pub fn dismiss_cancelled(&self) -> usize {
        let Some(inner) = self.inner.get() else {
            return 0;
        };
        let mut wakers = inner.wakers();
        let mut queue = inner.queue.borrow_mut();
        let mut next = queue.first();
        while let Some(key) = next {
            next = queue.after(key);
            if queue.get(key).waiter.is_cancelled() {
                wakers.push(queue.unlink(key, State::Left));
            }
        }
        let left = queue.len();
        drop(queue);
        wakers.wake();
        left
    }

    /// How many wait. Those who have been cancelled and not yet been cut off are among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.get().map_or(0, |inner| inner.len())
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the lot.
    #[must_use]
    pub fn statistics(&self) -> ParkingLotStatistics {
        ParkingLotStatistics {
            tasks_waiting: self.len(),
        }
    }

    /// Where the lot, or what it belongs to, was made.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }
}

/// The state of a [`ParkingLot`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkingLotStatistics {
    /// Futures in the line.
    pub tasks_waiting: usize,
}

impl<W> fmt::Debug for ParkingLot<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkingLot")
            .field("what", &self.what)
            .field(
                "made_at",
                &format_args!("{}:{}", self.site.file(), self.site.line()),
            )
            .field(
                "tasks_waiting",
                &self.inner.get().map_or(0, |inner| inner.len()),
            )
            .finish()
    }
}
