//! Something that goes into threads and comes back.
//!
//! A file is *away* while a thread works on it. The operation that has lent it out may be dropped meanwhile;
//! the thread brings it home nevertheless, with what it has read, and the next operation waits for that. So
//! operations keep their order, and no byte is lost.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker, ready};

use crate::checkpoint::poll_proceed;
use crate::waits::waits_for;

pub(super) struct Home<T> {
    place: Mutex<Place<T>>,
}

struct Place<T> {
    /// `None` while it is away.
    thing: Option<T>,
    /// Who waits for it. One at most, as the file has one user at a time.
    waker: Option<Waker>,
}

impl<T> Home<T> {
    pub(super) fn new(thing: T) -> Arc<Home<T>> {
        let place = Place {
            thing: Some(thing),
            waker: None,
        };
        Arc::new(Home {
            place: Mutex::new(place),
        })
    }

    fn place<R>(&self, f: impl FnOnce(&mut Place<T>) -> R) -> R {
        // Held for moves only, so it blocks nobody.
        f(&mut self.place.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until it is here, and takes it. A checkpoint.
    pub(super) async fn lend(self: &Arc<Self>) -> Away<T> {
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            let waker = cx.waker().clone();
            let (thing, spare) = self.place(|place| match place.thing.take() {
                Some(thing) => (Some(thing), Some(waker)),
                None => (None, place.waker.replace(waker)),
            });
            drop(spare);
            match thing {
                Some(thing) => Poll::Ready(Away {
                    home: Arc::clone(self),
                    thing: Some(thing),
                }),
                None => {
                    waits_for(|| String::from("the end of an operation that was given up"));
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Takes it, if it is here.
    pub(super) fn try_lend(self: &Arc<Self>) -> Option<Away<T>> {
        let thing = self.place(|place| place.thing.take())?;
        Some(Away {
            home: Arc::clone(self),
            thing: Some(thing),
        })
    }

    /// Looks at it, if it is here.
    pub(super) fn look<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.place(|place| place.thing.as_mut().map(f))
    }
}

impl<T> fmt::Debug for Home<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = self.look(|_| ()).is_some();
        f.write_str(if here { "Home" } else { "Home(away)" })
    }
}

/// Goes home when it is dropped, wherever that is.
pub(super) struct Away<T> {
    home: Arc<Home<T>>,
    thing: Option<T>,
}

const HERE: &str = "it leaves only in the destructor";

impl<T> Deref for Away<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect(HERE)
    }
}

impl<T> DerefMut for Away<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect(HERE)
    }
}

impl<T> Drop for Away<T> {
    fn drop(&mut self) {
        let thing = self.thing.take();
        let waker = self.home.place(|place| {
            place.thing = thing;
            place.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
