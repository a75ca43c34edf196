//! What belongs to the whole process, as Linux lists it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{serial, thread};

/// What a process had.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) threads: BTreeSet<u32>,
    descriptors: BTreeMap<u32, Descriptor>,
}

#[derive(Debug)]
pub(super) struct Descriptor {
    /// What it leads to, also if that has got another name: device and number.
    identity: (u64, u64),
    /// What it leads to by name: `socket:[4711]`, or a path.
    pub(super) target: String,
}

impl Process {
    /// What the process has now, if nobody else than the current test can add to it: there is one test
    /// at a time, and no thread but those of the tests' harness and of this library.
    pub(super) fn if_alone() -> Option<Process> {
        if !serial::one_test_at_a_time() {
            return None;
        }
        let others = thread::others()?;
        // The main thread waits for the test.
        if others.iter().any(|thread| thread.id != std::process::id()) {
            return None;
        }
        Some(Process {
            threads: others.iter().map(|thread| thread.id).collect(),
            descriptors: descriptors()?,
        })
    }

    pub(super) fn has(&self, number: u32, descriptor: &Descriptor) -> bool {
        let had = self.descriptors.get(&number);
        had.is_some_and(|had| had.identity == descriptor.identity)
    }
}

/// The open descriptors; `None` where there is no list.
pub(super) fn descriptors() -> Option<BTreeMap<u32, Descriptor>> {
    if cfg!(any(miri, not(target_os = "linux"))) {
        return None;
    }
    // While the list is read, it is open itself, and so it is while there is an entry of it.
    let paths = fs::read_dir("/proc/self/fd").ok()?;
    let paths: Vec<_> = paths.map(|entry| Some(entry.ok()?.path())).collect();
    let mut open = BTreeMap::new();
    for path in paths {
        let path = path?;
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        // Whoever is gone by now was not left.
        if let (Some(number), Ok(target), Ok(facts)) =
            (number, fs::read_link(&path), fs::metadata(&path))
        {
            let descriptor = Descriptor {
                identity: identity(&facts),
                target: target.to_string_lossy().into_owned(),
            };
            open.insert(number, descriptor);
        }
    }
    Some(open)
}

#[cfg(unix)]
fn identity(facts: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;

    (facts.dev(), facts.ino())
}

/// Nobody asks: there is no list.
#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
