//! A host: where programs run.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, ready};

use nestling_runtime::{poll_proceed, waits_for};

use super::shared::Shared;
use super::statistics::HostStatistics;
use super::virtual_listener::VirtualListener;
use super::virtual_stream::VirtualStream;
use super::world::{EndId, EndState, HostId, HostState, Side};
use crate::address::{Address, Target};
use crate::error::{Error, Operation, Reason};
use crate::proceed;
use crate::stream::Network;

/// A host of a [`VirtualNet`](super::VirtualNet), with a name and addresses of its own. It is a handle,
/// and clones are the same host.
///
/// It is the [`Network`] that a program on it is given. The names of all hosts stand for their IPv4
/// addresses, and `localhost` and `127.0.0.1` for the host itself.
///
/// ```
/// use nestling_net::testing::net::VirtualNet;
/// use nestling_net::{ByteStream, Error, Network};
/// use nestling_nursery::open_nursery;
///
/// async fn fetch<N: Network>(network: &N, from: &str) -> Result<[u8; 5], Error> {
///     let stream = network.connect(from).await?;
///     let mut greeting = [0; 5];
///     stream.read_exact(&mut greeting).await?;
///     Ok(greeting)
/// }
///
/// # nestling_runtime::run(async {
/// let net = VirtualNet::new(7);
/// let listener = net.host("server").bind("0.0.0.0:80").await?;
/// open_nursery(async |nursery| {
///     nursery.start_soon(async { listener.accept().await?.0.write_all(b"hello").await });
///     assert_eq!(&fetch(&net.host("client"), "server:80").await?, b"hello");
///     Ok::<_, Error>(())
/// })
/// .await?;
/// # Ok::<_, nestling_nursery::BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Host {
    shared: Rc<Shared>,
    id: HostId,
}

impl Host {
    pub(super) fn new(shared: Rc<Shared>, id: HostId) -> Host {
        Host { shared, id }
    }

    pub(super) fn id(&self) -> HostId {
        self.id
    }

    pub(super) fn is_of(&self, shared: &Rc<Shared>) -> bool {
        Rc::ptr_eq(&self.shared, shared)
    }

    fn look<R>(&self, look: impl FnOnce(&HostState) -> R) -> R {
        self.shared.look(|world| look(&world.hosts[self.id]))
    }

    /// Its name.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// assert_eq!(VirtualNet::new(7).host("server").name(), "server");
    /// ```
    #[must_use]
    pub fn name(&self) -> String {
        self.look(|host| host.name.clone())
    }

    /// Its IPv4 address: 10.0.0.1 for the first host of a network, 10.0.0.2 for the second, and so on.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// assert_eq!(VirtualNet::new(7).host("first").ip().to_string(), "10.0.0.1");
    /// ```
    #[must_use]
    pub fn ip(&self) -> Ipv4Addr {
        self.look(|host| host.v4)
    }

    /// Its IPv6 address: `fd00::1` for the first host of a network, and so on.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// assert_eq!(VirtualNet::new(7).host("first").ipv6().to_string(), "fd00::1");
    /// ```
    #[must_use]
    pub fn ipv6(&self) -> Ipv6Addr {
        self.look(|host| host.v6)
    }

    /// Connects to `address` from this host; if that stands for several, tries one after the other.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// let by_name = client.connect("server:80").await?;
    /// let by_number = client.connect((server.ip(), 80)).await?;
    /// assert_eq!(by_name.peer_addr(), by_number.peer_addr());
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Cancel and drop
    /// A checkpoint. Cut off or dropped half-way, it leaves nothing behind; the other side sees a
    /// reset, if it has seen anything.
    ///
    /// # Errors
    /// What went wrong at each address: [refused](Error::is_connection_refused) if nobody listens
    /// there, an error that [is broken](Error::is_broken) if nobody answers for too long, if no host has that
    /// address, or if this host has crashed. A name that no host has.
    pub async fn connect(&self, address: impl Address) -> Result<VirtualStream, Error> {
        let target = address.target();
        let addresses = self.resolve(Operation::Connect, &target).await?;
        let mut failed = Vec::new();
        for address in addresses {
            match self.call(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed.push((address, error)),
            }
        }
        Err(Error::of_attempts(
            Operation::Connect,
            Some(&target),
            failed,
        ))
    }

