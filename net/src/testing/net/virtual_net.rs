//! The network as a test sees it.

use std::fmt;
use std::rc::Rc;

use super::builder::{Builder, Settings};
use super::connection::Connection;
use super::faults::Faults;
use super::host::Host;
use super::link::Link;
use super::shared::Shared;
use super::statistics::NetStatistics;
use super::world::World;

/// A network in memory; see the [module](super) for what it does and how to use it.
///
/// It is a handle: clones are the same network. So are its hosts, streams and listeners, which go on
/// when this one is dropped.
///
/// ```
/// use std::time::Duration;
/// use nestling_net::testing::net::{Link, VirtualNet};
///
/// # nestling_runtime::run(async {
/// let net = VirtualNet::new(7); // the seed, from which everything that is left to chance follows
/// let (client, server) = (net.host("client"), net.host("server"));
/// net.link(&client, &server, Link::new().latency(Duration::from_millis(2)));
///
/// let listener = server.bind("0.0.0.0:80").await?;
/// let stream = client.connect("server:80").await?;
/// net.partition(&client, &server);
/// stream.write_all(b"is anybody there?").await?; // that is held up
/// net.heal(&client, &server);
/// let (peer, _) = listener.accept().await?;
/// peer.read_exact(&mut [0; 17]).await?;
/// # Ok::<_, nestling_net::Error>(())
/// # })?;
/// # Ok::<_, nestling_net::Error>(())
/// ```
#[derive(Clone)]
pub struct VirtualNet {
    shared: Rc<Shared>,
}

impl VirtualNet {
    /// A network without hosts, with links as [`Link::new`] makes them.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::new(7);
    /// assert_eq!(net.statistics().hosts, 0);
    /// ```
    #[must_use]
    pub fn new(seed: u64) -> VirtualNet {
        VirtualNet::builder(seed).build()
    }

    /// A network with other settings.
    ///
    /// ```
    /// # use nestling_net::testing::net::{Link, VirtualNet};
    /// let net = VirtualNet::builder(7).link(Link::new().pieces(1..=10)).build();
    /// ```
    pub fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    pub(super) fn with(seed: u64, settings: Settings) -> VirtualNet {
        VirtualNet {
            shared: Shared::new(World::new(seed, settings)),
        }
    }

    /// The host of that name, made if there is none. Its name is found by all others; it has an IPv4
    /// address and an IPv6 address of its own.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::new(7);
    /// let server = net.host("server");
    /// assert_eq!(net.host("server").ip(), server.ip());
    /// assert_ne!(net.host("client").ip(), server.ip());
    /// ```
    pub fn host(&self, name: &str) -> Host {
        let id = self.shared.with(|world| world.host(name));
        Host::new(Rc::clone(&self.shared), id)
    }

    /// Puts `link` between two hosts, in both directions, or between a host and itself.
    ///
    /// ```
    /// # use nestling_net::testing::net::{Link, VirtualNet};
    /// let net = VirtualNet::new(7);
    /// net.link(&net.host("a"), &net.host("b"), Link::new().bytes_per_second(1000));
    /// ```
    ///
    /// # Panics
    /// If a host is of another network.
    #[track_caller]
    pub fn link(&self, one: &Host, other: &Host, link: Link) {
        let (one, other) = (self.id_of(one), self.id_of(other));
        self.shared.with(|world| world.set_link(one, other, link));
    }

    /// Cuts two hosts off from each other. Nobody is told: what is sent is held up, and calls get no
    /// answer.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::new(7);
    /// let (one, other) = (net.host("one"), net.host("other"));
    /// net.partition(&one, &other);
    /// net.heal(&one, &other);
    /// ```
    ///
    /// # Panics
    /// If a host is of another network.
    #[track_caller]
    pub fn partition(&self, one: &Host, other: &Host) {
        let (one, other) = (self.id_of(one), self.id_of(other));
        self.shared.with(|world| {
            world.cut(one, other);
            world.cut(other, one);
        });
    }

    /// As [`partition`](VirtualNet::partition), in one direction: `to` hears nothing of `from`, which
    /// goes on hearing of `to`.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # use std::time::Duration;
    /// # nestling_runtime::run(async {
    /// let net = VirtualNet::builder(7).connect_timeout(Duration::from_millis(5)).build();
    /// let (one, other) = (net.host("one"), net.host("other"));
    /// net.partition_one_way(&one, &other);
    /// let unheard = one.connect("other:80").await;
    /// assert!(unheard.is_err_and(|error| error.is_broken()));
    /// # });
    /// ```
    ///
    /// # Panics
    /// If a host is of another network.
    #[track_caller]
    pub fn partition_one_way(&self, from: &Host, to: &Host) {
        let (from, to) = (self.id_of(from), self.id_of(to));
        self.shared.with(|world| world.cut(from, to));
    }

