//! Streams and listeners: what they promise, through the public API.

mod beyond_a_run;
mod cancelling;
mod connecting;
mod ending;
mod listening;
mod reading_and_writing;
mod taking_turns;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use crate::support::{
    Random, alone, check, open_files, pair, read_to_end, until, until_reading, until_writing,
};
use nestling::net::{Error, TcpListener, TcpStream};
use nestling::{NurseryError, checkpoint, ok, open_nursery, run, sleep_forever, statistics};

/// More than two sockets' buffers hold.
const LARGE: usize = 32 << 20;

/// Runs `operation` in a task, cancels it when `waits` is over, and waits for its end.
async fn cancel_when<T>(operation: impl Future<Output = T>, waits: impl Future<Output = ()>) {
    let ended = Cell::new(false);
    let result = open_nursery(async |nursery| {
        nursery.start_soon(async {
            operation.await;
            ended.set(true);
        });
        waits.await;
        nursery.cancel();
    })
    .await;
    assert!(result.is_ok());
    assert!(!ended.get(), "the operation was to be cut off");
}

/// Runs `operation` in a context that is cancelled before it begins.
async fn begin_cancelled<T>(operation: impl Future<Output = T>) {
    let result = open_nursery(async |nursery| {
        nursery.cancel();
        operation.await;
        unreachable!("a checkpoint in a cancelled context does not return");
    })
    .await;
    assert!(matches!(result, Err(NurseryError::Cancelled(_))));
}

/// Two addresses at which nobody listens.
async fn closed_addresses() -> [SocketAddr; 2] {
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let two = TcpListener::bind("127.0.0.1:0").await.unwrap();
    [one.local_addr().unwrap(), two.local_addr().unwrap()]
}

/// A listener of the system whose queue takes a connection or two, and no more.
fn listener_that_takes_no_more() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}
