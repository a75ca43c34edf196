//! What the network tests share. Every test goes through [`check`], which looks for what it left
//! behind.

use std::fs::{read_dir, read_link};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nestling::net::{TcpListener, TcpStream};
use nestling::{checkpoint, run, statistics};

/// One test at a time, since descriptors are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// For a test that does its own counting.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `body` and checks that it left neither a descriptor nor a source nor a waiting task behind.
pub(crate) fn check<T>(body: impl AsyncFnOnce() -> T) -> T {
    let _alone = alone();
    let before = open_files();
    let value = run(async {
        let value = body().await;
        let io = statistics().io;
        assert_eq!(io.sources, 0, "sources are left: {io:?}");
        assert_eq!(io.tasks_waiting_read + io.tasks_waiting_write, 0);
        value
    });
    // A thread that has looked up a name may close what it needed for that after it has answered.
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        match open_files() {
            left if left == before => break,
            left if Instant::now() > patience => panic!("{left} are open, {before} were"),
            _ => std::thread::yield_now(),
        }
    }
    value
}

/// The sockets and pollers that this process has open, where it can be found out. Plain files do not
/// count: the C library opens one now and then, as when a thread begins.
pub(crate) fn open_files() -> usize {
    let entries = read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| read_link(entry.path()).ok());
    let counts = |link: &PathBuf| {
        let link = link.to_string_lossy();
        link.starts_with("socket:") || link.starts_with("anon_inode:")
    };
    links.filter(counts).count()
}

/// Both ends of a connection: the one that called, and the one that was called.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let caller = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (called, _) = listener.accept().await.unwrap();
    (caller, called)
}

/// Lets the other tasks run until `condition` holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        checkpoint().await;
    }
}

/// Waits until exactly so many tasks wait to read.
pub(crate) async fn until_reading(tasks: usize) {
    until(|| statistics().io.tasks_waiting_read == tasks).await;
}

/// Waits until exactly so many tasks wait to write.
pub(crate) async fn until_writing(tasks: usize) {
    until(|| statistics().io.tasks_waiting_write == tasks).await;
}

/// Reads to the end.
pub(crate) async fn read_to_end(stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 1 << 14];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A stream of numbers that are the same in each run: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
