//! Who waits, in order of arrival, and can leave from anywhere in the line.
//!
//! A waiter has a place from `push_back` until `remove`. It stands in the line until it is unlinked,
//! which is how it is served: it finds in its place, at its next poll, what happened. Places are used
//! again, so a channel that has grown to its size allocates no more.
//!
//! The places are a slab of its own make: a vacant place is a node like the others, so that taking one
//! writes no more than what changes.

use std::num::NonZeroU32;
use std::task::Waker;

/// A waiter's place. It counts from one, so that `Option<Key>` takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(NonZeroU32);

impl Key {
    #[inline]
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
pub(super) struct Waiters<V> {
    nodes: Vec<Node<V>>,
    head: Option<Key>,
    tail: Option<Key>,
    /// The first vacant place; each leads to the next one by its `next`.
    vacant: Option<Key>,
    len: usize,
}

#[derive(Debug)]
struct Node<V> {
    prev: Option<Key>,
    next: Option<Key>,
    linked: bool,
    /// Nobody's. Only to find out about keys that were used too long.
    #[cfg(debug_assertions)]
    vacant: bool,
    waker: Option<Waker>,
    value: V,
}

impl<V> Waiters<V> {
    pub(super) const fn new() -> Waiters<V> {
        Waiters {
            nodes: Vec::new(),
            head: None,
            tail: None,
            vacant: None,
            len: 0,
        }
    }

    /// How many stand in the line.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn front(&self) -> Option<Key> {
        self.head
    }

    #[inline]
    fn node(&self, key: Key) -> &Node<V> {
        let node = &self.nodes[key.index()];
        #[cfg(debug_assertions)]
        debug_assert!(!node.vacant, "the waiter has gone");
        node
    }

    #[inline]
    fn node_mut(&mut self, key: Key) -> &mut Node<V> {
        let node = &mut self.nodes[key.index()];
        #[cfg(debug_assertions)]
        debug_assert!(!node.vacant, "the waiter has gone");
        node
    }

    /// Who stands behind `key`, which stands in the line itself.
    pub(super) fn behind(&self, key: Key) -> Option<Key> {
        self.node(key).next
    }

    /// How many stand before `key`.
    pub(super) fn rank(&self, key: Key) -> usize {
        let mut rank = 0;
        let mut before = self.node(key).prev;
        while let Some(key) = before {
            rank += 1;
            before = self.node(key).prev;
        }
        rank
    }

    /// Takes a waiter out of the line; it keeps its place.
    pub(super) fn unlink(&mut self, key: Key) {
        let node = self.node_mut(key);
        if std::mem::take(&mut node.linked) {
            let (prev, next) = (node.prev, node.next);
            self.close_gap(prev, next);
        }
    }

    #[inline]
    fn close_gap(&mut self, prev: Option<Key>, next: Option<Key>) {
        match prev {
            Some(prev) => self.node_mut(prev).next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => self.node_mut(next).prev = prev,
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    #[inline]
    pub(super) fn value(&self, key: Key) -> &V {
        &self.node(key).value
    }

    #[inline]
    pub(super) fn value_mut(&mut self, key: Key) -> &mut V {
        &mut self.node_mut(key).value
    }

    #[inline]
    pub(super) fn take_waker(&mut self, key: Key) -> Option<Waker> {
        self.node_mut(key).waker.take()
    }

    /// Whether the waiter is woken through `waker` already.
    pub(super) fn knows(&self, key: Key, waker: &Waker) -> bool {
        let known = self.node(key).waker.as_ref();
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Has the waiter woken through `waker`; the one before is to be dropped when nothing is borrowed.
    pub(super) fn set_waker(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.node_mut(key).waker.replace(waker)
    }

    /// Takes the wakers of all who stand in the line, where they stay.
    pub(super) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            while let Some(key) = at {
                let node = self.node_mut(key);
                at = node.next;
                if let Some(waker) = node.waker.take() {
                    return Some(waker);
                }
            }
            None
        })
    }
}

impl<V: Default> Waiters<V> {
    #[inline]
    pub(super) fn push_back(&mut self, value: V, waker: Waker) -> Key {
        let key = match self.vacant {
            Some(key) => key,
            None => self.grow(),
        };
        let prev = self.tail.replace(key);
        let node = &mut self.nodes[key.index()];
        self.vacant = node.next.take();
        node.prev = prev;
        node.linked = true;
        #[cfg(debug_assertions)]
        {
            node.vacant = false;
        }
        node.waker = Some(waker);
        node.value = value;
        match prev {
            Some(prev) => self.node_mut(prev).next = Some(key),
            None => self.head = Some(key),
        }
        self.len += 1;
        key
    }

    #[cold]
    fn grow(&mut self) -> Key {
        self.nodes.push(Node {
            prev: None,
            next: None,
            linked: false,
            #[cfg(debug_assertions)]
            vacant: true,
            waker: None,
            value: V::default(),
        });
        let count = u32::try_from(self.nodes.len()).ok();
        Key(count
            .and_then(NonZeroU32::new)
            .expect("no more than 4294967295 can wait for one thing"))
    }

    /// Takes the waiter out of the line and gives its place away. To be dropped when nothing is borrowed.
    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> (V, Option<Waker>) {
        let vacant = self.vacant.replace(key);
        let node = self.node_mut(key);
        let left = (std::mem::take(&mut node.value), node.waker.take());
        let linked = std::mem::take(&mut node.linked);
        let (prev, next) = (node.prev, std::mem::replace(&mut node.next, vacant));
        #[cfg(debug_assertions)]
        {
            node.vacant = true;
        }
        if linked {
            self.close_gap(prev, next);
        }
        left
    }
}
