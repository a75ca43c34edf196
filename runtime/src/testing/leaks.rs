//! What a test leaves behind.
//!
//! Tests of one process run side by side, so that what belongs to the process cannot in general be
//! told to belong to a test. Three kinds of things are looked at, and each only as far as there is no
//! false alarm:
//!
//! - what lives in the run: frames, timers, sources;
//! - threads without a name of their own: on Linux a thread inherits the name of its maker, so the
//!   test's thread has a name of its own for the time of the test;
//! - all threads and descriptors, if no other test can run meanwhile, and nobody else is there.
//!
//! A thread needs a moment to end after whoever waits for it has gone on, so what is left counts only
//! if it is still there seconds later. A test that leaves nothing waits for nothing.

mod figures;
mod process;
mod serial;
mod thread;

use std::time::Duration;

pub(super) use figures::Figures;
use process::{Process, descriptors};
use thread::Mark;

/// What is left may take some four seconds to go: a millisecond until the first look, and each time
/// twice as long until the next.
const LOOKS: u32 = 12;

/// What was there before the test.
#[derive(Debug)]
pub(super) struct Watch {
    mark: Option<Mark>,
    /// Only if what changes in the process is the test's doing.
    process: Option<Process>,
}

impl Watch {
    pub(super) fn begin() -> Watch {
        let mark = Mark::set();
        Watch {
            process: Process::if_alone(),
            mark,
        }
    }

    /// What is there now and was not before, a line each; `figures` is what the run had left.
    pub(super) fn left(&self, figures: &Figures) -> Vec<String> {
        let mut left = figures.lines();
        let mut of_process = self.left_in_process();
        for look in 0..LOOKS {
            if of_process.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1 << look));
            of_process = self.left_in_process();
        }
        left.append(&mut of_process);
        left
    }

    fn left_in_process(&self) -> Vec<String> {
        let is_marked = |name: &str| self.mark.as_ref().is_some_and(|mark| mark.is_on(name));
        let is_new = |id: u32| {
            let process = self.process.as_ref();
            process.is_some_and(|process| !process.threads.contains(&id))
        };
        let mut left = Vec::new();
        for thread in thread::others().unwrap_or_default() {
            if is_marked(&thread.name) {
                left.push(format!("thread {} without a name", thread.id));
            } else if is_new(thread.id) {
                left.push(format!("thread {} `{}`", thread.id, thread.name));
            }
        }
        if let Some(process) = &self.process {
            for (number, descriptor) in descriptors().unwrap_or_default() {
                if !process.has(number, &descriptor) {
                    left.push(format!("fd {number}: {}", descriptor.target));
                }
            }
        }
        left
    }
}
