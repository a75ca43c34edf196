//! What every test checks at its end: no descriptor and no thread at work is left, and inside the run no
//! frame, timer or source.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use nestling::{statistics, to_thread};

/// Descriptors are the process's, so the tests of one program take turns.
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, no other test of this program that has one is running. Dropped, it checks that
/// nothing is left. Inner ones do nothing.
pub(crate) struct LeakCheck {
    outermost: Option<Outermost>,
}

struct Outermost {
    _turn: MutexGuard<'static, ()>,
    _watched: Watched,
    descriptors: Option<BTreeMap<u32, String>>,
    threads: Threads,
}

impl LeakCheck {
    pub(crate) fn begin() -> LeakCheck {
        LeakCheck::new(false)
    }

    /// As `begin`, for tests that [`leak`]. What is leaked holds its run's eventfd.
    pub(crate) fn but_for_descriptors() -> LeakCheck {
        LeakCheck::new(true)
    }

    fn new(leaky: bool) -> LeakCheck {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        LeakCheck {
            outermost: (depth == 0).then(|| {
                let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
                Outermost {
                    _turn: turn,
                    _watched: Watched::begin(),
                    threads: Threads::begin(),
                    descriptors: (!leaky).then(descriptors),
                }
            }),
        }
    }
}

impl Drop for LeakCheck {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let Some(outermost) = &self.outermost else {
            return;
        };
        if !std::thread::panicking() {
            outermost.threads.check();
            if let Some(before) = &outermost.descriptors {
                check_descriptors(before);
            }
        }
    }
}

/// The open descriptors and what they lead to.
fn descriptors() -> BTreeMap<u32, String> {
    let mut open = BTreeMap::new();
    if cfg!(any(miri, not(target_os = "linux"))) {
        return open;
    }
    for entry in std::fs::read_dir("/proc/self/fd").expect("Linux lists a process's descriptors") {
        let entry = entry.expect("the list is readable");
        let number = entry
            .file_name()
            .to_string_lossy()
            .parse()
            .expect("they are numbers");
        // One is that of the list itself, which is closed by the time its name is looked up.
        if let Ok(target) = std::fs::read_link(entry.path()) {
            let target = target.to_string_lossy().into_owned();
            // A test beside this one that panics has its backtrace looked up in the program's own files.
            let is_program = target.contains(".so") || target.contains("/deps/");
            if !target.starts_with("/proc/") && !is_program {
                open.insert(number, target);
            }
        }
    }
    open
}

/// Those that were not open before. What another test has closed meanwhile is no leak.
fn new_descriptors(before: &BTreeMap<u32, String>) -> BTreeMap<u32, String> {
    let mut now = descriptors();
    now.retain(|number, target| before.get(number) != Some(target));
    now
}

fn check_descriptors(before: &BTreeMap<u32, String>) {
    for _ in 0..5000 {
        // A thread that woke a task may hold its waker for a moment longer.
        if new_descriptors(before).is_empty() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let new = new_descriptors(before);
    assert!(
        new.is_empty(),
        "descriptors were left open: {new:?}, beside {before:?}"
    );
}

/// Threads are told by their name in the system: an unnamed one inherits that of its maker. Those which
/// `to_thread` keeps for later are none of this test's.
struct Threads {
    name: String,
}

impl Threads {
    fn begin() -> Threads {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("test {}", NEXT.fetch_add(1, Ordering::Relaxed));
        if !cfg!(any(miri, not(target_os = "linux"))) {
            std::fs::write("/proc/thread-self/comm", &name)
                .expect("Linux lets a thread name itself");
        }
        Threads { name }
    }

    fn check(&self) {
        if cfg!(any(miri, not(target_os = "linux"))) {
            return;
        }
        // A thread that was joined is listed for a moment longer.
        for _ in 0..10_000 {
            if self.count() <= 1 {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        panic!(
            "threads were left behind: {} of this test, {:?}",
            self.count() - 1,
            to_thread::statistics()
        );
    }

    fn count(&self) -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists a process's threads");
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.trim_end() == self.name || name.starts_with("nestling-pool"))
            .count()
            + to_thread::statistics().working
    }
}

/// Ends the program with a word on the culprit if a test hangs.
struct Watched(
    #[expect(dead_code, reason = "dropping it is the message")] Option<mpsc::Sender<()>>,
);

/// A test's name, and the channel that closes when it has ended.
type Watch = (String, mpsc::Receiver<()>);

impl Watched {
    fn begin() -> Watched {
        static WATCHDOG: Mutex<Option<mpsc::Sender<Watch>>> = Mutex::new(None);
        if cfg!(miri) {
            return Watched(None);
        }
        let mut watchdog = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
        let watchdog = watchdog.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel::<Watch>();
            let watch = move || {
                for (name, ended) in receiver {
                    if let Err(mpsc::RecvTimeoutError::Timeout) =
                        ended.recv_timeout(Duration::from_secs(120))
                    {
                        eprintln!("`{name}` hangs");
                        std::process::abort();
                    }
                }
            };
            std::thread::Builder::new()
                .name(String::from("watchdog"))
                .spawn(watch)
                .expect("one thread");
            sender
        });
        let (ended, on_end) = mpsc::channel();
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        watchdog
            .send((name, on_end))
            .expect("the watchdog lives as long as the program");
        Watched(Some(ended))
    }
}

/// What lives in the run of this thread.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    frames: usize,
    timers: usize,
    threads: usize,
    sources: usize,
    waiting: usize,
}

impl Figures {
    fn now() -> Figures {
        let now = statistics();
        Figures {
            frames: now.frames,
            timers: now.timers,
            threads: now.threads,
            sources: now.io.sources,
            waiting: now.io.tasks_waiting_read + now.io.tasks_waiting_write,
        }
    }
}

/// `main`, with a look before and after it.
pub(super) async fn settled<F: Future>(main: F) -> F::Output {
    let before = Figures::now();
    let output = main.await;
    assert_eq!(Figures::now(), before, "something was left in the run");
    output
}

/// Forgets a future, but so that a leak checker sees that this was meant.
#[expect(clippy::mem_forget, reason = "that is what is tested")]
pub(crate) fn leak<F: ?Sized>(future: Pin<Box<F>>) {
    static LEAKED: Mutex<Vec<AtomicPtr<()>>> = Mutex::new(Vec::new());
    let address: *const F = &raw const *future;
    std::mem::forget(future);
    LEAKED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(AtomicPtr::new(address.cast_mut().cast()));
}
