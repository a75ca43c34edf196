//! Servers: accept connections and run a handler for each.
//!
//! ```text
//! handlers' nursery ─┬─ body: acceptors' nursery ─┬─ one acceptor per listener
//!                    │                            └─ body: waits for `until`, then cancels them
//!                    └─ one task per connection
//! ```
//!
//! When the acceptors have ended the listeners are closed, and the outer nursery waits for the
//! handlers that are left.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use nestling_nursery::{
    BoxError, MultiError, Nursery, NurseryError, Outcome, TaskError, open_nursery,
    shutdown_requested,
};
use nestling_runtime::sleep;

use crate::accept_error::AcceptErrorKind;
use crate::address::Address;
use crate::error::Error;
use crate::proceed;
use crate::server::{OnError, Server, Source};
use crate::slots::{Slot, Slots};
use crate::stream::{Listener, Network};
use crate::tcp_listener::TcpListener;
use crate::tcp_stream::TcpStream;

/// How long to leave a listener alone when the system has no descriptor or memory for a connection.
/// Long enough to cost nothing (10 calls a second), short enough for a client to wait for.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Listens at `address` and runs `handler` for each connection, all of them at the same time.
///
/// ```
/// use nestling_net::{TcpStream, serve_tcp};
/// use nestling_nursery::{BoxError, NurseryError};
///
/// async fn greet(stream: TcpStream) -> Result<(), BoxError> {
///     stream.write_all(b"hello\n").await?;
///     Ok(())
/// }
///
/// async fn server() -> Result<(), NurseryError> {
///     serve_tcp(greet, "127.0.0.1:8080").await
/// }
/// ```
///
/// Awaiting the [`Server`] that this returns runs it; its methods set options before. It binds when it
/// is first polled. To learn the address or to be sure that clients can connect, start it with
/// [`Nursery::start`] and hand it the [`Ready`](nestling_nursery::Ready):
///
/// ```
/// use nestling_net::{TcpStream, serve_tcp};
/// use nestling_nursery::{BoxError, open_nursery};
///
/// # fn main() -> Result<(), nestling_nursery::NurseryError> {
/// # nestling_runtime::run(async {
/// let greeting = String::from("hello\n"); // handlers may borrow what outlives the server
/// let greet = async |stream: TcpStream| stream.write_all(greeting.as_bytes()).await;
///
/// open_nursery(async |nursery| {
///     let address = nursery
///         .start(async |ready| serve_tcp(greet, "127.0.0.1:0").ready(ready).await)
///         .await?;
///     let client = TcpStream::connect(address).await?;
///     let mut text = [0; 6];
///     client.read_exact(&mut text).await?;
///     assert_eq!(&text, b"hello\n");
///     nursery.cancel();
///     Ok::<_, BoxError>(())
/// })
/// .await
/// # })
/// # }
/// ```
///
/// # What it takes care of
///
/// A connection is closed when its handler ends, however that ends, unless the handler gave the stream
/// away. Connections that are gone before they are accepted are passed over. When the process runs out
/// of descriptors or memory, it warns through `tracing`, waits for 100 ms, and tries again;
/// connections that are open go on meanwhile.
///
/// When a scope around it is asked to shut down
/// ([`CancelScope::shutdown`](nestling_nursery::CancelScope::shutdown)), it closes the listeners, waits
/// for the handlers that are running, and returns `Ok(())`.
///
/// # Cancel and drop
/// Cancelled, the acceptors and all handlers are cut off where they wait, and their sockets are
/// closed. The same happens when it is dropped, except that async cleanup in handlers has no chance
/// then.
///
/// # Errors
/// A server does not end by itself, so without [`until`](Server::until) and without a soft shutdown
/// its result is always an error:
/// the address could not be had, accepting failed in a way that does not pass, or handlers failed and
/// there is no [`on_error`](Server::on_error). All errors are in it, the handlers' under the name
/// `connection from` and the other side's address.
///
/// # Panics
/// If a handler panics, the others are cut off, and the panic resumes in the server's caller. Polled
/// outside a run.
#[track_caller]
pub fn serve_tcp<'a, H, R>(handler: H, address: impl Address) -> Server<'a, H>
where
    H: AsyncFn(TcpStream) -> R + 'a,
    R: Outcome + 'a,
{
    let target = address.target();
    let bind = TcpListener::bind_target(target.clone());
    Server::new(handler, Source::Bind(target, Box::pin(bind)))
}