    async fn call(&self, address: SocketAddr) -> io::Result<VirtualStream> {
        let conn = self.shared.with(|world| world.call(self.id, address))?;
        let id = EndId {
            conn,
            side: Side::Client,
        };
        // From here on, dropping the stream gives the call up.
        let stream = VirtualStream::new(Rc::clone(&self.shared), id);
        poll_fn(|cx| {
            ready!(poll_proceed(cx));
            let mut waker = Some(nestling_runtime::own_waker(cx));
            match self.shared.with(|world| world.called(id, &mut waker)) {
                Some(result) => Poll::Ready(result),
                None => {
                    waits_for(|| format!("an answer from {address}"));
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok(stream)
    }

    /// Listens at `address`, or, if that stands for several, at the first of them that can be had.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:0").await?;
    /// client.connect(("server", listener.local_addr().port())).await?;
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// Port 0 stands for a free port; `0.0.0.0` for all IPv4 addresses of this host, and `[::]` for all
    /// its IPv6 addresses.
    ///
    /// # Cancel and drop
    /// A checkpoint that does not wait.
    ///
    /// # Errors
    /// What went wrong at each address: [in use](Error::is_address_in_use), not one of this host's, or
    /// the host has crashed. A name that no host has.
    pub async fn bind(&self, address: impl Address) -> Result<VirtualListener, Error> {
        let target = address.target();
        let addresses = self.resolve(Operation::Bind, &target).await?;
        let mut failed = Vec::new();
        for address in addresses {
            match self.shared.with(|world| world.listen(self.id, address)) {
                Ok((local, id)) => {
                    let shared = Rc::clone(&self.shared);
                    return Ok(VirtualListener::new(shared, self.id, local, id));
                }
                Err(error) => failed.push((address, error)),
            }
        }
        Err(Error::of_attempts(Operation::Bind, Some(&target), failed))
    }

    async fn resolve(
        &self,
        operation: Operation,
        target: &Target,
    ) -> Result<Vec<SocketAddr>, Error> {
        proceed().await;
        let found = match target {
            Target::Addresses(addresses) if addresses.is_empty() => Err(Reason::NoAddress.into()),
            Target::Addresses(addresses) => Ok(addresses.clone()),
            Target::Name { host, port } => {
                let found = self.shared.look(|world| world.resolve(host));
                found
                    .map(|ip: IpAddr| vec![SocketAddr::new(ip, *port)])
                    .map_err(io::Error::from)
            }
            Target::Invalid { problem, .. } => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, problem.clone()))
            }
        };
        found.map_err(|error| Error::of_target(operation, target, error))
    }

    /// Pulls its cable: nothing comes in or goes out until [`plug_in`](Host::plug_in), and nobody is
    /// told. What is sent is held up, and calls get no answer. Connections of the host with itself
    /// go on.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// # let listener = server.bind("0.0.0.0:80").await?;
    /// # let stream = client.connect("server:80").await?;
    /// let (peer, _) = listener.accept().await?;
    /// server.unplug();
    /// stream.write_all(b"abc").await?; // it waits in the sender's buffer
    /// server.plug_in();
    /// peer.read_exact(&mut [0; 3]).await?;
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn unplug(&self) {
        self.shared.with(|world| world.plug(self.id, false));
    }

    /// Ends [`unplug`](Host::unplug): what was held up sets out again.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let host = VirtualNet::new(7).host("host");
    /// host.unplug();
    /// host.plug_in();
    /// assert!(host.statistics().is_plugged_in);
    /// ```
    pub fn plug_in(&self) {
        self.shared.with(|world| world.plug(self.id, true));
    }

    /// Whether calls to this host are refused though there is a listener, as by a firewall. At first
    /// they are not.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// server.refuse_connections(true);
    /// let refused = client.connect("server:80").await;
    /// assert!(refused.is_err_and(|error| error.is_connection_refused()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.with(|world| world.refuse(self.id, refuse));
    }

    /// Resets all connections of this host, so that both ends of each find them broken; how many there
    /// were.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// let stream = client.connect("server:80").await?;
    /// assert_eq!(client.reset_connections(), 1);
    /// assert!(stream.read(&mut [0; 8]).await.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn reset_connections(&self) -> usize {
        let is_ours = |client, server| client == self.id || server == self.id;
        self.shared.with(|world| world.reset_where(is_ours))
    }

    /// Makes it lose its connections and listeners at once, as in a power cut. The other sides are told
    /// nothing; what they send is held up until [`restart`](Host::restart).
    ///
    /// Its tasks are the test's, and go on: whatever they do with its sockets, or open here, fails with
    /// an error that [is broken](Error::is_broken).
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// let stream = client.connect("server:80").await?;
    /// server.crash();
    /// assert!(listener.accept().await.is_err());
    /// stream.write_all(b"is anybody there?").await?; // nobody knows yet
    /// server.restart();
    /// assert!(stream.read(&mut [0; 8]).await.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn crash(&self) {
        self.shared.with(|world| world.crash(self.id));
    }

    /// Ends [`crash`](Host::crash): sockets can be opened again, and what belongs to connections from
    /// before is answered with a reset.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// server.crash();
    /// server.restart();
    /// let listener = server.bind("0.0.0.0:80").await?; // the one before is of no use any more
    /// client.connect("server:80").await?;
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    pub fn restart(&self) {
        self.shared.with(|world| world.restart(self.id));
    }

    /// Figures.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// let listener = server.bind("0.0.0.0:80").await?;
    /// client.connect("server:80").await?;
    /// assert_eq!(client.statistics().listeners, 0);
    /// assert_eq!(server.statistics().listeners, 1);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn statistics(&self) -> HostStatistics {
        self.shared.look(|world| {
            let host = &world.hosts[self.id];
            let ends = world
                .conns
                .values()
                .flat_map(|conn| [Side::Client, Side::Server].map(|side| conn.end(side)));
            let of_use = ends.filter(|end| {
                end.host == self.id && end.state == EndState::Open && end.broken.is_none()
            });
            HostStatistics {
                is_up: host.is_up,
                is_plugged_in: host.is_plugged,
                listeners: host.listeners.len(),
                backlog: host.listeners.values().map(|l| l.queue.len()).sum(),
                connections: of_use.count(),
                accepted: host.totals.accepted,
                bytes: host.totals.bytes,
            }
        })
    }
}

impl Network for Host {
    type Stream = VirtualStream;
    type Listener = VirtualListener;

    async fn connect(&self, address: impl Address) -> Result<VirtualStream, Error> {
        Host::connect(self, address).await
    }

    async fn bind(&self, address: impl Address) -> Result<VirtualListener, Error> {
        Host::bind(self, address).await
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics = self.statistics();
        f.debug_struct("Host")
            .field("name", &self.name())
            .field("ip", &self.ip())
            .field("is_up", &statistics.is_up)
            .field("is_plugged_in", &statistics.is_plugged_in)
            .field("listeners", &statistics.listeners)
            .field("connections", &statistics.connections)
            .finish_non_exhaustive()
    }
}
