//! Where connections come in.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, ready};

use nestling_runtime::{poll_proceed, waits_for};

use super::shared::Shared;
use super::virtual_stream::VirtualStream;
use super::world::HostId;
use crate::error::{Error, Operation, Reason};
use crate::proceed;
use crate::stream::Listener;
use nestling_runtime::io::Turn;

/// A listener of a [`Host`](super::Host), made by [`Host::bind`](super::Host::bind).
///
/// ```
/// # use nestling_net::testing::net::VirtualNet;
/// # nestling_runtime::run(async {
/// let net = VirtualNet::new(7);
/// let listener = net.host("server").bind("0.0.0.0:80").await?;
/// let stream = net.host("client").connect("server:80").await?;
/// let (_peer, address) = listener.accept().await?;
/// assert_eq!(address, stream.local_addr());
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
///
/// # Drop
/// Its address is free again, and connections that nobody has accepted are reset.
pub struct VirtualListener {
    shared: Rc<Shared>,
    host: HostId,
    local: SocketAddr,
    id: u64,
    acceptor: Turn,
}

impl VirtualListener {
    pub(super) fn new(
        shared: Rc<Shared>,
        host: HostId,
        local: SocketAddr,
        id: u64,
    ) -> VirtualListener {
        VirtualListener {
            shared,
            host,
            local,
            id,
            acceptor: Turn::default(),
        }
    }

    /// The address it listens at, with the port that it got if it asked for any.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Waits for a connection. The stream comes with the address of the other side, which may be
    /// gone already.
    ///
    /// # Cancel and drop
    /// A checkpoint, and no connection is lost.
    ///
    /// # Errors
    /// [Busy](Error::is_busy) if another task is accepting, [broken](Error::is_broken) if the host has
    /// crashed since.
    pub async fn accept(&self) -> Result<(VirtualStream, SocketAddr), Error> {
        let Some(_turn) = self.acceptor.take() else {
            proceed().await;
            let busy = Reason::Busy {
                doing: "accepting from",
                what: "listener",
            };
            return Err(Error::at(Operation::Accept, self.local, busy));
        };
        let _parked = Parked(self);
        let accepted = poll_fn(|cx| {
            ready!(poll_proceed(cx));
            let mut waker = Some(nestling_runtime::own_waker(cx));
            let accepted = self
                .shared
                .with(|world| world.accept(self.host, self.local, self.id, &mut waker));
            match accepted {
                Some(result) => Poll::Ready(result),
                None => {
                    waits_for(|| format!("a connection at {}", self.local));
                    Poll::Pending
                }
            }
        });
        match accepted.await {
            Ok(id) => {
                let stream = VirtualStream::new(Rc::clone(&self.shared), id);
                let peer = stream.peer_addr();
                Ok((stream, peer))
            }
            Err(error) => Err(Error::at(Operation::Accept, self.local, error)),
        }
    }
}

/// Takes the waker back when nobody waits any more.
struct Parked<'a>(&'a VirtualListener);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let VirtualListener {
            shared,
            host,
            local,
            id,
            ..
        } = self.0;
        let waker = shared.with(|world| {
            let listener = world.listener_mut(*host, *local, *id)?;
            listener.acceptor.take()
        });
        drop(waker);
    }
}

impl Listener for VirtualListener {
    type Stream = VirtualStream;

    async fn accept(&self) -> Result<(VirtualStream, SocketAddr), Error> {
        VirtualListener::accept(self).await
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        self.shared
            .with(|world| world.unlisten(self.host, self.local, self.id));
    }
}

impl fmt::Debug for VirtualListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backlog = self.shared.with(|world| {
            let listener = world.listener_mut(self.host, self.local, self.id)?;
            Some(listener.queue.len())
        });
        f.debug_struct("VirtualListener")
            .field("local", &self.local)
            .field("backlog", &backlog)
            .field("accepting", &self.acceptor.is_taken())
            .finish_non_exhaustive()
    }
}
