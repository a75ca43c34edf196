//! The streams of the library pass their own checks.

use std::rc::Rc;

use nestling::net::{ByteStream, Error, TcpListener, TcpStream};
use nestling::testing::{
    MemoryStream, check_half_close, check_stream, lockstep_stream_pair, memory_stream_pair,
    memory_stream_pair_with_capacity,
};
use nestling::{checkpoint, move_on_after};
use std::time::Duration;

use crate::support::{run, run_virtual};

async fn full(capacity: usize) -> (MemoryStream, MemoryStream) {
    let (full, other) = memory_stream_pair_with_capacity(capacity);
    full.write_all(&vec![0; capacity]).await.unwrap();
    (full, other)
}

#[test]
fn memory_streams_pass() {
    run_virtual(async {
        check_stream(async || memory_stream_pair()).await;
        check_half_close(async || memory_stream_pair()).await;
    });
}

#[test]
fn memory_streams_of_any_capacity_pass() {
    run_virtual(async {
        for capacity in [1, 2, 3, 64] {
            check_stream(async || memory_stream_pair_with_capacity(capacity))
                .clogged(async || full(capacity).await)
                .await;
            check_half_close(async || memory_stream_pair_with_capacity(capacity))
                .clogged(async || full(capacity).await)
                .await;
        }
    });
}

#[test]
fn lockstep_streams_pass_and_are_clogged_from_the_start() {
    run_virtual(async {
        check_stream(async || lockstep_stream_pair())
            .clogged(async || lockstep_stream_pair())
            .await;
        check_half_close(async || lockstep_stream_pair())
            .clogged(async || lockstep_stream_pair())
            .await;
    });
}

#[test]
fn what_points_to_a_stream_passes() {
    run_virtual(async {
        check_stream(async || {
            let (one, two) = lockstep_stream_pair();
            (Box::new(one), Box::new(two))
        })
        .await;
        check_half_close(async || {
            let (one, two) = memory_stream_pair();
            (Rc::new(one), Rc::new(two))
        })
        .await;
    });
}

/// A stream that has no more than what it has to have.
struct Plain(MemoryStream);

impl ByteStream for Plain {
    async fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.0.read(buffer).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<usize, Error> {
        self.0.write(bytes).await
    }

    async fn send_eof(&self) -> Result<(), Error> {
        self.0.send_eof().await
    }
}

#[test]
fn streams_without_a_write_all_of_their_own_pass() {
    run_virtual(async {
        check_stream(async || {
            let (one, two) = lockstep_stream_pair();
            (Plain(one), Plain(two))
        })
        .clogged(async || {
            let (one, two) = full(3).await;
            (Plain(one), Plain(two))
        })
        .await;
    });
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let caller = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (called, _) = listener.accept().await.unwrap();
    (caller, called)
}

/// Until a write waits though the loop has looked for I/O often.
async fn full_tcp_pair() -> (TcpStream, TcpStream) {
    let (full, other) = tcp_pair().await;
    let bytes = vec![0; 1 << 16];
    loop {
        let mut turns = 0;
        let gives_up = async {
            while turns < 300 {
                turns += 1;
                checkpoint().await;
            }
        };
        match crate::support::select(full.write(&bytes), gives_up).await {
            crate::support::Either::First(written) => drop(written.unwrap()),
            crate::support::Either::Second(()) => return (full, other),
        }
    }
}

#[test]
fn tcp_streams_pass() {
    run(async {
        check_stream(tcp_pair).clogged(full_tcp_pair).await;
        check_half_close(tcp_pair).clogged(full_tcp_pair).await;
    });
}

#[test]
fn a_check_can_be_given_up_at_any_time() {
    run_virtual(async {
        let check = check_stream(async || {
            nestling::sleep(Duration::from_secs(1)).await;
            memory_stream_pair()
        });
        let done = move_on_after(Duration::from_secs(5), check.into_future()).await;
        assert!(done.is_none());
    });
}
