//! What receivers do: take, park, and own what they are handed.

use std::task::Waker;

use super::{Brought, Glance, Lone, Place, Receiving, State};
use crate::channel::error::TryRecvError;
use crate::channel::wakes::Wakes;

impl<T> State<T> {
    /// Takes an item if that concerns nobody else.
    #[inline]
    pub(in crate::channel) fn quick_recv(&mut self) -> Glance<T> {
        if self.receiving.len() + self.sending.len() > 0 || self.senders == 0 {
            return Glance::Unclear;
        }
        match self.items.pop_front() {
            Some(item) => Glance::Item(item),
            None => Glance::Nothing,
        }
    }

    pub(in crate::channel) fn try_recv(&mut self, wakes: &mut Wakes) -> Result<T, TryRecvError> {
        let owners = self.receiving.len();
        if self.items.len() > owners {
            let item = match owners {
                0 => self.items.pop_front(),
                _ => self.items.remove(owners),
            };
            if let Some(item) = item {
                self.admit(wakes);
                self.wake_ended(wakes);
                return Ok(item);
            }
        }
        if let Some(item) = self.take_from_sender(wakes) {
            return Ok(item);
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
        let room = self.capacity.saturating_add(self.waiting() + 1);
        let would_admit = self.items.len() + self.permits < room;
        let is_next = !self.lone_waits() && self.items.len() == self.receiving.len();
        if !is_next || !would_admit {
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

    /// Parks a receiver as the lone one. The waker comes back if it can't be that, or has not to wait.
    #[inline]
    pub(in crate::channel) fn quick_park(&mut self, waker: Waker) -> Result<(), Waker> {
        let others = self.receiving.len() + self.sending.len();
        let is_there = matches!(self.lone, Lone::Nobody);
        if others > 0 || self.senders == 0 || !self.items.is_empty() || !is_there {
            return Err(waker);
        }
        self.lone = Lone::Waits(Some(waker));
        Ok(())
    }

    /// Parks a receiver for which nothing is there.
    pub(in crate::channel) fn park_receiver(&mut self, waker: Waker, wakes: &mut Wakes) -> Place {
        let place = if self.receiving.len() == 0 && matches!(self.lone, Lone::Nobody) {
            self.lone = Lone::Waits(Some(waker));
            Place::First
        } else {
            let key = self.receiving.push_back(false, waker);
            self.unserved.get_or_insert(key);
            Place::InLine(key)
        };
        self.admit(wakes);
        place
    }

    /// The item that the lone receiver owns, if it does, and whether nothing will come after it.
    #[inline]
    pub(in crate::channel) fn take_lone(&mut self) -> Option<(T, bool)> {
        match &mut self.lone {
            Lone::Owns(_) => {}
            Lone::Nobody | Lone::Waits(_) => return None,
        }
        match std::mem::take(&mut self.lone) {
            Lone::Owns(item) => Some((item, self.is_ended())),
            Lone::Nobody | Lone::Waits(_) => None,
        }
    }

    /// The item that a parked receiver owns, if it does.
    pub(in crate::channel) fn take_owned(&mut self, place: Place, wakes: &mut Wakes) -> Option<T> {
        let item = match place {
            Place::First => self.take_lone().map(|(item, _)| item)?,
            Place::InLine(key) => {
                if !*self.receiving.value(key) {
                    return None;
                }
                let item = self.items.remove(self.receiving.rank(key));
                // Its waker went when it became an owner.
                self.receiving.remove(key);
                item?
            }
        };
        self.wake_ended(wakes);
        Some(item)
    }

    pub(in crate::channel) fn poll_receiver(
        &mut self,
        place: Place,
        wakes: &mut Wakes,
    ) -> Receiving<T> {
        if let Some(item) = self.take_owned(place, wakes) {
            return Receiving::Item(item);
        }
        if self.is_ended() {
            return Receiving::Ended(self.leave_receiver(place, wakes));
        }
        Receiving::Waiting
    }

    /// A parked receiver goes away; what it owned goes to whoever comes next.
    pub(in crate::channel) fn leave_receiver(
        &mut self,
        place: Place,
        wakes: &mut Wakes,
    ) -> Option<Waker> {
        match place {
            Place::First => match std::mem::take(&mut self.lone) {
                Lone::Owns(item) => {
                    self.items.push_front(item);
                    self.offer(wakes);
                    None
                }
                Lone::Waits(waker) => waker,
                Lone::Nobody => None,
            },
            Place::InLine(key) => {
                if self.unserved == Some(key) {
                    self.unserved = self.receiving.behind(key);
                }
                let (owned, waker) = self.receiving.remove(key);
                if owned {
                    self.offer(wakes);
                }
                waker
            }
        }
    }

    /// Whether a receiver that waits is woken through `waker` already.
    pub(in crate::channel) fn knows_receiver(&self, place: Place, waker: &Waker) -> bool {
        match (place, &self.lone) {
            (Place::First, Lone::Waits(Some(known))) => known.will_wake(waker),
            (Place::First, _) => false,
            (Place::InLine(key), _) => self.receiving.knows(key, waker),
        }
    }

    /// Has a receiver that waits woken through `waker`; the one before is to be dropped when nothing is
    /// borrowed.
    pub(in crate::channel) fn set_receiver_waker(
        &mut self,
        place: Place,
        waker: Waker,
    ) -> Option<Waker> {
        match (place, &mut self.lone) {
            (Place::First, Lone::Waits(known)) => known.replace(waker),
            (Place::First, _) => Some(waker),
            (Place::InLine(key), _) => self.receiving.set_waker(key, waker),
        }
    }
}
