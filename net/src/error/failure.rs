//! The inside of an [`Error`](super::Error), and its text.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use nestling_runtime::io::WrongRun;

use super::reason::Reason;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Bind,
    Accept,
    Connect,
    Read,
    Write,
    SendEof,
    /// Reading or setting the option of that name.
    Option(&'static str),
    /// Taking over a socket of the standard library.
    Adopt,
    /// Whoever made the error from an [`io::Error`] did not say.
    Unnamed,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Bind => f.write_str("bind"),
            Operation::Accept => f.write_str("accept on"),
            Operation::Connect => f.write_str("connect to"),
            Operation::Read => f.write_str("read from"),
            Operation::Write => f.write_str("write to"),
            Operation::SendEof => f.write_str("send the end of the stream to"),
            Operation::Option(name) => write!(f, "{name} of the connection with"),
            Operation::Adopt => f.write_str("take over the socket of"),
            Operation::Unnamed => Ok(()),
        }
    }
}

#[derive(Debug)]
pub(super) struct Failure {
    operation: Operation,
    /// What the user asked for, if that was not a single address.
    target: Option<String>,
    /// All attempts but the last.
    pub(super) earlier: Vec<(SocketAddr, io::Error)>,
    /// Of the last attempt.
    address: Option<SocketAddr>,
    pub(super) error: io::Error,
}

impl Failure {
    #[cold]
    #[inline(never)]
    pub(super) fn new(
        operation: Operation,
        target: Option<String>,
        address: Option<SocketAddr>,
        error: io::Error,
    ) -> Box<Failure> {
        Box::new(Failure {
            operation,
            target,
            earlier: Vec::new(),
            address,
            error,
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Option<SocketAddr>, &io::Error)> {
        let earlier = self.earlier.iter();
        let earlier = earlier.map(|(address, error)| (Some(*address), error));
        earlier.chain([(self.address, &self.error)])
    }

    pub(super) fn reason(&self) -> Option<&Reason> {
        Reason::of(&self.error)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(target) = &self.target {
            write!(f, " {target}:")?;
        }
        for (index, (address, error)) in self.all().enumerate() {
            f.write_str(match index {
                0 if self.operation == Operation::Unnamed => "",
                0 => " ",
                _ => ", ",
            })?;
            if let Some(address) = address {
                write!(f, "{address}: ")?;
            }
            f.write_str(&plain(error))?;
        }
        match self
            .all()
            .find_map(|(address, error)| remedy(self.operation, address, error))
        {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// The error in the middle of a sentence: the system's number stays in `raw_os_error`, and the
/// capital letter goes.
fn plain(error: &io::Error) -> String {
    let mut text = error.to_string();
    let Some(number) = error.raw_os_error() else {
        return text;
    };
    if let Some(length) = text
        .strip_suffix(&format!(" (os error {number})"))
        .map(str::len)
    {
        text.truncate(length);
    }
    let second = text.chars().nth(1);
    if second.is_some_and(|second| !second.is_uppercase()) {
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_lowercase();
        }
    }
    text
}

/// What to do about it, where that is known.
fn remedy(
    operation: Operation,
    address: Option<SocketAddr>,
    error: &io::Error,
) -> Option<&'static str> {
    use io::ErrorKind;
    if is_too_many_files(error) {
        return Some(
            "every connection takes a descriptor: close some, set a limit with `max_connections`, or \
             raise the process's limit (`ulimit -n`)",
        );
    }
    let port = address.map(|address| address.port());
    match (operation, error.kind()) {
        (Operation::Bind, ErrorKind::AddrInUse) => Some(
            "another socket listens there: end the program it belongs to, or take another port (port 0 \
             finds a free one)",
        ),
        (Operation::Bind, ErrorKind::AddrNotAvailable) => Some(
            "this machine does not have that address: take one of its own, or `0.0.0.0` or `[::]` for all",
        ),
        (Operation::Bind, ErrorKind::PermissionDenied) if port.is_some_and(|port| port < 1024) => {
            Some(
                "ports below 1024 take privileges (on Linux CAP_NET_BIND_SERVICE): take a higher one, or \
             grant them",
            )
        }
        (Operation::Connect, ErrorKind::ConnectionRefused) => {
            Some("nobody listens there: is the server running, and is this its port?")
        }
        (Operation::Connect, ErrorKind::AddrNotAvailable) => {
            Some("no local port is left for a connection with that address: close some")
        }
        _ => None,
    }
}

#[cfg(unix)]
pub(super) fn is_too_many_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

#[cfg(not(unix))]
pub(super) fn is_too_many_files(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    error.raw_os_error() == Some(WSAEMFILE)
}

/// The runtime's word on a socket in the wrong run names types that users of this crate do not see.
pub(crate) fn translate(error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<WrongRun>()) {
        return Reason::WrongRun.into();
    }
    error
}
