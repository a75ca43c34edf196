//! Tests that have to fail, or that have to be seen from outside. The others run them.

use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::process::{ExitCode, Termination};
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use nestling::net::TcpListener;
use nestling::{open_nursery, sleep, sleep_forever};

const HOUR: Duration = Duration::from_secs(3600);

/// Polls the future once and keeps it for ever.
fn leak_polled(mut future: Pin<Box<dyn Future<Output = ()>>>) {
    let _ready = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    Box::leak(Box::new(future));
}

fn park_for_ever() {
    loop {
        thread::park();
    }
}

fn start_named_thread() {
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(park_for_ever)
        .expect("one more thread");
}

fn leak_file() {
    let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    Box::leak(Box::new(file.expect("every package has one")));
}

#[nestling::test]
#[ignore = "planted"]
async fn leaves_everything() {
    static FILE: OnceLock<File> = OnceLock::new();
    FILE.get_or_init(|| File::open("/dev/null").expect("every Linux has one"));
    leak_file();
    start_named_thread();
    thread::spawn(park_for_ever);
    let listener = TcpListener::bind("127.0.0.1:0").await;
    Box::leak(Box::new(listener.expect("there is a free port")));
    leak_polled(Box::pin(sleep(HOUR)));
    leak_polled(Box::pin(async {
        let nursery = open_nursery(async |nursery| {
            nursery.start_soon(sleep_forever());
        });
        let _never = nursery.await;
    }));
}

#[nestling::test(leaks = "ignore")]
#[ignore = "planted"]
async fn leaves_everything_as_meant() {
    leak_file();
    start_named_thread();
    thread::spawn(park_for_ever);
    leak_polled(Box::pin(sleep(HOUR)));
}

#[nestling::test]
#[ignore = "planted"]
async fn leaves_a_timer() {
    leak_polled(Box::pin(sleep(HOUR)));
}

#[nestling::test]
#[ignore = "planted"]
async fn leaves_an_unnamed_thread() {
    thread::spawn(park_for_ever);
}

#[nestling::test]
#[ignore = "planted"]
async fn leaves_what_has_no_owner_beside_others() {
    leak_file();
    start_named_thread();
}

#[nestling::test]
#[ignore = "planted"]
async fn fails_and_leaves_a_timer() -> Result<(), String> {
    leak_polled(Box::pin(sleep(HOUR)));
    Err("its own failure".to_owned())
}

#[nestling::test(seeds = 0..300)]
#[ignore = "planted"]
async fn starts_threads_and_files_that_end() {
    let joined = thread::spawn(|| File::open("/dev/null").map(drop));
    thread::scope(|scope| {
        scope.spawn(|| ());
        scope.spawn(|| ());
    });
    let opened = joined.join().expect("it does not panic");
    opened.expect("every Linux has one");
}

/// Only what takes a long time to end ends after the test.
#[nestling::test]
#[ignore = "planted"]
async fn starts_a_thread_that_ends_later() {
    thread::spawn(|| thread::sleep(Duration::from_millis(100)));
}

mod after_another {
    use super::{leak_file, start_named_thread};

    #[nestling::test(leaks = "ignore")]
    #[ignore = "planted"]
    async fn a_starts_what_stays() {
        start_named_thread();
    }

    #[nestling::test]
    #[ignore = "planted"]
    async fn b_cannot_be_blamed() {
        leak_file();
    }
}

#[nestling::test(virtual_time)]
#[ignore = "planted"]
async fn waits_for_ever() {
    sleep_forever().await;
}

#[nestling::test]
#[ignore = "planted"]
async fn never_returns() -> ! {
    panic!("that is how it ends")
}

#[nestling::test]
#[ignore = "planted"]
async fn returns_a_failure() -> impl Termination {
    ExitCode::from(3)
}

static SEEDS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

fn seeds_so_far(seed: u64) -> String {
    let mut seeds = SEEDS.lock().expect("nobody panics with it");
    seeds.push(seed);
    format!("{seeds:?}")
}

/// A seed has to be told by what it does: here by how many runs there were.
#[nestling::test(seeds = [10, 20, 30, 40])]
#[ignore = "planted"]
async fn fails_in_the_third_run() {
    let so_far = seeds_so_far(0);
    println!("runs: {so_far}");
    assert!(so_far.len() < "[0, 0, 0]".len(), "the third");
}

#[nestling::test(seeds = [10, 20, 30, 40])]
#[ignore = "planted"]
async fn returns_an_error_in_the_second_run() -> Result<(), &'static str> {
    if seeds_so_far(0).len() < "[0, 0]".len() {
        Ok(())
    } else {
        Err("the second")
    }
}

#[nestling::test(seeds = 0..0)]
#[ignore = "planted"]
async fn has_no_seed() {}
