//! Looking up a host name that nobody waits for any more.
//!
//! The thread that does it cannot be interrupted, so this test counts threads and descriptors.

use std::future::Future;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::support::{alone, open_files};
use nestling::net::{Error, TcpStream};
use nestling::{checkpoint, open_nursery, run, statistics, to_thread};

/// Threads at work and sockets of this process, where that can be found out.
fn counts() -> (usize, usize) {
    (to_thread::statistics().working, open_files())
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < patience, "{:?} are left", counts());
        std::thread::yield_now();
    }
}

#[test]
fn a_lookup_that_is_cancelled_or_dropped_leaves_nothing_behind() {
    let _alone = alone();
    // Another test's lookup may still be at work.
    wait_until(|| counts().0 == 0);
    let before = counts();
    run(async {
        for _ in 0..20 {
            let result = open_nursery(async |nursery| {
                nursery.start_soon(async { TcpStream::connect("localhost:1").await.map(drop) });
                checkpoint().await;
                nursery.cancel();
            });
            // It may have been faster.
            result
                .await
                .unwrap_or_else(|error| assert!(error.find::<Error>().is_some()));
        }
        let mut dropped = Box::pin(TcpStream::connect("localhost:1"));
        std::future::poll_fn(|cx| {
            assert!(dropped.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(dropped);
        assert_eq!(statistics().io.sources, 0);
    });
    wait_until(|| counts() == before);
}
