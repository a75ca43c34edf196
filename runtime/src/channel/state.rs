//! What a channel knows, and all that can happen to it.
//!
//! Items lie in one queue until a receiver takes them. With N items in it, the first N of the parked
//! receivers own one each, in order: the k-th parked one owns the k-th item, and nobody else can take
//! it. So an owner that goes away without having taken its item changes nobody's order: everyone behind
//! moves up by one, and what the last one no longer owns is free again.
//!
//! There is room for one more as long as `items + permits < capacity + receivers that wait`. Whatever
//! makes room admits parked senders at once, so nobody can overtake them. Capacity 0 is nothing special:
//! a receiver that waits is the only room there is.
//!
//! Nothing here runs foreign code: wakers come in cloned, leave through [`Wakes`], and items leave by
//! value.

use std::collections::VecDeque;
use std::task::Waker;

use super::error::{TryRecvError, TrySendError};
use super::statistics::Statistics;
use super::waiters::{Key, Waiters};
use super::wakes::Wakes;

/// The capacity that stands for "no limit".
pub(super) const UNBOUNDED: usize = usize::MAX;

/// What a parked sender has brought.
#[derive(Debug)]
pub(super) enum Brought<T> {
    /// An item, to be taken from it when there is room.
    Item(T),
    /// Nothing: it wants a permit.
    Nothing,
    /// The item has been taken, or the permit given.
    Served,
}

#[derive(Debug)]
pub(super) struct State<T> {
    items: VecDeque<T>,
    capacity: usize,
    /// Slots given away whose items are to come.
    permits: usize,
    senders: usize,
    receivers: usize,
    sending: Waiters<Brought<T>>,
    /// Parked receivers; `true` is one that owns an item.
    receiving: Waiters<bool>,
    /// The first parked receiver that owns nothing.
    unserved: Option<Key>,
    /// Streams that were polled. Someone may poll a stream and then leave it at that, so they own
    /// nothing: they are woken, all of them, when there is an item that nobody owns.
    streams: Waiters<()>,
    /// Who waits for the last receiver to go.
    closing: Waiters<()>,
    peak: usize,
}

/// How it is with a parked sender.
pub(super) enum Sending<T> {
    Served,
    /// Every receiver is gone; what it had brought, and its waker.
    Closed(Brought<T>, Option<Waker>),
    Waiting,
}

/// How it is with a parked receiver.
pub(super) enum Receiving<T> {
    Item(T),
    /// Nothing will come; its waker.
    Ended(Option<Waker>),
    Waiting,
}

impl<T> State<T> {
    /// With one sender and one receiver.
    pub(super) fn new(capacity: usize) -> State<T> {
        State {
            items: VecDeque::new(),
            capacity,
            permits: 0,
            senders: 1,
            receivers: 1,
            sending: Waiters::new(),
            receiving: Waiters::new(),
            unserved: None,
            streams: Waiters::new(),
            closing: Waiters::new(),
            peak: 0,
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            buffered: self.unowned(),
            capacity: (self.capacity != UNBOUNDED).then_some(self.capacity),
            senders: self.senders,
            receivers: self.receivers,
            tasks_waiting_send: self.sending.len(),
            tasks_waiting_recv: self.receiving.len().saturating_sub(self.items.len())
                + self.streams.len(),
            peak_buffered: self.peak,
        }
    }

    /// Items that no parked receiver owns.
    fn unowned(&self) -> usize {
        self.items.len().saturating_sub(self.receiving.len())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.receivers == 0
    }

    /// Nothing is left, and nothing will come.
    pub(super) fn is_ended(&self) -> bool {
        self.senders == 0 && self.items.is_empty()
    }

    fn has_room(&self) -> bool {
        let waiting = self.receiving.len() + self.streams.len();
        self.items.len() + self.permits < self.capacity.saturating_add(waiting)
    }

    // Sending.

