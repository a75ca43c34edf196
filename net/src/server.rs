//! A server before it runs, and its options.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;

use nestling_nursery::{BoxError, NurseryError, Outcome, Ready};

use crate::address::Target;
use crate::error::Error;
use crate::serve::run;
use crate::stream::Listener;
use crate::tcp_listener::TcpListener;

/// A server that is about to run, made by [`serve_tcp`](crate::serve_tcp()),
/// [`serve_on`](crate::serve_on()) and [`serve_listeners`](crate::serve_listeners()). Await it to run it; for a function that wants a
/// future, there is [`into_future`](IntoFuture::into_future).
///
/// ```
/// use nestling_net::{TcpStream, serve_tcp};
/// # async fn handle(stream: TcpStream) -> Result<(), nestling_net::Error> { Ok(()) }
///
/// # async fn server() -> Result<(), nestling_nursery::NurseryError> {
/// serve_tcp(handle, "127.0.0.1:8080")
///     .max_connections(1000)
///     .on_error(|error, peer| eprintln!("{peer}: {error}"))
///     .await
/// # }
/// ```
#[must_use = "a server does nothing unless it is awaited"]
pub struct Server<'a, H, L = TcpListener> {
    pub(crate) handler: H,
    pub(crate) source: Source<'a, L>,
    pub(crate) site: &'static Location<'static>,
    pub(crate) max_connections: usize,
    pub(crate) on_error: Option<OnError<'a>>,
    pub(crate) ready: Option<Ready<SocketAddr>>,
    pub(crate) until: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

pub(crate) type OnError<'a> = RefCell<Box<dyn FnMut(BoxError, SocketAddr) + 'a>>;

pub(crate) enum Source<'a, L> {
    /// The address, for the error's text, and what listens there, not begun yet.
    Bind(Target, Pin<Box<dyn Future<Output = Result<L, Error>> + 'a>>),
    Listeners(Vec<L>),
}

impl<L: fmt::Debug> fmt::Debug for Source<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Bind(target, _) => f.debug_tuple("Bind").field(target).finish(),
            Source::Listeners(listeners) => f.debug_tuple("Listeners").field(listeners).finish(),
        }
    }
}

impl<'a, H, L> Server<'a, H, L> {
    #[track_caller]
    pub(crate) fn new(handler: H, source: Source<'a, L>) -> Server<'a, H, L> {
        Server {
            handler,
            source,
            site: Location::caller(),
            max_connections: usize::MAX,
            on_error: None,
            ready: None,
            until: Box::pin(pending()),
        }
    }

    /// Calls `report` with the error of a handler and the address of the other side, instead of
    /// letting it end the server.
    ///
    /// ```
    /// use nestling_net::{TcpStream, serve_tcp};
    /// # async fn handle(stream: TcpStream) -> Result<(), nestling_net::Error> { Ok(()) }
    ///
    /// # async fn server() -> Result<(), nestling_nursery::NurseryError> {
    /// serve_tcp(handle, "127.0.0.1:8080")
    ///     .on_error(|error, peer| eprintln!("{peer}: {error}"))
    ///     .await
    /// # }
    /// ```
    ///
    /// It is called after the connection has been closed. Panics are not errors: they end the server in
    /// any case.
    pub fn on_error(mut self, report: impl FnMut(BoxError, SocketAddr) + 'a) -> Self {
        self.on_error = Some(RefCell::new(Box::new(report)));
        self
    }

    /// Serves at most `count` connections at a time. More than that wait in the system's queue until
    /// a handler ends.
    ///
    /// ```
    /// # use nestling_net::{TcpStream, serve_tcp};
    /// # async fn handle(stream: TcpStream) -> Result<(), nestling_net::Error> { Ok(()) }
    /// # async fn server() -> Result<(), nestling_nursery::NurseryError> {
    /// serve_tcp(handle, "127.0.0.1:8080").max_connections(1000).await
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `count` is 0: nobody would ever be served.
    #[track_caller]
    pub fn max_connections(mut self, count: usize) -> Self {
        assert!(
            count > 0,
            "a server with `max_connections(0)` would never serve anybody"
        );
        self.max_connections = count;
        self
    }

    /// Calls `ready.started(..)` with the address it listens at, or the first of several, as soon as
    /// clients can connect. Without a listener it is never called.
    ///
    /// ```
    /// # use nestling_net::{TcpStream, serve_tcp};
    /// # use nestling_nursery::{BoxError, open_nursery};
    /// # async fn handle(stream: TcpStream) -> Result<(), nestling_net::Error> { Ok(()) }
    /// # fn main() -> Result<(), nestling_nursery::NurseryError> {
    /// # nestling_runtime::run(async {
    /// open_nursery(async |nursery| {
    ///     let address = nursery
    ///         .start(async |ready| serve_tcp(handle, "127.0.0.1:0").ready(ready).await)
    ///         .await?;
    ///     println!("listening on {address}");
    ///     # nursery.cancel();
    ///     Ok::<_, BoxError>(())
    /// })
    /// .await
    /// # })
    /// # }
    /// ```
    pub fn ready(mut self, ready: Ready<SocketAddr>) -> Self {
        self.ready = Some(ready);
        self
    }

    /// Stops when `stop` is ready: closes the listeners, waits for the handlers that are running, and
    /// returns `Ok(())`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nestling_net::{TcpStream, serve_tcp};
    /// use nestling_runtime::sleep;
    /// # async fn handle(stream: TcpStream) -> Result<(), nestling_net::Error> { Ok(()) }
    ///
    /// # fn main() -> Result<(), nestling_nursery::NurseryError> {
    /// # nestling_runtime::run(async {
    /// serve_tcp(handle, "127.0.0.1:0").until(sleep(Duration::from_millis(5))).await?;
    /// // No handler is running any more.
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// Connections that nobody has accepted by then are reset. Handlers are not told; those that wait
    /// for their clients go on waiting, so put a deadline around the server if they may take too long.
    pub fn until(mut self, stop: impl Future<Output = ()> + 'a) -> Self {
        self.until = Box::pin(stop);
        self
    }
}

impl<'a, H, R, L> IntoFuture for Server<'a, H, L>
where
    H: AsyncFn(L::Stream) -> R + 'a,
    R: Outcome + 'a,
    L: Listener + 'a,
    L::Stream: 'a,
{
    type Output = Result<(), NurseryError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

impl<H, L: fmt::Debug> fmt::Debug for Server<'_, H, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("source", &self.source)
            .field("max_connections", &self.max_connections)
            .field("on_error", &self.on_error.is_some())
            .finish_non_exhaustive()
    }
}
