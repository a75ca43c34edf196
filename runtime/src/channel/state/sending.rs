//! What senders do: send, reserve, park, and get the room there is.

use std::task::Waker;

use super::{Brought, Lone, Sending, State};
use crate::channel::error::TrySendError;
use crate::channel::waiters::{Key, Waiters};
use crate::channel::wakes::Wakes;

impl<T> State<T> {
    /// Sends an item if that concerns one waiting receiver at most. Whom to wake.
    #[inline]
    pub(in crate::channel) fn quick_send(&mut self, item: T) -> Result<Option<Waker>, T> {
        if self.is_closed() || self.items.len() + self.permits >= self.capacity {
            return Err(item);
        }
        if let Lone::Waits(waker) = &mut self.lone {
            let waker = waker.take();
            self.lone = Lone::Owns(item);
            return Ok(waker);
        }
        if self.receiving.len() + self.streams.len() > 0 {
            return Err(item);
        }
        self.items.push_back(item);
        self.peak = self.peak.max(self.items.len());
        Ok(None)
    }

    pub(in crate::channel) fn try_send(
        &mut self,
        item: T,
        wakes: &mut Wakes,
    ) -> Result<(), TrySendError<T>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(item));
        }
        if !self.has_room() {
            return Err(TrySendError::Full(item));
        }
        self.push(item, wakes);
        Ok(())
    }

    pub(in crate::channel) fn try_reserve(&mut self) -> Result<(), TrySendError<()>> {
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
    pub(in crate::channel) fn send_reserved(
        &mut self,
        item: T,
        wakes: &mut Wakes,
    ) -> Result<(), T> {
        self.permits -= 1;
        if self.is_closed() {
            return Err(item);
        }
        self.push(item, wakes);
        Ok(())
    }

    /// Gives a permit back.
    pub(in crate::channel) fn release(&mut self, wakes: &mut Wakes) {
        self.permits -= 1;
        self.admit(wakes);
    }

    pub(in crate::channel) fn park_sender(&mut self, brought: Brought<T>, waker: Waker) -> Key {
        self.sending.push_back(brought, waker)
    }

    pub(in crate::channel) fn is_sender_served(&self, key: Key) -> bool {
        matches!(self.sending.value(key), Brought::Served)
    }

    /// Whether a parked sender has been served, which then is parked no more.
    pub(in crate::channel) fn leave_served(&mut self, key: Key) -> bool {
        let served = self.is_sender_served(key);
        if served {
            // Its waker went with that.
            self.sending.remove(key);
        }
        served
    }

    pub(in crate::channel) fn poll_sender(&mut self, key: Key) -> Sending<T> {
        if self.leave_served(key) {
            return Sending::Served;
        }
        if self.is_closed() {
            let (brought, waker) = self.sending.remove(key);
            return Sending::Closed(brought, waker);
        }
        Sending::Waiting
    }

    /// A parked sender goes away.
    pub(in crate::channel) fn leave_sender(&mut self, key: Key) -> (Brought<T>, Option<Waker>) {
        self.sending.remove(key)
    }

    pub(in crate::channel) fn sending(&mut self) -> &mut Waiters<Brought<T>> {
        &mut self.sending
    }

    pub(super) fn push(&mut self, item: T, wakes: &mut Wakes) {
        if let Lone::Waits(waker) = &mut self.lone {
            wakes.add(waker.take());
            self.lone = Lone::Owns(item);
            return;
        }
        self.items.push_back(item);
        self.offer(wakes);
    }

    /// There is an item more than owners were counted for: the next in the line owns one now. The lone one
    /// does already, if there is one.
    pub(super) fn offer(&mut self, wakes: &mut Wakes) {
        if let Some(key) = self.unserved {
            *self.receiving.value_mut(key) = true;
            self.unserved = self.receiving.behind(key);
            return wakes.add(self.receiving.take_waker(key));
        }
        self.peak = self.peak.max(self.unowned());
        self.wake_streams(wakes);
    }

    /// Parked senders get the room there is.
    pub(super) fn admit(&mut self, wakes: &mut Wakes) {
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
}
