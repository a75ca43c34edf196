//! What the process has.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// How the names of the library's own threads begin. Those end by themselves some time after the work.
const OWN: &str = "nestling";

/// How long what is on its way out may take: looks, and the time between them.
const LOOKS: u32 = 1000;
const BETWEEN: Duration = Duration::from_millis(1);

/// The open descriptors and the threads of the process at one moment, to be compared later.
///
/// They belong to the whole process, so that a comparison tells something only if nothing else is going
/// on in it, as with `cargo test -- --test-threads=1`. Only Linux lists them; elsewhere nothing is ever
/// left.
///
/// ```
/// use nestling_runtime::testing::Process;
///
/// let before = Process::now();
/// nestling_runtime::run(async {});
/// let left = before.left();
/// assert!(left.is_empty(), "{left:?}");
/// ```
#[derive(Clone, Debug)]
pub struct Process {
    descriptors: BTreeMap<u32, String>,
    threads: BTreeMap<u32, String>,
}

impl Process {
    /// What there is now.
    #[must_use]
    pub fn now() -> Process {
        if cfg!(any(miri, not(target_os = "linux"))) {
            return Process {
                descriptors: BTreeMap::new(),
                threads: BTreeMap::new(),
            };
        }
        Process {
            descriptors: descriptors(),
            threads: threads(),
        }
    }

    /// What there is now and was not then, a line each.
    ///
    /// A thread needs a moment to end after whoever waits for it has gone on, so what is new counts only
    /// if it is still there after some seconds, for which this blocks. If nothing is left, it does not.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let mut left = self.left_now();
        for _ in 0..LOOKS {
            if left.is_empty() {
                break;
            }
            std::thread::park_timeout(BETWEEN);
            left = self.left_now();
        }
        left
    }

    fn left_now(&self) -> Vec<String> {
        let now = Process::now();
        let mut left = Vec::new();
        for (number, target) in now.descriptors {
            if self.descriptors.get(&number) != Some(&target) {
                left.push(format!("descriptor {number}: {target}"));
            }
        }
        for (number, name) in now.threads {
            if !self.threads.contains_key(&number) {
                left.push(format!("thread {number} `{name}`"));
            }
        }
        left
    }
}

fn descriptors() -> BTreeMap<u32, String> {
    let mut open = BTreeMap::new();
    // While the list is read it is open itself: closed first, it is not found any more.
    let paths: Vec<_> = fs::read_dir("/proc/self/fd")
        .map(|list| list.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    for path in paths {
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), Ok(target)) = (number, fs::read_link(&path)) {
            open.insert(number, target.to_string_lossy().into_owned());
        }
    }
    open
}

fn threads() -> BTreeMap<u32, String> {
    let mut live = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // Whoever is gone by now was not left.
        if let (Some(number), Ok(name)) = (number, fs::read_to_string(entry.path().join("comm"))) {
            let name = name.trim_end();
            if !name.starts_with(OWN) {
                live.insert(number, name.to_owned());
            }
        }
    }
    live
}
