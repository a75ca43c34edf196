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
//! The first in an empty line stands in [`Lone`] instead, since mostly one receiver waits, or none: it is
//! handed its item there, and neither queue nor line is touched. It stands before all others, and its
//! item goes before all others, so everything above holds with it left out on both sides.
//!
//! The `quick_` functions do what is done most when nothing else is concerned, and nothing otherwise.
//!
//! Nothing here runs foreign code: wakers come in cloned, leave through [`Wakes`], and items leave by
//! value.

mod receiving;
mod sending;

use std::collections::VecDeque;
use std::task::Waker;

use super::statistics::Statistics;
use super::waiters::{Key, Waiters};
use super::wakes::Wakes;

/// The capacity that stands for "no limit".
pub(super) const UNBOUNDED: usize = usize::MAX;

/// What a parked sender has brought.
#[derive(Debug, Default)]
pub(super) enum Brought<T> {
    /// An item, to be taken from it when there is room.
    Item(T),
    /// Nothing: it wants a permit.
    #[default]
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
    lone: Lone<T>,
    /// The other parked receivers; `true` is one that owns an item.
    receiving: Waiters<bool>,
    /// The first of these that owns nothing.
    unserved: Option<Key>,
    /// Streams that were polled. Someone may poll a stream and then leave it at that, so they own
    /// nothing: they are woken, all of them, when there is an item that nobody owns.
    streams: Waiters<()>,
    /// Who waits for the last receiver to go.
    closing: Waiters<()>,
    peak: usize,
}

/// The receiver that came when no other was parked.
#[derive(Debug, Default)]
enum Lone<T> {
    #[default]
    Nobody,
    /// It is woken through this; not any more when it has been told of the end.
    Waits(Option<Waker>),
    Owns(T),
}

/// Where a receiver is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As the lone one.
    First,
    InLine(Key),
}

/// What is there for one who comes for an item, at a glance.
pub(super) enum Glance<T> {
    Item(T),
    Nothing,
    /// Others are concerned: look closer.
    Unclear,
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
            lone: Lone::Nobody,
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
            tasks_waiting_recv: usize::from(self.lone_waits())
                + self.receiving.len().saturating_sub(self.items.len())
                + self.streams.len(),
            peak_buffered: self.peak,
        }
    }

    fn lone_waits(&self) -> bool {
        matches!(self.lone, Lone::Waits(_))
    }

    /// Items that no parked receiver owns.
    fn unowned(&self) -> usize {
        self.items.len().saturating_sub(self.receiving.len())
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.receivers == 0
    }

    /// Nothing is left, and nothing will come.
    #[inline]
    pub(super) fn is_ended(&self) -> bool {
        self.senders == 0 && self.items.is_empty() && !matches!(self.lone, Lone::Owns(_))
    }

    fn has_room(&self) -> bool {
        self.items.len() + self.permits < self.capacity.saturating_add(self.waiting())
    }

    /// Parked receivers, those left out that own an item which is not in the queue.
    fn waiting(&self) -> usize {
        usize::from(self.lone_waits()) + self.receiving.len() + self.streams.len()
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
    pub(super) fn wake_ended(&mut self, wakes: &mut Wakes) {
        if !self.is_ended() {
            return;
        }
        if let Lone::Waits(waker) = &mut self.lone {
            wakes.add(waker.take());
        }
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
        if let Some((item, _)) = self.take_lone() {
            // The future that owned it was leaked.
            self.items.push_front(item);
        }
        std::mem::take(&mut self.items)
    }

    pub(super) fn closing(&mut self) -> &mut Waiters<()> {
        &mut self.closing
    }
}
