//! A value that comes later.

use std::cell::OnceCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::parking_lot::ParkingLot;
use super::semaphore::Semaphore;
use super::turn::Turn;

/// A value that is set once, and that many may wait for. For what may fail, let it be a `Result`.
///
/// ```
/// use nestling_runtime::sync::Promise;
///
/// # fn main() -> Result<(), u16> {
/// nestling_runtime::run(async {
///     let port = Promise::new();
///     port.set(8080_u16)?;
///     assert_eq!(*port.wait().await, 8080);
///     assert_eq!(port.set(8081), Err(8081)); // it is set already
///     Ok(())
/// })
/// # }
/// ```
///
/// Nothing happens when the one who was to set it is gone: set it in a task whose failure cancels those
/// who wait, or use [`get_or_init`](Self::get_or_init).
pub struct Promise<T> {
    value: OnceCell<T>,
    lot: ParkingLot,
    /// Who makes the value, in `get_or_init`.
    maker: Semaphore,
}

const WHAT: &str = "the value of the promise";

impl<T> Promise<T> {
    /// One without a value.
    #[track_caller]
    #[must_use]
    pub const fn new() -> Promise<T> {
        Promise {
            value: OnceCell::new(),
            lot: ParkingLot::new(WHAT),
            maker: Semaphore::waited_for_as(WHAT, 1, 1),
        }
    }

    /// Sets the value and wakes everybody who waits for it.
    ///
    /// # Errors
    /// It has been set already; the value comes back.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.lot.unpark_all();
        Ok(())
    }

    /// The value, if it is set.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Whether the value is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value, if it was set.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Waits for the value.
    ///
    /// # Cancel and drop
    /// A checkpoint, also if the value is set. Cancelled after it was set, one who waited gets it; cancelled
    /// before, it is cut off. Dropped, nothing is left of it.
    pub fn wait(&self) -> PromiseWait<'_, T> {
        PromiseWait {
            promise: self,
            turn: Turn::new(),
        }
    }

    /// The value; if it is not set, sets it to what `make` returns. When many come at a time, one of them
    /// makes it and the others wait; should that one be cut off, the next makes it.
    ///
    /// ```
    /// use nestling_runtime::sync::Promise;
    ///
    /// async fn load() -> String {
    ///     String::from("settings")
    /// }
    ///
    /// nestling_runtime::run(async {
    ///     let settings = Promise::new();
    ///     assert_eq!(settings.get_or_init(load).await, "settings");
    ///     assert_eq!(settings.get_or_init(async || unreachable!()).await, "settings");
    /// });
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint, also if the value is set. Cut off or dropped while it makes the value, it leaves that
    /// to the next; while it waits, nothing is left of it. A `make` that asks for the same value waits for
    /// itself, for ever.
    pub async fn get_or_init(&self, make: impl AsyncFnOnce() -> T) -> &T {
        match self
            .get_or_try_init(async || Ok::<T, std::convert::Infallible>(make().await))
            .await
        {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with something that may fail. If it fails, the next who waits
    /// tries.
    ///
    /// # Errors
    /// That of `make`.
    pub async fn get_or_try_init<E>(
        &self,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if self.is_set() {
            return Ok(self.wait().await);
        }
        // Whoever makes it may take long, and somebody else may set it meanwhile.
        let mut maker = self.maker.acquire();
        let mut set = self.wait();
        let _permit = poll_fn(|cx| match Pin::new(&mut maker).poll(cx) {
            Poll::Ready(permit) => Poll::Ready(Some(permit)),
            Poll::Pending => Pin::new(&mut set).poll(cx).map(|_| None),
        })
        .await;
        drop(set);
        if self.get().is_none() {
            let value = make().await?;
            // Somebody else may have set it meanwhile, and the first one counts.
            let _second = self.set(value);
        }
        match self.get() {
            Some(value) => Ok(value),
            None => unreachable!("it was set above"),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn statistics(&self) -> PromiseStatistics {
        PromiseStatistics {
            is_set: self.is_set(),
            tasks_waiting: self.lot.len(),
        }
    }
}

impl<T> Default for Promise<T> {
    #[track_caller]
    fn default() -> Promise<T> {
        Promise::new()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("is_set", &self.is_set())
            .field("tasks_waiting", &self.statistics().tasks_waiting)
            .finish_non_exhaustive()
    }
}

/// The state of a [`Promise`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromiseStatistics {
    /// Whether the value is set.
    pub is_set: bool,
    /// Futures that wait for it.
    pub tasks_waiting: usize,
}

/// The future of [`Promise::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct PromiseWait<'a, T> {
    promise: &'a Promise<T>,
    turn: Turn<()>,
}

impl<'a, T> Future for PromiseWait<'a, T> {
    type Output = &'a T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        let promise = self.promise;
        let settle = || promise.is_set() && promise.lot.unpark_all() > 0;
        ready!(
            self.turn
                .poll(cx, &promise.lot, || promise.is_set(), || (), settle)
        );
        match promise.get() {
            Some(value) => Poll::Ready(value),
            // It is unparked by `set` only.
            None => Poll::Pending,
        }
    }
}
