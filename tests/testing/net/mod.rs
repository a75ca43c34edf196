//! The virtual network: what it promises to tests that use it.

mod calling;
mod conforming;
mod ending;
mod faults;
mod flow;
mod hostile;
mod places;
mod seeds;
mod surviving;

use std::future::Future;
use std::time::Duration;

use crate::support::{self, run_with, settle, times};
use nestling::net::Error;
use nestling::testing::MockClock;
use nestling::testing::net::{
    Builder, Faults, Host, Link, VirtualListener, VirtualNet, VirtualStream,
};
use nestling::{BoxError, current_time, move_on_after, ok, open_nursery, sleep};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Runs `main` in virtual time, and checks that it leaves nothing behind.
#[track_caller]
fn run_virtual<F: Future>(main: F) -> F::Output {
    run_with(nestling::Builder::new().clock(MockClock::new()), main)
}

/// Whether `operation` would wait; it is dropped then.
async fn waits<T>(operation: impl Future<Output = T>) -> bool {
    support::poll_once(&mut Box::pin(operation))
        .await
        .is_pending()
}

/// A network of two hosts with a connection between them.
struct Pair {
    net: VirtualNet,
    client: Host,
    server: Host,
    listener: VirtualListener,
    /// The client's end.
    one: VirtualStream,
    /// The server's end.
    other: VirtualStream,
}

async fn pair() -> Pair {
    pair_in(VirtualNet::builder(7)).await
}

async fn pair_with(link: Link) -> Pair {
    pair_in(VirtualNet::builder(7).link(link)).await
}

async fn pair_in(builder: Builder) -> Pair {
    let net = builder.build();
    let (client, server) = (net.host("client"), net.host("server"));
    let listener = server.bind("0.0.0.0:80").await.unwrap();
    let one = client.connect("server:80").await.unwrap();
    let (other, _) = listener.accept().await.unwrap();
    Pair {
        net,
        client,
        server,
        listener,
        one,
        other,
    }
}

async fn read_to_end(stream: &VirtualStream) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// How long `operation` takes by the run's clock.
async fn timed<T>(operation: impl Future<Output = T>) -> (T, Duration) {
    let start = current_time();
    let result = operation.await;
    (result, current_time() - start)
}

/// Whether `operation` is still waiting after an hour.
async fn hangs<T>(operation: impl Future<Output = T>) -> bool {
    move_on_after(3600 * SECOND, operation).await.is_none()
}

#[track_caller]
fn assert_broken<T: std::fmt::Debug>(result: Result<T, Error>, kind: std::io::ErrorKind) {
    let error = result.unwrap_err();
    assert!(error.is_broken(), "{error}");
    assert_eq!(error.kind(), kind, "{error}");
}

fn echo_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..count).map(|_| next()).collect()
}
