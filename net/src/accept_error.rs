//! What the errors of `accept` mean.

use std::io;

/// What to do when `accept` fails.
///
/// A new connection's own troubles come out of `accept`, and must not end a server. Nor should a lack
/// of descriptors, which passes when connections are closed. Everything else is the listener's own.
///
/// [`TcpListener::accept`](crate::TcpListener::accept) and [`serve_tcp`](crate::serve_tcp()) go by
/// this table; it is public for those who write a loop of their own, as at
/// [`Error::accept_kind`](crate::Error::accept_kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptErrorKind {
    /// It concerned one connection, which is gone. Accept the next one at once.
    Retry,
    /// The system lacks something that may come back. Let others run for a while, and try again.
    BackOff,
    /// The listener itself is of no use any more.
    Fail,
}

impl AcceptErrorKind {
    /// What to do about `error`.
    ///
    /// ```
    /// use std::io;
    /// use nestling_net::AcceptErrorKind;
    ///
    /// # #[cfg(target_os = "linux")] {
    /// let gone = io::Error::from_raw_os_error(103); // ECONNABORTED on Linux
    /// assert_eq!(AcceptErrorKind::of(&gone), AcceptErrorKind::Retry);
    /// # }
    /// let unknown = io::Error::other("something else");
    /// assert_eq!(AcceptErrorKind::of(&unknown), AcceptErrorKind::Fail);
    /// ```
    #[must_use]
    pub fn of(error: &io::Error) -> AcceptErrorKind {
        match error.raw_os_error() {
            Some(code) if RETRY.contains(&code) => AcceptErrorKind::Retry,
            Some(code) if BACK_OFF.contains(&code) => AcceptErrorKind::BackOff,
            _ => AcceptErrorKind::Fail,
        }
    }
}

/// Linux hands on the errors that are already pending at the new connection (see accept(2)); other
/// systems have their own ways to say that it went away.
#[cfg(unix)]
const RETRY: &[i32] = &[
    libc::ECONNABORTED,
    libc::ECONNRESET,
    libc::ETIMEDOUT,
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EPROTONOSUPPORT,
    libc::ESOCKTNOSUPPORT,
    libc::EOPNOTSUPP,
    libc::ENETDOWN,
    libc::ENETUNREACH,
    libc::EHOSTDOWN,
    libc::EHOSTUNREACH,
    // A firewall rule forbids this connection.
    libc::EPERM,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    libc::ENONET,
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    libc::ENOSR,
];

/// ENOSPC does not come from `accept` but from watching the new socket: epoll has a limit of its own.
#[cfg(unix)]
const BACK_OFF: &[i32] = &[
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
    libc::ENOSPC,
];

/// WSAENETDOWN, WSAENETUNREACH, WSAECONNABORTED, WSAECONNRESET, WSAETIMEDOUT, WSAEHOSTDOWN,
/// WSAEHOSTUNREACH.
#[cfg(windows)]
const RETRY: &[i32] = &[10050, 10051, 10053, 10054, 10060, 10064, 10065];

/// WSAEMFILE, WSAENOBUFS.
#[cfg(windows)]
const BACK_OFF: &[i32] = &[10024, 10055];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn kind(code: i32) -> AcceptErrorKind {
        AcceptErrorKind::of(&io::Error::from_raw_os_error(code))
    }

    #[test]
    fn troubles_of_one_connection_are_retried() {
        let codes = [
            libc::EPERM,
            libc::ECONNABORTED,
            libc::EPROTO,
            libc::ENETDOWN,
            libc::ENOPROTOOPT,
            libc::EHOSTDOWN,
            libc::ENONET,
            libc::EHOSTUNREACH,
            libc::EOPNOTSUPP,
            libc::ENETUNREACH,
            libc::ENOSR,
            libc::ESOCKTNOSUPPORT,
            libc::EPROTONOSUPPORT,
            libc::ETIMEDOUT,
            libc::ECONNRESET,
        ];
        for code in codes {
            assert_eq!(kind(code), AcceptErrorKind::Retry, "{code}");
        }
        assert_eq!(RETRY.len(), codes.len(), "no others");
    }

    #[test]
    fn a_lack_of_resources_is_waited_out() {
        let codes = [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::ENOBUFS,
            libc::ENOSPC,
        ];
        for code in codes {
            assert_eq!(kind(code), AcceptErrorKind::BackOff, "{code}");
        }
        assert_eq!(BACK_OFF.len(), codes.len(), "no others");
    }

    #[test]
    fn everything_else_fails() {
        let known = |code: &i32| RETRY.contains(code) || BACK_OFF.contains(code);
        for code in (1..200).filter(|code| !known(code)) {
            assert_eq!(kind(code), AcceptErrorKind::Fail, "{code}");
        }
        let unnumbered = io::Error::other("anything");
        assert_eq!(AcceptErrorKind::of(&unnumbered), AcceptErrorKind::Fail);
    }
}
