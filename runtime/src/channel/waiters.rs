//! Who waits, in order of arrival, and can leave from anywhere in the line.
//!
//! A waiter has a place from `push_back` until `remove`. It stands in the line until it is unlinked,
//! which is how it is served: it finds in its place, at its next poll, what happened. Places are used
//! again, so a channel that has grown to its size allocates no more.

use std::task::Waker;

use slab::Slab;

/// A waiter's place.
pub(super) type Key = usize;

const NONE: Key = usize::MAX;

#[derive(Debug)]
pub(super) struct Waiters<V> {
    nodes: Slab<Node<V>>,
    head: Key,
    tail: Key,
    len: usize,
}

#[derive(Debug)]
struct Node<V> {
    prev: Key,
    next: Key,
    linked: bool,
    waker: Option<Waker>,
    value: V,
}

fn some(key: Key) -> Option<Key> {
    (key != NONE).then_some(key)
}

impl<V> Waiters<V> {
    pub(super) const fn new() -> Waiters<V> {
        Waiters {
            nodes: Slab::new(),
            head: NONE,
            tail: NONE,
            len: 0,
        }
    }

    /// How many stand in the line.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn front(&self) -> Option<Key> {
        some(self.head)
    }

    /// Who stands behind `key`, which stands in the line itself.
    pub(super) fn behind(&self, key: Key) -> Option<Key> {
        some(self.nodes[key].next)
    }

    /// How many stand before `key`.
    pub(super) fn rank(&self, key: Key) -> usize {
        let mut rank = 0;
        let mut before = self.nodes[key].prev;
        while before != NONE {
            rank += 1;
            before = self.nodes[before].prev;
        }
        rank
    }

    pub(super) fn push_back(&mut self, value: V, waker: Waker) -> Key {
        let key = self.nodes.insert(Node {
            prev: NONE,
            next: NONE,
            linked: false,
            waker: Some(waker),
            value,
        });
        self.link(key);
        key
    }

    fn link(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        node.prev = self.tail;
        node.next = NONE;
        node.linked = true;
        match some(self.tail) {
            Some(tail) => self.nodes[tail].next = key,
            None => self.head = key,
        }
        self.tail = key;
        self.len += 1;
    }

    /// Takes a waiter out of the line; it keeps its place.
    pub(super) fn unlink(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        if !std::mem::take(&mut node.linked) {
            return;
        }
        let (prev, next) = (node.prev, node.next);
        match some(prev) {
            Some(prev) => self.nodes[prev].next = next,
            None => self.head = next,
        }
        match some(next) {
            Some(next) => self.nodes[next].prev = prev,
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    /// Takes the waiter out of the line and gives its place away. To be dropped when nothing is borrowed.
    pub(super) fn remove(&mut self, key: Key) -> (V, Option<Waker>) {
        self.unlink(key);
        let node = self.nodes.remove(key);
        (node.value, node.waker)
    }

    pub(super) fn value(&self, key: Key) -> &V {
        &self.nodes[key].value
    }

    pub(super) fn value_mut(&mut self, key: Key) -> &mut V {
        &mut self.nodes[key].value
    }

    pub(super) fn take_waker(&mut self, key: Key) -> Option<Waker> {
        self.nodes[key].waker.take()
    }

    /// Whether the waiter is woken through `waker` already.
    pub(super) fn knows(&self, key: Key, waker: &Waker) -> bool {
        let known = self.nodes[key].waker.as_ref();
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Has the waiter woken through `waker`; the one before is to be dropped when nothing is borrowed.
    pub(super) fn set_waker(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.nodes[key].waker.replace(waker)
    }

    /// Takes the wakers of all who stand in the line, where they stay.
    pub(super) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            while at != NONE {
                let node = &mut self.nodes[at];
                at = node.next;
                if let Some(waker) = node.waker.take() {
                    return Some(waker);
                }
            }
            None
        })
    }
}
