//! What happened, in order.

use std::cell::RefCell;

use super::counted::{OnDrop, on_drop};

#[derive(Debug, Default)]
pub(crate) struct Log(RefCell<Vec<String>>);

impl Log {
    pub(crate) fn new() -> Log {
        Log::default()
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// Says `what` when it is dropped.
    pub(crate) fn at_drop<'a>(&'a self, what: impl Into<String>) -> OnDrop<impl FnOnce() + 'a> {
        let what = what.into();
        on_drop(move || self.say(what))
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|entry| *entry == what)
            .count()
    }

    #[track_caller]
    pub(crate) fn expect(&self, entries: &[&str]) {
        assert_eq!(self.entries(), entries);
    }

    /// As `expect`, where the entries of one batch may come in any order.
    #[track_caller]
    pub(crate) fn expect_batches(&self, batches: &[&[&str]]) {
        let entries = self.entries();
        let expected: usize = batches.iter().map(|batch| batch.len()).sum();
        assert_eq!(entries.len(), expected, "{entries:?} is not {batches:?}");
        let mut rest = &entries[..];
        for batch in batches {
            let (head, tail) = rest.split_at(batch.len());
            rest = tail;
            let mut head = head.to_vec();
            head.sort();
            let mut batch = batch.to_vec();
            batch.sort_unstable();
            assert_eq!(head, batch, "in {entries:?}");
        }
    }
}
