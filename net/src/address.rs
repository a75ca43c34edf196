//! What a user writes where an address is asked for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Where to connect to or to listen: a text `"host:port"`, a pair `(host, port)`, an address of the
/// standard library, or a list of such addresses.
///
/// The host is a name or a number. A name is resolved by the system, in a thread of its own so that
/// the loop goes on meanwhile; numbers need no resolving. In a text, an IPv6 address stands in
/// brackets: `"[::1]:80"`. If there are several addresses, they are tried in their order.
///
/// Port 0 makes the system choose a free port to listen at.
///
/// ```
/// use std::net::{Ipv6Addr, SocketAddr};
/// use nestling_net::Address;
///
/// fn accepts(_: impl Address) {}
///
/// accepts("localhost:8080");
/// accepts(("localhost", 8080));
/// accepts("[::1]:8080".to_owned());
/// accepts((Ipv6Addr::LOCALHOST, 8080));
/// accepts(SocketAddr::from(([127, 0, 0, 1], 8080)));
/// accepts(&[SocketAddr::from(([127, 0, 0, 1], 80)), SocketAddr::from(([127, 0, 0, 1], 8080))]);
/// ```
///
/// It cannot be implemented for other types; let those yield one of these.
pub trait Address {
    #[doc(hidden)]
    fn target(&self) -> Target;
}

/// An address as far as it can be known without asking anybody. Public in a private module, so that
/// nobody else can implement [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Addresses(Vec<SocketAddr>),
    Name { host: String, port: u16 },
    Invalid { text: String, problem: Problem },
}

/// What is wrong with an address, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the port is missing: write `{0}`")]
    NoPort(String),
    #[error("`{0}` is not a port: write a number from 0 to 65535 behind the last colon")]
    BadPort(String),
    #[error(
        "the host is missing: write `0.0.0.0` for all addresses of this machine, or `127.0.0.1` for itself"
    )]
    NoHost,
    #[error("an IPv6 address with a port needs brackets: write `{0}`")]
    NoBrackets(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Addresses(addresses) => match addresses[..] {
                [] => f.write_str("an empty list of addresses"),
                [address] => address.fmt(f),
                _ => write!(f, "{} addresses", addresses.len()),
            },
            Target::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Target::Name { host, port } => write!(f, "{host}:{port}"),
            Target::Invalid { text, .. } => write!(f, "`{text}`"),
        }
    }
}

impl Target {
    fn of_text(text: &str) -> Target {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return address.target();
        }
        Target::of_name(text).unwrap_or_else(|problem| Target::Invalid {
            text: text.to_owned(),
            problem,
        })
    }

    /// `text` is not a numeric address with a port.
    fn of_name(text: &str) -> Result<Target, Problem> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Err(Problem::NoPort(SocketAddr::new(ip, 80).to_string()));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            let host = if text.is_empty() { "localhost" } else { text };
            return Err(Problem::NoPort(format!("{host}:80")));
        };
        if host.contains(':') && bracketed(host).is_none() {
            return Err(Problem::NoBrackets(format!("[{host}]:{port}")));
        }
        match port.parse() {
            Ok(port) => Target::of_host(host, port),
            Err(_) => Err(Problem::BadPort(port.to_owned())),
        }
    }

    fn of_host(host: &str, port: u16) -> Result<Target, Problem> {
        // A resolver knows addresses with a zone (`fe80::1%eth0`), but no brackets.
        let host = bracketed(host).unwrap_or(host);
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok((ip, port).target()),
            Err(_) if host.is_empty() => Err(Problem::NoHost),
            Err(_) => Ok(Target::Name {
                host: host.to_owned(),
                port,
            }),
        }
    }
}

/// What stands between the brackets, if there are any.
fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

impl Address for str {
    fn target(&self) -> Target {
        Target::of_text(self)
    }
}

impl Address for String {
    fn target(&self) -> Target {
        Target::of_text(self)
    }
}

impl Address for (&str, u16) {
    fn target(&self) -> Target {
        let (host, port) = *self;
        Target::of_host(host, port).unwrap_or_else(|problem| Target::Invalid {
            text: format!("{host}:{port}"),
            problem,
        })
    }
}

impl Address for (String, u16) {
    fn target(&self) -> Target {
        (self.0.as_str(), self.1).target()
    }
}