/// Accepts connections from all of `listeners` and runs `handler` for each, all of them at the same
/// time.
///
/// ```
/// use nestling_net::{TcpListener, TcpStream, serve_listeners};
/// use nestling_nursery::{BoxError, open_nursery};
///
/// # fn main() -> Result<(), nestling_nursery::NurseryError> {
/// # nestling_runtime::run(async {
/// open_nursery(async |nursery| {
///     let one = TcpListener::bind("127.0.0.1:0").await?;
///     let two = TcpListener::bind("127.0.0.1:0").await?;
///     let addresses = [one.local_addr()?, two.local_addr()?];
///     let greet = async |stream: TcpStream| stream.write_all(b"hello").await;
///     nursery.start_soon(serve_listeners(greet, vec![one, two]).into_future());
///     for address in addresses {
///         let client = TcpStream::connect(address).await?;
///         client.read_exact(&mut [0; 5]).await?;
///     }
///     nursery.cancel();
///     Ok::<_, BoxError>(())
/// })
/// .await
/// # })
/// # }
/// ```
///
/// Everything else is as with [`serve_tcp`]. The listeners are closed when the server stops. As they
/// listen already, clients can connect before it runs. Without listeners there is nothing to serve,
/// and it waits for [`until`](Server::until) or a cancellation.
///
/// The listeners may be of any type that is a [`Listener`]; the handler gets their streams.
#[track_caller]
pub fn serve_listeners<'a, H, R, L>(
    handler: H,
    listeners: impl IntoIterator<Item = L>,
) -> Server<'a, H, L>
where
    H: AsyncFn(L::Stream) -> R + 'a,
    R: Outcome + 'a,
    L: Listener + 'a,
    L::Stream: 'a,
{
    Server::new(handler, Source::Listeners(listeners.into_iter().collect()))
}

/// Listens at `address` of `network` and runs `handler` for each connection, all of them at the same
/// time.
///
/// With [`System`](crate::System) it is [`serve_tcp`]. It is for programs that do not care which
/// network they run on; see [`Network`] for one.
///
/// ```
/// use nestling_net::{ByteStream, Error, Network, System, serve_on};
/// use nestling_nursery::NurseryError;
///
/// async fn greet(stream: impl ByteStream) -> Result<(), Error> {
///     stream.write_all(b"hello\n").await
/// }
///
/// async fn server(network: impl Network) -> Result<(), NurseryError> {
///     serve_on(network, greet, "127.0.0.1:8080").await
/// }
/// # drop(server(System));
/// ```
#[track_caller]
pub fn serve_on<'a, N, H, R>(
    network: N,
    handler: H,
    address: impl Address + 'a,
) -> Server<'a, H, N::Listener>
where
    N: Network + 'a,
    H: AsyncFn(N::Stream) -> R + 'a,
    R: Outcome + 'a,
{
    let target = address.target();
    let bind = async move { network.bind(address).await };
    Server::new(handler, Source::Bind(target, Box::pin(bind)))
}

/// Waits for `until`, or for a soft shutdown of a scope around the server.
async fn stopped_by(mut until: Pin<Box<dyn Future<Output = ()> + '_>>) {
    let mut shutdown = shutdown_requested();
    poll_fn(|cx| match until.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => Pin::new(&mut shutdown).poll(cx),
    })
    .await;
}

