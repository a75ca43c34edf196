//! A connection as a test sees it from outside.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use super::shared::Shared;
use super::world::{ConnId, Side};

/// A connection between two hosts, got from [`VirtualNet::connections`](super::VirtualNet::connections).
///
/// It keeps nothing alive: when the connection is over, it has no effect any more.
///
/// ```
/// # use nestling_net::testing::net::VirtualNet;
/// # nestling_runtime::run(async {
/// # let net = VirtualNet::new(7);
/// # let listener = net.host("server").bind("0.0.0.0:80").await?;
/// let stream = net.host("client").connect("server:80").await?;
/// for connection in net.connections() {
///     assert_eq!(connection.client_addr(), stream.local_addr());
///     assert_eq!(connection.server_addr(), stream.peer_addr());
///     assert_eq!((connection.client_host(), connection.server_host()), ("client", "server"));
///     connection.reset();
/// }
/// assert!(net.connections().is_empty());
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
#[derive(Clone)]
pub struct Connection {
    shared: Rc<Shared>,
    id: ConnId,
    client: SocketAddr,
    server: SocketAddr,
    client_host: String,
    server_host: String,
}

impl Connection {
    pub(super) fn new(shared: Rc<Shared>, id: ConnId) -> Connection {
        let (client, server) = shared.look(|world| {
            let end = |side| {
                let end = world.conns.get(&id).map(|conn| conn.end(side))?;
                Some((end.local, world.hosts.get(end.host)?.name.clone()))
            };
            (end(Side::Client), end(Side::Server))
        });
        let unknown = || (SocketAddr::from(([0, 0, 0, 0], 0)), String::new());
        let (client, client_host) = client.unwrap_or_else(unknown);
        let (server, server_host) = server.unwrap_or_else(unknown);
        Connection {
            shared,
            id,
            client,
            server,
            client_host,
            server_host,
        }
    }

    /// The address of the side that called.
    #[must_use]
    pub fn client_addr(&self) -> SocketAddr {
        self.client
    }

    /// The address of the side that was called.
    #[must_use]
    pub fn server_addr(&self) -> SocketAddr {
        self.server
    }

    /// The name of the host that called.
    #[must_use]
    pub fn client_host(&self) -> &str {
        &self.client_host
    }

    /// The name of the host that was called.
    #[must_use]
    pub fn server_host(&self) -> &str {
        &self.server_host
    }

    /// Resets it as something in between may do: both sides find it broken at once, those who wait in
    /// it too. What has come in can still be read before.
    pub fn reset(&self) {
        self.shared.with(|world| world.reset_both(self.id));
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Connection({} {} -> {} {})",
            self.client_host, self.client, self.server_host, self.server
        )
    }
}
