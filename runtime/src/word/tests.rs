use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::Word;

#[test]
fn another_value_is_not_waited_for() {
    let word = Word::new(1);
    assert!(!word.wait(2, None));
    assert!(!word.wait(2, Some(Duration::ZERO)));
    assert_eq!(word.load(Ordering::Relaxed), 1);
}

#[test]
fn only_what_was_expected_is_changed() {
    let word = Word::new(1);
    assert!(!word.change(2, 3));
    assert_eq!(word.load(Ordering::Relaxed), 1);
    assert!(word.change(1, 3));
    assert_eq!(word.swap(4, Ordering::AcqRel), 3);
}

#[test]
fn time_runs_out_and_not_before() {
    let word = Word::new(0);
    for micros in [1, 999, 1500] {
        let timeout = Duration::from_micros(micros);
        let start = Instant::now();
        // It may return for no reason, but not tell then that the time was over.
        while !word.wait(0, Some(timeout)) {}
        assert!(start.elapsed() >= timeout, "{timeout:?}");
    }
    assert!(word.wait(0, Some(Duration::ZERO)));
}

#[test]
fn a_change_from_another_thread_ends_a_wait_however_long() {
    let rounds = if cfg!(miri) { 10 } else { 1000 };
    let word = Arc::new(Word::new(0));
    let (go, gone) = mpsc::channel();
    let waker = {
        let word = Arc::clone(&word);
        thread::spawn(move || {
            for () in gone {
                word.swap(1, Ordering::AcqRel);
                word.wake();
            }
        })
    };
    for round in 0..rounds {
        let timeout = [None, Some(Duration::MAX), Some(Duration::from_secs(3600))][round % 3];
        go.send(()).unwrap();
        while word.load(Ordering::Acquire) == 0 {
            word.wait(0, timeout);
        }
        word.swap(0, Ordering::AcqRel);
    }
    drop(go);
    waker.join().unwrap();
}
