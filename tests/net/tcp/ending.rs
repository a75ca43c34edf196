//! How streams end: in good order, or not.

#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn after_send_eof_the_other_side_reads_the_rest_and_the_end_and_may_still_write() {
    check(async || {
        let (one, other) = pair().await;
        one.write_all(b"question").await.unwrap();
        one.send_eof().await.unwrap();
        one.send_eof().await.unwrap();
        assert_eq!(read_to_end(&other).await, b"question");
        other.write_all(b"answer").await.unwrap();
        other.send_eof().await.unwrap();
        assert_eq!(read_to_end(&one).await, b"answer");
    });
}

#[test]
fn after_send_eof_every_write_fails_with_a_clear_error() {
    check(async || {
        let (one, _other) = pair().await;
        one.send_eof().await.unwrap();
        for error in [
            one.write(b"x").await.unwrap_err(),
            one.write_all(b"x").await.unwrap_err(),
            one.write_all(b"").await.unwrap_err(),
        ] {
            assert!(error.is_closed());
            assert!(!error.is_broken());
            assert!(error.to_string().contains("`send_eof`"), "{error}");
        }
    });
}

#[test]
fn when_the_other_side_has_left_reading_ends_and_stays_so() {
    check(async || {
        let (one, other) = pair().await;
        other.write_all(b"last words").await.unwrap();
        drop(other);
        assert_eq!(read_to_end(&one).await, b"last words");
        for _ in 0..3 {
            assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0);
        }
    });
}

#[test]
fn when_the_other_side_has_left_writing_fails_sooner_or_later_and_stays_so() {
    check(async || {
        let (one, other) = pair().await;
        drop(other);
        let error = loop {
            if let Err(error) = one.write_all(&[0; 1 << 16]).await {
                break error;
            }
        };
        assert!(error.is_broken(), "{error:?}");
        for _ in 0..3 {
            assert!(one.write_all(b"x").await.unwrap_err().is_broken());
        }
    });
}

#[test]
fn an_end_behind_a_short_read_is_not_missed() {
    check(async || {
        for _ in 0..200 {
            let (one, other) = pair().await;
            other.write_all(b"abc").await.unwrap();
            drop(other);
            // Data and end are there before the first look, and are reported as one.
            let mut buffer = [0; 64];
            assert_eq!(one.read(&mut buffer).await.unwrap(), 3);
            assert_eq!(one.read(&mut buffer).await.unwrap(), 0);
        }
    });
}

#[test]
fn an_end_wakes_the_reader_that_waits_for_it() {
    check(async || {
        for _ in 0..200 {
            let (one, other) = pair().await;
            open_nursery(async |nursery| {
                nursery.start_soon(async {
                    assert_eq!(read_to_end(&one).await, b"abc");
                });
                until_reading(1).await;
                other.write_all(b"abc").await.unwrap();
                until_reading(1).await;
                drop(other);
            })
            .await
            .unwrap();
        }
    });
}

/// `one` has a reader and a writer waiting when `other` resets the connection. What do they get?
async fn reset_both(one: &TcpStream, other: TcpStream) -> (Error, Error) {
    let (read, written) = (Cell::new(None), Cell::new(None));
    open_nursery(async |nursery| {
        nursery.start_soon(async { read.set(one.read(&mut [0; 8]).await.err()) });
        nursery.start_soon(async { written.set(one.write_all(&vec![0; LARGE]).await.err()) });
        until_reading(1).await;
        until_writing(1).await;
        other.set_linger(Some(Duration::ZERO)).unwrap();
        drop(other);
    })
    .await
    .unwrap();
    (read.take().unwrap(), written.take().unwrap())
}

#[test]
fn a_reset_is_seen_by_the_reader_and_by_the_writer_and_is_never_taken_for_an_end() {
    check(async || {
        for _ in 0..20 {
            let (one, other) = pair().await;
            let (read, written) = reset_both(&one, other).await;
            assert!(read.is_broken(), "{read:?}");
            assert!(written.is_broken(), "{written:?}");
            for _ in 0..3 {
                assert!(one.read(&mut [0; 8]).await.unwrap_err().is_broken());
                assert!(one.write_all(b"x").await.unwrap_err().is_broken());
            }
        }
    });
}

#[test]
fn a_writer_that_hears_of_a_reset_first_does_not_leave_a_false_end_to_the_reader() {
    check(async || {
        let (one, other) = pair().await;
        other.set_linger(Some(Duration::ZERO)).unwrap();
        drop(other);
        let error = loop {
            if let Err(error) = one.write_all(b"x").await {
                break error;
            }
        };
        assert!(error.is_broken());
        let error = one.read(&mut [0; 8]).await.unwrap_err();
        assert!(error.is_broken(), "{error:?}");
    });
}

#[test]
fn received_bytes_are_read_before_a_reset_is_reported() {
    check(async || {
        let (one, other) = pair().await;
        other.write_all(b"abc").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(one.read(&mut buffer).await.unwrap(), 3);
        other.set_linger(Some(Duration::ZERO)).unwrap();
        drop(other);
        let error = one.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let text = format!("read from {}: connection reset", one.peer_addr().unwrap());
        assert!(error.to_string().starts_with(&text), "{error}");
    });
}

#[test]
fn dropping_a_stream_ends_the_connection() {
    check(async || {
        let (one, other) = pair().await;
        one.write_all(b"on its way").await.unwrap();
        drop(one);
        assert_eq!(read_to_end(&other).await, b"on its way");
    });
}

#[test]
#[cfg(unix)]
fn no_write_raises_sigpipe() {
    let raised = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGPIPE, Arc::clone(&raised)).unwrap();
    check(async || {
        for _ in 0..100 {
            let (one, other) = pair().await;
            other.set_linger(Some(Duration::ZERO)).unwrap();
            drop(other);
            let mut errors = 0;
            while errors < 10 {
                errors += u32::from(one.write_all(b"x").await.is_err());
            }
        }
    });
    assert!(!raised.load(Ordering::SeqCst));
}
