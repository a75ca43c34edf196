//! What the public face can't reach: an input that can't be watched and blocks.
#![cfg(all(unix, not(miri)))]

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{LazyLock, Mutex};
use std::task::Poll;

use super::input::{Input, Stdin};
use super::writing::{Line, Writing};
use crate::{checkpoint, run};

/// Polls it so often, and drops it.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        if let Poll::Ready(value) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(value);
        }
        checkpoint().await;
    }
    None
}

#[test]
fn what_an_abandoned_thread_reads_is_kept_for_the_next_reader() {
    static PAIR: LazyLock<(UnixStream, UnixStream)> = LazyLock::new(|| UnixStream::pair().unwrap());
    static INPUT: Input = Input::new(|buffer| io::Read::read(&mut &PAIR.0, buffer));
    run(async {
        let stdin = Stdin::of(&INPUT).by_thread();
        // One thread waits for all of them.
        for _ in 0..3 {
            assert!(polled(2, stdin.read_line()).await.is_none());
        }
        drop(stdin);
        (&PAIR.1).write_all(b"one\ntwo\nthr").unwrap();
        let stdin = Stdin::of(&INPUT).by_thread();
        assert_eq!(stdin.read_line().await.unwrap().unwrap(), "one");
        assert_eq!(stdin.read_line().await.unwrap().unwrap(), "two");
        assert!(polled(2, stdin.read_line()).await.is_none());
        (&PAIR.1).write_all(b"ee\n").unwrap();
        assert_eq!(stdin.read_line().await.unwrap().unwrap(), "three");
        assert!(polled(2, stdin.read_line()).await.is_none());
    });
    // In another run as well.
    run(async {
        (&PAIR.1).write_all(b"four").unwrap();
        PAIR.1.shutdown(std::net::Shutdown::Write).unwrap();
        let stdin = Stdin::of(&INPUT).by_thread();
        let mut first = pin!(stdin.read_line());
        let polled_first = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_ready())).await;
        if !polled_first {
            let busy = stdin.read_line().await.unwrap_err();
            assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
            assert_eq!(first.await.unwrap().unwrap(), "four");
        }
        assert_eq!(stdin.read_line().await.unwrap(), None);
    });
}

#[test]
fn writers_take_turns_and_who_leaves_early_is_written_nevertheless() {
    static GATE: LazyLock<(UnixStream, UnixStream)> = LazyLock::new(|| UnixStream::pair().unwrap());
    static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    /// Waits for permission; `!` fails.
    static LINE: Line = Line::new("test", |bytes| {
        io::Read::read_exact(&mut &GATE.0, &mut [0])?;
        if bytes == b"!" {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    });
    let permit = |count: usize| (&GATE.1).write_all(&vec![0; count]).unwrap();
    run(async {
        // In the thread.
        assert!(polled(2, Writing::new(&LINE, b"a")).await.is_none());
        let mut b = Box::pin(Writing::new(&LINE, b"b"));
        let mut c = Box::pin(Writing::new(&LINE, b"c"));
        let mut d = Box::pin(Writing::new(&LINE, b"d"));
        for future in [&mut b, &mut c, &mut d] {
            assert!(polled(1, future.as_mut()).await.is_none());
        }
        // In line: nothing is written.
        drop(c);
        permit(3);
        b.await.unwrap();
        d.await.unwrap();
        assert_eq!(*WRITTEN.lock().unwrap(), b"abd");

        // The error of one who is gone comes to the next, who has written nothing then.
        assert!(polled(2, Writing::new(&LINE, b"!")).await.is_none());
        permit(1);
        let error = Writing::new(&LINE, b"e").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        permit(1);
        Writing::new(&LINE, b"f").await.unwrap();
        assert_eq!(*WRITTEN.lock().unwrap(), b"abdf");
        permit(1);
        let own = Writing::new(&LINE, b"!").await.unwrap_err();
        assert_eq!(own.kind(), io::ErrorKind::BrokenPipe);
        permit(1);
        Writing::new(&LINE, b"").await.unwrap();
    });
}
