//! What other threads leave for an owner arrives, and the run is told of it once.

use std::collections::BTreeSet;
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::check::{check, check_within};
use crate::planted::remote::{Bug, Planted};
use crate::remote::{Arrived, Remote};

/// The box, or a copy with a bug.
pub(crate) trait Shelf: Send + Sync + 'static {
    fn push(&self, item: u32) -> bool;
    fn mark_body(&self) -> bool;
    fn take(&self) -> Arrived<u32>;
}

impl Shelf for Remote<u32> {
    fn push(&self, item: u32) -> bool {
        Remote::push(self, item)
    }

    fn mark_body(&self) -> bool {
        Remote::mark_body(self)
    }

    fn take(&self) -> Arrived<u32> {
        Remote::take(self)
    }
}

/// The run's inbox, as far as this is concerned: how often it was told.
#[derive(Clone)]
struct Told(Arc<(Mutex<u32>, Condvar)>);

impl Told {
    fn new() -> Told {
        Told(Arc::new((Mutex::new(0), Condvar::new())))
    }

    fn tell(&self, must_post: bool) {
        if must_post {
            *self.0.0.lock().unwrap() += 1;
            self.0.1.notify_one();
        }
    }

    fn wait(&self) {
        let mut times = self.0.0.lock().unwrap();
        while *times == 0 {
            times = self.0.1.wait(times).unwrap();
        }
        *times -= 1;
    }

    fn left(&self) -> u32 {
        *self.0.0.lock().unwrap()
    }
}

/// What a thread leaves.
#[derive(Clone, Copy)]
enum Leaves {
    Item(u32),
    Body,
}

fn leave(shelf: &impl Shelf, told: &Told, what: Leaves) {
    told.tell(match what {
        Leaves::Item(item) => shelf.push(item),
        Leaves::Body => shelf.mark_body(),
    });
}

/// Each list is left by a thread; the owner takes when the run is told, until it has all.
fn everything_arrives<S: Shelf>(shelf: S, lists: &'static [&'static [Leaves]]) {
    let (shelf, told) = (Arc::new(shelf), Told::new());
    let threads = lists.iter().map(|list| {
        let (shelf, told) = (shelf.clone(), told.clone());
        thread::spawn(move || list.iter().for_each(|what| leave(&*shelf, &told, *what)))
    });
    let threads: Vec<_> = threads.collect();
    let all = lists.iter().flat_map(|list| list.iter());
    let (mut missing, mut body) = (BTreeSet::new(), false);
    for what in all {
        match what {
            Leaves::Item(item) => assert!(missing.insert(*item)),
            Leaves::Body => body = true,
        }
    }
    while body || !missing.is_empty() {
        told.wait();
        let arrived = shelf.take();
        assert!(arrived.body || !arrived.items.is_empty(), "told of nothing");
        body &= !arrived.body;
        for item in arrived.items {
            assert!(missing.remove(&item), "an item arrived twice");
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(told.left(), 0, "tellings left over");
}

#[test]
fn items_of_one_thread_arrive() {
    check(|| {
        everything_arrives(Remote::new(), &[&[Leaves::Item(1), Leaves::Item(2)]]);
    });
}

#[test]
fn items_of_two_threads_arrive() {
    check_within(4, || {
        everything_arrives(
            Remote::new(),
            &[&[Leaves::Item(1), Leaves::Item(2)], &[Leaves::Item(3)]],
        );
    });
}

#[test]
fn an_item_and_the_body_arrive() {
    check_within(4, || {
        everything_arrives(Remote::new(), &[&[Leaves::Item(1)], &[Leaves::Body]]);
    });
}

#[test]
fn the_body_and_an_item_of_one_thread_arrive() {
    check(|| everything_arrives(Remote::new(), &[&[Leaves::Body, Leaves::Item(1)]]));
}

caught!(clearing_the_flag_after_taking, "deadlock", || {
    everything_arrives(
        Planted::new(Bug::ClearsAfter),
        &[&[Leaves::Item(1), Leaves::Item(2)]],
    )
});
caught!(
    clearing_the_flag_apart_and_before,
    "tellings left over",
    || {
        everything_arrives(
            Planted::new(Bug::ClearsBefore),
            &[&[Leaves::Item(1), Leaves::Item(2), Leaves::Item(3)]],
        )
    }
);
caught!(telling_for_the_body_not_at_all, "deadlock", || {
    everything_arrives(Planted::new(Bug::SilentBody), &[&[Leaves::Body]])
});
