//! Who waits for a word is woken when it has changed.

use std::sync::Arc;

use loom::thread;

use crate::check::check;
use crate::planted::word::{Bug, Planted};
use crate::prim::Ordering;
use crate::word::Word;

/// The word, or a copy with a bug.
pub(crate) trait Waits: Send + Sync + 'static {
    fn load(&self) -> u32;
    fn set(&self, value: u32) -> u32;
    fn wait(&self, value: u32);
    fn wake(&self);
}

impl Waits for Word {
    fn load(&self) -> u32 {
        Word::load(self, Ordering::Acquire)
    }

    fn set(&self, value: u32) -> u32 {
        Word::swap(self, value, Ordering::AcqRel)
    }

    fn wait(&self, value: u32) {
        let _timed_out = Word::wait(self, value, None);
    }

    fn wake(&self) {
        Word::wake(self);
    }
}

/// `changers` threads change the word, and wake the one who waits for that.
fn a_change_ends_the_wait<W: Waits>(word: W, changers: usize) {
    let word = Arc::new(word);
    let changers = (0..changers).map(|_| {
        let word = Arc::clone(&word);
        thread::spawn(move || {
            if word.set(1) == 0 {
                word.wake();
            }
        })
    });
    let changers: Vec<_> = changers.collect();
    while word.load() == 0 {
        word.wait(0);
    }
    for changer in changers {
        changer.join().unwrap();
    }
}

#[test]
fn a_change_is_never_missed() {
    check(|| a_change_ends_the_wait(Word::new(0), 1));
}

#[test]
fn two_changes_are_never_missed() {
    check(|| a_change_ends_the_wait(Word::new(0), 2));
}

caught!(looking_before_the_lock, "deadlock", || {
    a_change_ends_the_wait(Planted::new(Bug::LooksFirst), 1)
});
caught!(waking_without_the_lock, "deadlock", || {
    a_change_ends_the_wait(Planted::new(Bug::WakesAtOnce), 1)
});
