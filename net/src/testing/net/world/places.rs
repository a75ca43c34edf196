//! Hosts, their names, addresses, ports and listeners.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Waker;

use super::{ConnId, World};
use crate::testing::net::statistics::Totals;
use crate::testing::net::trouble::{Cause, Trouble};

/// Its place in the list of hosts.
pub(in crate::testing::net) type HostId = usize;

/// The host at addresses that nobody has.
pub(super) const NOWHERE: HostId = usize::MAX;

/// The ports that the system picks from, as IANA has it.
const FIRST_DYNAMIC_PORT: u16 = 49152;

#[derive(Debug)]
pub(in crate::testing::net) struct HostState {
    pub(in crate::testing::net) name: String,
    pub(in crate::testing::net) v4: Ipv4Addr,
    pub(in crate::testing::net) v6: Ipv6Addr,
    pub(in crate::testing::net) is_up: bool,
    pub(in crate::testing::net) is_plugged: bool,
    pub(in crate::testing::net) refuses: bool,
    pub(in crate::testing::net) listeners: BTreeMap<SocketAddr, ListenerState>,
    pub(in crate::testing::net) totals: Totals,
    /// Ports of connections that were made from here.
    ports: BTreeSet<u16>,
    next_port: u16,
}

#[derive(Debug)]
pub(in crate::testing::net) struct ListenerState {
    /// Tells it from one that has the same address later.
    pub(in crate::testing::net) id: u64,
    /// Connections that are being made.
    pub(super) answered: BTreeSet<ConnId>,
    /// Connections to be accepted.
    pub(in crate::testing::net) queue: VecDeque<ConnId>,
    pub(in crate::testing::net) acceptor: Option<Waker>,
}

impl ListenerState {
    /// Whether the connection has been answered and is not complete.
    pub(super) fn is_making(&self, conn: ConnId) -> bool {
        self.answered.contains(&conn)
    }
}

impl HostState {
    /// The address that it calls `peer` from, if that is not itself.
    pub(super) fn ip_towards(&self, peer: IpAddr) -> IpAddr {
        if peer.is_ipv4() {
            self.v4.into()
        } else {
            self.v6.into()
        }
    }

    fn has(&self, ip: IpAddr) -> bool {
        ip == self.v4 || ip == self.v6 || ip.is_loopback() || ip.is_unspecified()
    }

    /// A port that nobody uses.
    pub(super) fn free_port(&mut self) -> Option<u16> {
        for _ in FIRST_DYNAMIC_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_DYNAMIC_PORT);
            let listens = self.listeners.keys().any(|address| address.port() == port);
            if !listens && !self.ports.contains(&port) {
                return Some(port);
            }
        }
        None
    }

    pub(super) fn take_port(&mut self, port: u16) {
        self.ports.insert(port);
    }

    pub(super) fn release_port(&mut self, port: u16) {
        self.ports.remove(&port);
    }

    /// The listener that a call to `address` reaches.
    pub(super) fn listener_at(&self, address: SocketAddr) -> Option<SocketAddr> {
        let any: IpAddr = if address.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let here = SocketAddr::new(address.ip(), address.port());
        [here, SocketAddr::new(any, address.port())]
            .into_iter()
            .find(|address| self.listeners.contains_key(address))
    }

    fn in_use(&self, address: SocketAddr) -> bool {
        self.listeners.keys().any(|other| {
            other.port() == address.port()
                && other.is_ipv4() == address.is_ipv4()
                && (other.ip() == address.ip()
                    || other.ip().is_unspecified()
                    || address.ip().is_unspecified())
        })
    }
}

impl World {
    /// The host of that name, made if there is none.
    pub(in crate::testing::net) fn host(&mut self, name: &str) -> HostId {
        let known = self.hosts.iter().position(|host| host.name == name);
        known.unwrap_or_else(|| {
            let number = self.hosts.len() as u32 + 1;
            self.hosts.push(HostState {
                name: name.to_owned(),
                v4: Ipv4Addr::from(0x0a00_0000 | number & 0x00ff_ffff),
                v6: Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(number)),
                is_up: true,
                is_plugged: true,
                refuses: false,
                listeners: BTreeMap::new(),
                totals: Totals::default(),
                ports: BTreeSet::new(),
                next_port: FIRST_DYNAMIC_PORT,
            });
            self.hosts.len() - 1
        })
    }

    pub(super) fn host_at(&self, from: HostId, ip: IpAddr) -> Option<HostId> {
        if ip.is_loopback() {
            return Some(from);
        }
        self.hosts
            .iter()
            .position(|host| host.v4 == ip || host.v6 == ip)
    }

    /// The address that `name` stands for, on any host.
    pub(in crate::testing::net) fn resolve(&self, name: &str) -> Result<IpAddr, Trouble> {
        if name.eq_ignore_ascii_case("localhost") {
            return Ok(Ipv4Addr::LOCALHOST.into());
        }
        let found = self.hosts.iter().find(|host| host.name == name);
        found.map(|host| host.v4.into()).ok_or_else(|| {
            let known = self.hosts.iter().map(|host| format!("`{}`", host.name));
            let known = known.collect::<Vec<_>>().join(", ");
            Trouble::UnknownName { known }
        })
    }

    /// Listens at `address`; the address with its port, and the listener's number.
    pub(in crate::testing::net) fn listen(
        &mut self,
        host: HostId,
        address: SocketAddr,
    ) -> std::io::Result<(SocketAddr, u64)> {
        let state = &mut self.hosts[host];
        if !state.is_up {
            return Err(Cause::Crashed.into());
        }
        if !state.has(address.ip()) {
            return Err(std::io::ErrorKind::AddrNotAvailable.into());
        }
        let port = match address.port() {
            0 => state.free_port().ok_or(Trouble::NoPort)?,
            port => port,
        };
        // Without the scope and the flow of an IPv6 address, which no listener here knows.
        let address = SocketAddr::new(address.ip(), port);
        if state.in_use(address) {
            return Err(std::io::ErrorKind::AddrInUse.into());
        }
        self.listener_count += 1;
        let id = self.listener_count;
        state.listeners.insert(
            address,
            ListenerState {
                id,
                answered: BTreeSet::new(),
                queue: VecDeque::new(),
                acceptor: None,
            },
        );
        Ok((address, id))
    }

    /// The listener of that number, unless its host has crashed meanwhile.
    pub(in crate::testing::net) fn listener_mut(
        &mut self,
        host: HostId,
        address: SocketAddr,
        id: u64,
    ) -> Option<&mut ListenerState> {
        let listener = self.hosts[host].listeners.get_mut(&address)?;
        (listener.id == id).then_some(listener)
    }

    /// Closes a listener; the connections that nobody has accepted are reset.
    pub(in crate::testing::net) fn unlisten(&mut self, host: HostId, address: SocketAddr, id: u64) {
        if self.listener_mut(host, address, id).is_none() {
            return;
        }
        if let Some(listener) = self.hosts[host].listeners.remove(&address) {
            self.dropped.extend(listener.acceptor);
            for conn in listener.answered.into_iter().chain(listener.queue) {
                self.abandon(conn);
            }
        }
    }
}
