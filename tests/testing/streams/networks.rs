//! Programs that take the network as an argument, and servers on listeners of all kinds.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use nestling::net::{
    Address, ByteStream, Error, Listener, Network, System, TcpListener, TcpStream, serve_listeners,
    serve_on,
};
use nestling::testing::{MemoryStream, memory_stream_pair};
use nestling::{BoxError, NurseryError, checkpoint, open_nursery, sleep_forever};

use crate::support::{run, run_with, settle};

const HOME: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7);

/// What `accept` is to return: a stream, or an error with the system's number.
type Calls = VecDeque<Result<MemoryStream, i32>>;

/// Returns what the test has put there.
struct Scripted {
    calls: RefCell<Calls>,
    address: Option<SocketAddr>,
    accepts: Cell<usize>,
}

impl Scripted {
    fn new(calls: impl IntoIterator<Item = Result<MemoryStream, i32>>) -> Scripted {
        Scripted {
            calls: RefCell::new(calls.into_iter().collect()),
            address: Some(HOME),
            accepts: Cell::new(0),
        }
    }
}

impl Listener for Scripted {
    type Stream = MemoryStream;

    async fn accept(&self) -> Result<(MemoryStream, SocketAddr), Error> {
        checkpoint().await;
        self.accepts.set(self.accepts.get() + 1);
        let call = self.calls.borrow_mut().pop_front();
        match call {
            Some(Ok(stream)) => Ok((stream, HOME)),
            Some(Err(code)) => Err(io::Error::from_raw_os_error(code).into()),
            None => {
                sleep_forever().await;
                Err(io::Error::other("nobody calls").into())
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.address
            .ok_or_else(|| io::Error::other("it has none").into())
    }
}

async fn echo(stream: impl ByteStream) -> Result<(), Error> {
    let mut buffer = [0; 16];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.send_eof().await,
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

async fn ask(stream: impl ByteStream) -> Result<(), Error> {
    stream.write_all(b"hello").await?;
    stream.send_eof().await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"hello");
    assert_eq!(stream.read(&mut answer).await?, 0);
    Ok(())
}

async fn program<N: Network>(network: N) -> Result<(), NurseryError> {
    open_nursery(async |nursery| {
        let server = serve_on(&network, echo, "127.0.0.1:0");
        let address = nursery
            .start(async |ready| server.ready(ready).await)
            .await?;
        ask(network.connect(address).await?).await?;
        nursery.cancel();
        Ok::<_, BoxError>(())
    })
    .await
}

#[test]
fn a_program_takes_its_network_as_an_argument() {
    run(program(System)).unwrap();
    run(program(Rc::new(System))).unwrap();
    run(program(&Box::new(System))).unwrap();
}

/// TCP without its inherent methods, as a network of somebody else's.
struct Wrapped;

impl Network for Wrapped {
    type Stream = Box<TcpStream>;
    type Listener = WrappedListener;

    async fn connect(&self, address: impl Address) -> Result<Box<TcpStream>, Error> {
        Ok(Box::new(System.connect(address).await?))
    }

    async fn bind(&self, address: impl Address) -> Result<WrappedListener, Error> {
        Ok(WrappedListener(System.bind(address).await?))
    }
}

struct WrappedListener(TcpListener);

impl Listener for WrappedListener {
    type Stream = Box<TcpStream>;

    async fn accept(&self) -> Result<(Box<TcpStream>, SocketAddr), Error> {
        let (stream, peer) = self.0.accept().await?;
        Ok((Box::new(stream), peer))
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.0.local_addr()
    }
}

#[test]
fn anybody_may_bring_a_network() {
    run(program(Wrapped)).unwrap();
}

#[test]
fn a_server_that_cannot_bind_says_where() {
    let error = run(async { serve_on(System, echo, "no port").await.unwrap_err() });
    let leaf = error.multi().unwrap().leaves().next().unwrap();
    assert_eq!(leaf.task(), "serve `no port`");
    assert_eq!(leaf.site().file(), file!());
    assert!(error.to_string().contains("the port is missing"), "{error}");
}

#[test]
fn a_server_runs_on_any_listener() {
    run(async {
        let (client, server) = memory_stream_pair();
        open_nursery(async |nursery| {
            let listener = Scripted::new([Ok(server)]);
            let server = serve_listeners(async |stream| echo(stream).await, [listener]);
            let address = nursery
                .start(async |ready| server.ready(ready).await)
                .await?;
            assert_eq!(address, HOME);
            ask(client).await?;
            nursery.cancel();
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn errors_of_accept_mean_the_same_on_any_listener() {
    const ECONNABORTED: i32 = 103;
    const EMFILE: i32 = 24;
    const EBADF: i32 = 9;
    let clock = nestling::testing::MockClock::new();
    run_with(nestling::Builder::new().clock(clock.clone()), async {
        let (client, server) = memory_stream_pair();
        let aborted = (0..1000).map(|_| Err(ECONNABORTED));
        let calls = aborted.chain([Err(EMFILE), Err(EMFILE), Ok(server), Err(EBADF)]);
        let listener = Scripted::new(calls);
        let served = Cell::new(0);
        let handler = async |stream: MemoryStream| {
            served.set(served.get() + 1);
            echo(stream).await
        };
        open_nursery(async |nursery| {
            nursery.start_soon(ask(client));
            let error = serve_listeners(handler, [&listener]).await.unwrap_err();
            let leaf = error.multi().unwrap().leaves().next().unwrap();
            assert_eq!(leaf.task(), "accept on 127.0.0.1:7");
            assert!(error.to_string().contains("file descriptor"), "{error}");
            nursery.cancel();
        })
        .await
        .unwrap();
        assert_eq!(listener.accepts.get(), 1004);
        assert_eq!(clock.elapsed(), Duration::from_millis(200), "twice 100 ms");
    });
}

#[test]
fn a_listener_without_an_address_is_not_served() {
    run(async {
        let mut listener = Scripted::new([]);
        listener.address = None;
        let error = serve_listeners(async |stream| echo(stream).await, [&listener])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("it has none"), "{error}");
        assert_eq!(listener.accepts.get(), 0);
        settle().await;
    });
}