impl Address for [SocketAddr] {
    fn target(&self) -> Target {
        Target::Addresses(self.to_vec())
    }
}

impl<const N: usize> Address for [SocketAddr; N] {
    fn target(&self) -> Target {
        self[..].target()
    }
}

impl Address for Vec<SocketAddr> {
    fn target(&self) -> Target {
        self[..].target()
    }
}

impl<A: Address + ?Sized> Address for &A {
    fn target(&self) -> Target {
        (**self).target()
    }
}

impl Address for SocketAddr {
    fn target(&self) -> Target {
        Target::Addresses(vec![*self])
    }
}

impl Address for SocketAddrV4 {
    fn target(&self) -> Target {
        SocketAddr::from(*self).target()
    }
}

impl Address for SocketAddrV6 {
    fn target(&self) -> Target {
        SocketAddr::from(*self).target()
    }
}

impl Address for (IpAddr, u16) {
    fn target(&self) -> Target {
        SocketAddr::from(*self).target()
    }
}

impl Address for (Ipv4Addr, u16) {
    fn target(&self) -> Target {
        SocketAddr::from(*self).target()
    }
}

impl Address for (Ipv6Addr, u16) {
    fn target(&self) -> Target {
        SocketAddr::from(*self).target()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str, port: u16) -> Target {
        Target::Name {
            host: host.to_owned(),
            port,
        }
    }

    fn problem(address: impl Address) -> String {
        match address.target() {
            Target::Invalid { problem, .. } => problem.to_string(),
            target => panic!("{target:?}"),
        }
    }

    #[test]
    fn numbers_are_addresses_in_every_spelling() {
        let v4 = Target::Addresses(vec![SocketAddr::from(([127, 0, 0, 1], 80))]);
        assert_eq!("127.0.0.1:80".target(), v4);
        assert_eq!(("127.0.0.1", 80).target(), v4);
        assert_eq!((Ipv4Addr::LOCALHOST, 80).target(), v4);
        let v6 = Target::Addresses(vec![SocketAddr::from((Ipv6Addr::LOCALHOST, 80))]);
        assert_eq!("[::1]:80".target(), v6);
        assert_eq!(("::1", 80).target(), v6);
        assert_eq!(("[::1]", 80).target(), v6);
        assert_eq!(("::1".to_owned(), 80).target(), v6);
        assert_eq!((IpAddr::from(Ipv6Addr::LOCALHOST), 80).target(), v6);
    }

    #[test]
    fn anything_else_with_a_port_is_a_name() {
        assert_eq!("localhost:80".target(), name("localhost", 80));
        assert_eq!(("localhost", 80).target(), name("localhost", 80));
        assert_eq!("[fe80::1%eth0]:80".target(), name("fe80::1%eth0", 80));
        assert_eq!(
            "[fe80::1%eth0]:80".target().to_string(),
            "[fe80::1%eth0]:80"
        );
        assert_eq!("1.2.3:80".target(), name("1.2.3", 80));
    }

    #[test]
    fn what_is_wrong_is_said_together_with_what_is_right() {
        assert_eq!(
            problem("localhost"),
            "the port is missing: write `localhost:80`"
        );
        assert_eq!(problem("::1"), "the port is missing: write `[::1]:80`");
        assert_eq!(
            problem("10.0.0.1"),
            "the port is missing: write `10.0.0.1:80`"
        );
        assert_eq!(problem(""), "the port is missing: write `localhost:80`");
        assert!(problem("localhost:http").starts_with("`http` is not a port"));
        assert!(problem("localhost:65536").starts_with("`65536` is not a port"));
        assert!(problem(":80").starts_with("the host is missing"));
        assert!(problem(("", 80)).starts_with("the host is missing"));
        assert!(problem("fe80::1%eth0:80").ends_with("write `[fe80::1%eth0]:80`"));
    }

    #[test]
    fn a_list_is_itself() {
        let list = [
            SocketAddr::from(([1, 2, 3, 4], 5)),
            SocketAddr::from(([1, 2, 3, 4], 6)),
        ];
        let target = Target::Addresses(list.to_vec());
        assert_eq!(list.target(), target);
        assert_eq!(<&[SocketAddr; 2]>::target(&&list), target);
        assert_eq!(list[..].target(), target);
        assert_eq!(list.to_vec().target(), target);
    }
}