    /// Ends a partition, in both directions: what was held up sets out again. Without one it does
    /// nothing.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let (client, server) = (net.host("client"), net.host("server"));
    /// # let listener = server.bind("0.0.0.0:80").await?;
    /// # let stream = client.connect("server:80").await?;
    /// # let (peer, _) = listener.accept().await?;
    /// net.partition(&client, &server);
    /// stream.write_all(b"abc").await?;
    /// net.heal(&client, &server);
    /// peer.read_exact(&mut [0; 3]).await?;
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a host is of another network.
    #[track_caller]
    pub fn heal(&self, one: &Host, other: &Host) {
        let (one, other) = (self.id_of(one), self.id_of(other));
        self.shared.with(|world| {
            world.heal(one, other);
            world.heal(other, one);
        });
    }

    /// Ends all partitions, plugs all hosts in, and lets all accept connections. Hosts that have crashed
    /// stay down.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::new(7);
    /// net.host("a").unplug();
    /// net.partition(&net.host("a"), &net.host("b"));
    /// net.heal_all();
    /// assert!(net.host("a").statistics().is_plugged_in);
    /// ```
    pub fn heal_all(&self) {
        self.shared.with(World::heal_all);
    }

    /// Lets `faults` strike from now on. Outside a run, from when the network is first used in one.
    ///
    /// ```
    /// # use nestling_net::testing::net::{Faults, VirtualNet};
    /// # use std::time::Duration;
    /// let net = VirtualNet::new(7);
    /// net.inject(Faults::during(Duration::from_secs(60)).resets(Duration::from_secs(2)));
    /// ```
    pub fn inject(&self, faults: Faults) {
        self.shared.with(|world| world.inject(faults));
    }

    /// The connections that are made and of use to one of their ends at least, in the order in which
    /// they were called for.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// # let listener = net.host("server").bind("0.0.0.0:80").await?;
    /// let stream = net.host("client").connect("server:80").await?;
    /// for connection in net.connections() {
    ///     connection.reset();
    /// }
    /// assert!(stream.read(&mut [0; 64]).await.is_err_and(|error| error.is_broken()));
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let live: Vec<_> = self.shared.look(|world| world.live().collect());
        live.into_iter()
            .map(|(id, ..)| Connection::new(Rc::clone(&self.shared), id))
            .collect()
    }

    /// Resets all connections, so that both ends of each find them broken; how many there were.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// assert_eq!(VirtualNet::new(7).reset_all(), 0);
    /// ```
    pub fn reset_all(&self) -> usize {
        self.shared.with(|world| world.reset_where(|_, _| true))
    }

    /// Figures.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// let listener = net.host("server").bind("0.0.0.0:80").await?;
    /// let stream = net.host("client").connect("server:80").await?;
    /// assert_eq!(net.statistics().connections, 1);
    /// drop((stream, listener));
    /// assert_eq!(net.statistics().connections, 0);
    /// # Ok::<_, nestling_net::Error>(())
    /// # })?;
    /// # Ok::<_, nestling_net::Error>(())
    /// ```
    #[must_use]
    pub fn statistics(&self) -> NetStatistics {
        self.shared.look(|world| NetStatistics {
            hosts: world.hosts.len(),
            listeners: world.hosts.iter().map(|host| host.listeners.len()).sum(),
            connections: world.live().count(),
            remembered: world.conns.len(),
            bytes_in_transit: world.bytes_in_transit(),
            calls: world.totals.calls,
            accepted: world.totals.accepted,
            resets: world.totals.resets,
            packets: world.totals.packets,
            bytes: world.totals.bytes,
        })
    }

    /// What has happened, a line each with the time since the network was first used: to be printed
    /// when a test fails. The oldest lines are left out when there are too many, see
    /// [`Builder::trace_lines`].
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # nestling_runtime::run(async {
    /// # let net = VirtualNet::new(7);
    /// let refused = net.host("client").connect((net.host("server").ip(), 80)).await;
    /// assert!(refused.is_err_and(|error| error.is_connection_refused()));
    /// assert!(net.trace()[0].ends_with("s  client:49152 -> server:80: SYN"));
    /// assert!(net.trace()[1].ends_with("s  server:80 -> client:49152: refuses"));
    /// # });
    /// ```
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.shared.look(World::trace_lines)
    }

    #[track_caller]
    fn id_of(&self, host: &Host) -> usize {
        assert!(
            host.is_of(&self.shared),
            "{host:?} is of another virtual network: each network has hosts of its own"
        );
        host.id()
    }
}

impl fmt::Debug for VirtualNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics = self.statistics();
        f.debug_struct("VirtualNet")
            .field("hosts", &statistics.hosts)
            .field("listeners", &statistics.listeners)
            .field("connections", &statistics.connections)
            .field("bytes_in_transit", &statistics.bytes_in_transit)
            .finish_non_exhaustive()
    }
}
