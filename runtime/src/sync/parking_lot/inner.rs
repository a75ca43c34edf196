//! What a lot shares with those who are parked: the line, and how one is taken from its front.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::task::Waker;

use super::queue::{Queue, State, Waiter};
use super::wakers::Wakers;

/// What outlives the lot as long as somebody is parked.
pub(super) struct Inner<W> {
    pub(super) what: &'static str,
    pub(super) site: &'static Location<'static>,
    pub(super) queue: RefCell<Queue<W>>,
    /// Room for wakers.
    pub(super) spare: Cell<Vec<Waker>>,
}

impl<W> Inner<W> {
    pub(super) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    pub(super) fn wakers(&self) -> Wakers<'_> {
        Wakers::new(&self.spare)
    }

    #[cold]
    pub(super) fn name(&self) -> String {
        let Inner { what, site, .. } = self;
        format!("{what} made at {}:{}", site.file(), site.line())
    }
}

impl<W: Copy> Inner<W> {
    // Out of line, as mostly nobody waits.
    #[inline(never)]
    pub(super) fn unpark_while(&self, mut take: impl FnMut(W) -> bool) -> usize {
        let Some((key, request)) = self.front() else {
            return self.unpark_more(None, take);
        };
        if !take(request) {
            return 0;
        }
        let first = self.unpark(key);
        if self.len() > 0 {
            return 1 + self.unpark_more(first, take);
        }
        Wakers::wake_one(first);
        1
    }

    /// Goes on when `first` is to be woken, or if the first one has been cancelled.
    #[inline(never)]
    fn unpark_more(&self, first: Option<Waker>, mut take: impl FnMut(W) -> bool) -> usize {
        let mut wakers = self.wakers();
        wakers.push(first);
        let mut count = 0;
        while let Some((key, request)) = self.first(&mut wakers) {
            if !take(request) {
                break;
            }
            wakers.push(self.unpark(key));
            count += 1;
        }
        wakers.wake();
        count
    }

    // Out of line, as mostly nobody waits.
    #[inline(never)]
    pub(super) fn unpark_first(&self, take: impl FnOnce(W) -> bool) -> bool {
        let Some((key, request)) = self.front() else {
            return self.unpark_first_live(take);
        };
        let taken = take(request);
        if taken {
            Wakers::wake_one(self.unpark(key));
        }
        taken
    }

    /// Those before it have been cancelled.
    #[cold]
    fn unpark_first_live(&self, take: impl FnOnce(W) -> bool) -> bool {
        let mut wakers = self.wakers();
        let taken = match self.first(&mut wakers) {
            Some((key, request)) => {
                let taken = take(request);
                if taken {
                    wakers.push(self.unpark(key));
                }
                taken
            }
            None => false,
        };
        wakers.wake();
        taken
    }

    /// Unparks the first one, which is still that. Whom to wake.
    #[inline(always)]
    fn unpark(&self, key: usize) -> Option<Waker> {
        let mut queue = self.queue.borrow_mut();
        if queue.first() != Some(key) {
            drop(queue);
            self.blame();
        }
        queue.unpark_first(key)
    }

    #[cold]
    fn blame(&self) -> ! {
        panic!(
            "while {} (a parking lot) was being unparked, its queue was changed by the closure that was asked \
             for consent: only look at the request there",
            self.name(),
        )
    }

    /// The first one, unless it has been cancelled.
    #[inline]
    fn front(&self) -> Option<(usize, W)> {
        let queue = self.queue.borrow();
        let key = queue.first()?;
        let waiter = &queue.get(key).waiter;
        (!waiter.is_cancelled()).then_some((key, waiter.request))
    }

    /// The first one who is not cancelled. Those before it are passed over: they are woken as well, as
    /// one that is polled outside of what was cancelled after all has to begin anew.
    pub(super) fn first(&self, wakers: &mut Wakers<'_>) -> Option<(usize, W)> {
        let mut queue = self.queue.borrow_mut();
        while let Some(key) = queue.first() {
            let waiter = &queue.get(key).waiter;
            if !waiter.is_cancelled() {
                return Some((key, waiter.request));
            }
            wakers.push(queue.unlink(key, State::Left));
        }
        None
    }
}

impl<W> Waiter<W> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.frame.is_some_and(|frame| frame.is_cancelled())
    }
}