pub(crate) async fn run<H, R, L>(server: Server<'_, H, L>) -> Result<(), NurseryError>
where
    H: AsyncFn(L::Stream) -> R,
    R: Outcome,
    L: Listener,
{
    let Server {
        handler,
        source,
        site,
        max_connections,
        on_error,
        ready,
        until,
    } = server;
    let failed = |name: String, error: Error| -> NurseryError {
        MultiError::from(TaskError::new(name, site, error)).into()
    };
    let listeners = match source {
        Source::Listeners(listeners) => listeners,
        Source::Bind(target, bind) => match bind.await {
            Ok(listener) => vec![listener],
            Err(error) => return Err(failed(format!("serve {target}"), error)),
        },
    };
    let mut addresses = Vec::with_capacity(listeners.len());
    for listener in &listeners {
        match listener.local_addr() {
            Ok(address) => addresses.push(address),
            Err(error) => return Err(failed("serve".to_owned(), error)),
        }
    }
    let service = Service {
        handler,
        site,
        slots: Slots::new(max_connections),
        on_error,
    };
    open_nursery(async |handlers| {
        let stopped = open_nursery(async |acceptors| {
            for (listener, address) in listeners.iter().zip(&addresses) {
                let name = format!("accept on {address}");
                acceptors
                    .task()
                    .name(name)
                    .site(site)
                    .start_soon(service.accept_from(listener, handlers));
            }
            if let (Some(ready), Some(first)) = (ready, addresses.first()) {
                ready.started(*first);
            }
            stopped_by(until).await;
            acceptors.cancel();
        })
        .await;
        drop(listeners);
        stopped
    })
    .await
}

struct Service<'a, H> {
    handler: H,
    /// Where the server was made, which is what errors of handlers show.
    site: &'static Location<'static>,
    slots: Slots,
    on_error: Option<OnError<'a>>,
}

impl<H> Service<'_, H> {
    /// Ends only with an error.
    async fn accept_from<'scope, 'env, R, L>(
        &'env self,
        listener: &L,
        handlers: &'scope Nursery<'scope, 'env>,
    ) -> Result<(), Error>
    where
        H: AsyncFn(L::Stream) -> R,
        R: Outcome + 'scope,
        L: Listener,
        L::Stream: 'scope,
    {
        loop {
            match self.accept(listener).await {
                (Ok((stream, peer)), slot) => {
                    let name = format!("connection from {peer}");
                    handlers
                        .task()
                        .name(name)
                        .site(self.site)
                        .start_soon(self.handle(stream, peer, slot));
                }
                (Err(error), slot) => {
                    drop(slot);
                    match error.accept_kind() {
                        AcceptErrorKind::Fail => return Err(error),
                        AcceptErrorKind::BackOff => {
                            tracing::warn!(%error, "no connection can be accepted at the moment");
                            sleep(BACK_OFF).await;
                        }
                        // `TcpListener` passes over these by itself; others may leave it to us.
                        AcceptErrorKind::Retry => {
                            tracing::debug!(%error, "a connection was gone before it was accepted");
                            proceed().await;
                        }
                    }
                }
            }
        }
    }

    /// Takes a slot only together with a connection: an acceptor that kept one while nobody calls
    /// would take it from the acceptors of other listeners.
    async fn accept<L: Listener>(
        &self,
        listener: &L,
    ) -> (Result<(L::Stream, SocketAddr), Error>, Slot<'_>) {
        let mut accept = pin!(listener.accept());
        poll_fn(|cx| {
            ready!(self.slots.poll_free(cx));
            accept
                .as_mut()
                .poll(cx)
                .map(|accepted| (accepted, self.slots.take()))
        })
        .await
    }

    async fn handle<R, S>(
        &self,
        stream: S,
        peer: SocketAddr,
        slot: Slot<'_>,
    ) -> Result<(), BoxError>
    where
        H: AsyncFn(S) -> R,
        R: Outcome,
    {
        let result = (self.handler)(stream).await.into_result();
        // The stream went with the handler's future, so the connection is closed by now.
        drop(slot);
        match (result, &self.on_error) {
            (Ok(_), _) => Ok(()),
            (Err(error), None) => Err(error),
            (Err(error), Some(report)) => {
                (report.borrow_mut())(error, peer);
                Ok(())
            }
        }
    }
}
