//! The threads of the process, as Linux lists them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// How the names of the library's own threads begin. They end by themselves, some time after the
/// work, and are no test's.
const OWN: &str = "nestling";

/// The name that Linux knows the current thread by.
const NAME: &str = "/proc/thread-self/comm";
/// How long such a name may be.
const NAME_MAX: usize = 15;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) id: u32,
    pub(super) name: String,
}

/// All threads but the current one, those that are ending, and the library's own; `None` where there
/// is no list.
pub(super) fn others() -> Option<Vec<Thread>> {
    if cfg!(any(miri, not(target_os = "linux"))) {
        return None;
    }
    let current = fs::read_link("/proc/thread-self").ok()?;
    let current: u32 = current.file_name()?.to_str()?.parse().ok()?;
    let mut others = Vec::new();
    for entry in fs::read_dir("/proc/self/task").ok()? {
        // One that is gone by now has no facts any more.
        let Ok(facts) = fs::read(entry.ok()?.path().join("stat")) else {
            continue;
        };
        let thread = read(&String::from_utf8_lossy(&facts));
        others.extend(thread.filter(|it| it.id != current && !it.name.starts_with(OWN)));
    }
    Some(others)
}

/// Reads `id (name) state parent group session terminal foreground flags …`; `None` for a thread that
/// is ending. Linux notes in the flags that it is before it tells those who wait for its end, so no
/// thread that was joined is taken for one that runs.
fn read(facts: &str) -> Option<Thread> {
    const EXITING: u64 = 4;
    let (id, rest) = facts.split_once(" (")?;
    // The name may have parentheses of its own.
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut rest = rest.split(' ');
    let state = rest.next()?;
    let flags: u64 = rest.nth(5)?.parse().ok()?;
    let ends = flags & EXITING != 0 || matches!(state, "Z" | "X" | "x");
    (!ends).then(|| Thread {
        id: id.parse().unwrap_or_default(),
        name: name.to_owned(),
    })
}

/// A name for the current thread that no other has, but for those that inherit it. Dropped, it gives
/// the old one back.
#[derive(Debug)]
pub(super) struct Mark {
    name: String,
    before: Vec<u8>,
}

impl Mark {
    /// `None` where threads have no such names.
    pub(super) fn set() -> Option<Mark> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if cfg!(miri) || !Path::new(NAME).exists() {
            return None;
        }
        let before = fs::read(NAME).ok()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let thread = std::thread::current();
        let test = thread.name().and_then(|name| name.rsplit("::").next());
        let mut name = format!("#{number} {}", test.unwrap_or("test"));
        while name.len() > NAME_MAX {
            name.pop();
        }
        fs::write(NAME, &name).ok()?;
        Some(Mark { name, before })
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.name == name
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let before = self.before.trim_ascii_end();
        if let Err(error) = fs::write(NAME, before) {
            tracing::debug!(%error, "the thread of a test did not get its name back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_read_whatever_its_name_is() {
        for name in ["t", "a b", ") R 1 (", ""] {
            let facts = format!("12 ({name}) S 1 2 3 0 -1 4194368 0 0");
            let thread = Thread {
                id: 12,
                name: name.to_owned(),
            };
            assert_eq!(read(&facts), Some(thread));
        }
    }

    #[test]
    fn a_thread_that_ends_is_gone() {
        assert_eq!(read("12 (t) R 1 2 3 0 -1 4194372 0 0"), None);
        assert_eq!(read("12 (t) Z 1 2 3 0 -1 4194368 0 0"), None);
        assert_eq!(read(""), None);
    }
}
