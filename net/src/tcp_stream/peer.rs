//! The other side's address in few bytes: every stream has one.

use std::cell::Cell;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

pub(crate) struct Peer(Cell<Packed>);

enum Packed {
    V4(SocketAddrV4),
    V6(Ipv6Addr, u16),
    /// Few have a scope, which are those within one link, or a flow.
    Whole(Box<SocketAddrV6>),
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Peer {
        Peer(Cell::new(Packed::new(address)))
    }

    pub(crate) fn set(&self, address: SocketAddr) {
        self.0.set(Packed::new(address));
    }

    pub(crate) fn get(&self) -> SocketAddr {
        let meanwhile = Packed::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let packed = self.0.replace(meanwhile);
        let address = match &packed {
            Packed::V4(address) => SocketAddr::V4(*address),
            Packed::V6(ip, port) => SocketAddr::from((*ip, *port)),
            Packed::Whole(address) => SocketAddr::V6(**address),
        };
        self.0.set(packed);
        address
    }
}

impl Packed {
    fn new(address: SocketAddr) -> Packed {
        match address {
            SocketAddr::V4(address) => Packed::V4(address),
            SocketAddr::V6(address) if address.scope_id() == 0 && address.flowinfo() == 0 => {
                Packed::V6(*address.ip(), address.port())
            }
            SocketAddr::V6(address) => Packed::Whole(Box::new(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_what_comes_out() {
        let ip: Ipv6Addr = "fe80::1234:5678:9abc:def0".parse().unwrap();
        let v6 = |flow, scope| SocketAddr::V6(SocketAddrV6::new(ip, 65_535, flow, scope));
        let addresses = [
            SocketAddr::from(([127, 0, 0, 1], 80)),
            SocketAddr::from(([255; 4], 65_535)),
            v6(0, 0),
            v6(0, 2),
            v6(3, 0),
            v6(u32::MAX, u32::MAX),
        ];
        for first in addresses {
            let peer = Peer::new(first);
            for address in addresses {
                peer.set(address);
                assert_eq!([peer.get(), peer.get()], [address; 2]);
            }
            peer.set(first);
            assert_eq!(peer.get(), first);
        }
    }
}