    pub(super) fn try_send(&mut self, item: T, wakes: &mut Wakes) -> Result<(), TrySendError<T>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(item));
        }
        if !self.has_room() {
            return Err(TrySendError::Full(item));
        }
        self.push(item, wakes);
        Ok(())
    }

    pub(super) fn try_reserve(&mut self) -> Result<(), TrySendError<()>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(()));
        }
        if !self.has_room() {
            return Err(TrySendError::Full(()));
        }
        self.permits += 1;
        Ok(())
    }

    /// Uses a permit; the item comes back if every receiver is gone.
    pub(super) fn send_reserved(&mut self, item: T, wakes: &mut Wakes) -> Result<(), T> {
        self.permits -= 1;
        if self.is_closed() {
            return Err(item);
        }
        self.push(item, wakes);
        Ok(())
    }

    /// Gives a permit back.
    pub(super) fn release(&mut self, wakes: &mut Wakes) {
        self.permits -= 1;
        self.admit(wakes);
    }

    pub(super) fn park_sender(&mut self, brought: Brought<T>, waker: Waker) -> Key {
        self.sending.push_back(brought, waker)
    }

    pub(super) fn is_sender_served(&self, key: Key) -> bool {
        matches!(self.sending.value(key), Brought::Served)
    }

    pub(super) fn poll_sender(&mut self, key: Key) -> Sending<T> {
        if self.is_sender_served(key) {
            // Its waker went with that.
            self.sending.remove(key);
            return Sending::Served;
        }
        if self.is_closed() {
            let (brought, waker) = self.sending.remove(key);
            return Sending::Closed(brought, waker);
        }
        Sending::Waiting
    }

    /// A parked sender goes away.
    pub(super) fn leave_sender(&mut self, key: Key) -> (Brought<T>, Option<Waker>) {
        self.sending.remove(key)
    }

    pub(super) fn sending(&mut self) -> &mut Waiters<Brought<T>> {
        &mut self.sending
    }

    fn push(&mut self, item: T, wakes: &mut Wakes) {
        self.items.push_back(item);
        self.offer(wakes);
    }

    /// There is an item more than owners were counted for: the next parked receiver owns one now.
    fn offer(&mut self, wakes: &mut Wakes) {
        if let Some(key) = self.unserved {
            *self.receiving.value_mut(key) = true;
            self.unserved = self.receiving.behind(key);
            return wakes.add(self.receiving.take_waker(key));
        }
        self.peak = self.peak.max(self.unowned());
        if self.streams.len() > 0 {
            self.wake_streams(wakes);
        }
    }

    /// Parked senders get the room there is.
    #[inline]
    fn admit(&mut self, wakes: &mut Wakes) {
        if self.sending.len() > 0 {
            self.admit_parked(wakes);
        }
    }

    fn admit_parked(&mut self, wakes: &mut Wakes) {
        while let Some(key) = self.sending.front() {
            if self.is_closed() || !self.has_room() {
                return;
            }
            self.sending.unlink(key);
            wakes.add(self.sending.take_waker(key));
            match std::mem::replace(self.sending.value_mut(key), Brought::Served) {
                Brought::Item(item) => self.push(item, wakes),
                Brought::Nothing => self.permits += 1,
                Brought::Served => {}
            }
        }
    }

    // Receiving.

    pub(super) fn try_recv(&mut self, wakes: &mut Wakes) -> Result<T, TryRecvError> {
        let parked = self.receiving.len();
        if self.items.len() > parked {
            let item = match parked {
                0 => self.items.pop_front(),
                _ => self.items.remove(parked),
            };
            if let Some(item) = item {
                self.admit(wakes);
                self.wake_ended(wakes);
                return Ok(item);
            }
        }
        if self.sending.len() > 0 {
            if let Some(item) = self.take_from_sender(wakes) {
                return Ok(item);
            }
        }
        if self.is_ended() {
            return Err(TryRecvError::Ended);
        }
        Err(TryRecvError::Empty)
    }

    /// What the caller would own if it parked, given by a parked sender: with capacity 0, or if slots
    /// are reserved.
    fn take_from_sender(&mut self, wakes: &mut Wakes) -> Option<T> {
        let key = self.sending.front()?;
        let waiting = self.receiving.len() + self.streams.len() + 1;
        let would_admit = self.items.len() + self.permits < self.capacity.saturating_add(waiting);
        if self.items.len() != self.receiving.len() || !would_admit {
            return None;
        }
        let brought = self.sending.value_mut(key);
        let Brought::Item(_) = brought else {
            return None;
        };
        let taken = std::mem::replace(brought, Brought::Served);
        self.sending.unlink(key);
        wakes.add(self.sending.take_waker(key));
        match taken {
            Brought::Item(item) => Some(item),
            _ => None,
        }
    }

    /// Whether one who comes now and wants an item has to wait for it.
    #[inline]
    pub(super) fn must_wait(&self) -> bool {
        self.items.len() <= self.receiving.len() && self.sending.len() == 0 && !self.is_ended()
    }

    /// Parks a receiver for which nothing is there.
    pub(super) fn park_receiver(&mut self, waker: Waker, wakes: &mut Wakes) -> Key {
        let key = self.receiving.push_back(false, waker);
        self.unserved.get_or_insert(key);
        self.admit(wakes);
        key
    }

    /// The item that a parked receiver owns, if it does.
    pub(super) fn take_owned(&mut self, key: Key, wakes: &mut Wakes) -> Option<T> {
        if !*self.receiving.value(key) {
            return None;
        }
        let item = match self.receiving.front() {
            Some(front) if front == key => self.items.pop_front(),
            _ => self.items.remove(self.receiving.rank(key)),
        };
        // Its waker went when it became an owner.
        self.receiving.remove(key);
        self.wake_ended(wakes);
        item
    }

    pub(super) fn poll_receiver(&mut self, key: Key, wakes: &mut Wakes) -> Receiving<T> {
        if let Some(item) = self.take_owned(key, wakes) {
            return Receiving::Item(item);
        }
        if self.is_ended() {
            return Receiving::Ended(self.leave_receiver(key, wakes));
        }
        Receiving::Waiting
    }

    /// A parked receiver goes away; what it owned goes to whoever comes next.
    pub(super) fn leave_receiver(&mut self, key: Key, wakes: &mut Wakes) -> Option<Waker> {
        if self.unserved == Some(key) {
            self.unserved = self.receiving.behind(key);
        }
        let (owned, waker) = self.receiving.remove(key);
        if owned {
            self.offer(wakes);
        }
        waker
    }

    pub(super) fn receiving(&mut self) -> &mut Waiters<bool> {
        &mut self.receiving
    }

    // Streams.

    pub(super) fn park_stream(&mut self, waker: Waker, wakes: &mut Wakes) -> Key {
        let key = self.streams.push_back((), waker);
        self.admit(wakes);
        key
    }

    /// The stream is not waited for any more.
    pub(super) fn leave_stream(&mut self, key: Key) -> Option<Waker> {
        self.streams.remove(key).1
    }

    fn wake_streams(&mut self, wakes: &mut Wakes) {
        while let Some(key) = self.streams.front() {
            self.streams.unlink(key);
            wakes.add(self.streams.take_waker(key));
        }
    }

    // Ends.

    pub(super) fn add_sender(&mut self) {
        self.senders += 1;
    }

    pub(super) fn add_receiver(&mut self) {
        self.receivers += 1;
    }

    pub(super) fn remove_sender(&mut self, wakes: &mut Wakes) {
        self.senders -= 1;
        self.wake_ended(wakes);
    }

    /// If nothing more will come, tells all who wait for it.
    #[inline]
    fn wake_ended(&mut self, wakes: &mut Wakes) {
        if self.is_ended() {
            self.tell_the_end(wakes);
        }
    }

    #[cold]
    fn tell_the_end(&mut self, wakes: &mut Wakes) {
        wakes.add_all(self.receiving.take_wakers());
        self.wake_streams(wakes);
    }

    /// The items that nobody received, if it was the last one.
    pub(super) fn remove_receiver(&mut self, wakes: &mut Wakes) -> VecDeque<T> {
        self.receivers -= 1;
        if !self.is_closed() {
            return VecDeque::new();
        }
        wakes.add_all(self.sending.take_wakers());
        wakes.add_all(self.closing.take_wakers());
        std::mem::take(&mut self.items)
    }

    pub(super) fn closing(&mut self) -> &mut Waiters<()> {
        &mut self.closing
    }
}
