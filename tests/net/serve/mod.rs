//! Servers: accepting, handlers, limits, and stopping, through the public API.

mod failing;
mod limiting;
mod serving;
mod stopping;

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use crate::support::{alone, check, open_files, read_to_end, until};
use nestling::net::{Error, Server, TcpListener, TcpStream, serve_listeners, serve_tcp};
use nestling::{
    BoxError, Nursery, NurseryError, StartError, checkpoint, ok, open_nursery, sleep_forever,
    statistics,
};

const ANY: &str = "127.0.0.1:0";

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// A client that has had an answer, so that its handler is running.
async fn connect_and_echo(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).await.unwrap();
    assert_echo(&client).await;
    client
}

async fn assert_echo(client: &TcpStream) {
    client.write_all(b"echo").await.unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"echo");
}

/// Starts `server` in `nursery` and returns its address.
async fn start<'scope, 'a: 'scope, H, R>(
    nursery: &'scope Nursery<'scope, '_>,
    server: Server<'a, H>,
) -> SocketAddr
where
    H: AsyncFn(TcpStream) -> R + 'a,
    R: nestling::Outcome + 'a,
{
    nursery
        .start(async move |ready| server.ready(ready).await)
        .await
        .unwrap()
}

/// The event that all of the tests' handlers wait for: set once, seen by everybody.
#[derive(Default)]
struct Gate(Cell<bool>);

impl Gate {
    fn open(&self) {
        self.0.set(true);
    }

    async fn passed(&self) {
        until(|| self.0.get()).await;
    }
}
