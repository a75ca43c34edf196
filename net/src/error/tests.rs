//! The texts that users see.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};

use super::{Error, Operation, Reason};
use crate::Address;

fn v4(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn v6(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::LOCALHOST, port))
}

fn system(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[test]
#[cfg_attr(miri, ignore = "Miri has texts of its own for the system's errors")]
fn one_attempt_is_one_sentence_with_a_remedy() {
    let error = Error::at(Operation::Connect, v6(80), system(libc::ECONNREFUSED));
    assert_eq!(
        error.to_string(),
        "connect to [::1]:80: connection refused; nobody listens there: is the server running, and is \
         this its port?"
    );
    assert!(error.is_connection_refused());
    let error = Error::at(Operation::Bind, v4(80), system(libc::EACCES));
    assert!(
        error
            .to_string()
            .starts_with("bind 127.0.0.1:80: permission denied; ports below 1024")
    );
    let error = Error::at(Operation::Bind, v4(8080), system(libc::EACCES));
    assert_eq!(error.to_string(), "bind 127.0.0.1:8080: permission denied");
    let error = Error::at(Operation::Accept, v4(80), system(libc::EMFILE));
    assert!(
        error
            .to_string()
            .starts_with("accept on 127.0.0.1:80: too many open files; ")
    );
    assert!(error.to_string().contains("ulimit -n"));
    assert!(error.is_too_many_files());
    let error = Error::at(Operation::Read, v4(80), system(libc::ECONNRESET));
    assert_eq!(
        error.to_string(),
        "read from 127.0.0.1:80: connection reset by peer"
    );
}

#[test]
#[cfg_attr(miri, ignore = "Miri has texts of its own for the system's errors")]
fn several_attempts_are_all_listed_and_a_remedy_is_given_once() {
    let attempts = vec![
        (v6(80), system(libc::ECONNREFUSED)),
        (v4(80), system(libc::ECONNREFUSED)),
    ];
    let error = Error::of_attempts(Operation::Connect, Some(&"localhost:80".target()), attempts);
    assert_eq!(
        error.to_string(),
        "connect to localhost:80: [::1]:80: connection refused, 127.0.0.1:80: connection refused; \
         nobody listens there: is the server running, and is this its port?"
    );
    assert!(error.is_connection_refused(), "at all of them");
    let tried: Vec<_> = error.attempts().map(|(address, _)| address).collect();
    assert_eq!(tried, [v6(80), v4(80)]);

    let attempts = vec![
        (v6(80), system(libc::EAFNOSUPPORT)),
        (v4(80), system(libc::ECONNREFUSED)),
    ];
    let error = Error::of_attempts(
        Operation::Connect,
        Some(&[v6(80), v4(80)].target()),
        attempts,
    );
    assert!(error.to_string().starts_with(
        "connect to 2 addresses: [::1]:80: address family not supported by protocol, 127.0.0.1:80: "
    ));
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(!error.is_connection_refused(), "only at one of them");
}

#[test]
#[cfg_attr(miri, ignore = "Miri has texts of its own for the system's errors")]
fn debug_adds_the_kind_and_the_number() {
    let error = Error::at(Operation::Write, v4(80), system(libc::EPIPE));
    assert_eq!(
        format!("{error:?}"),
        format!(
            "write to 127.0.0.1:80: broken pipe (BrokenPipe, os error {})",
            libc::EPIPE
        )
    );
    assert!(error.is_broken());
    assert!(!error.is_closed());
}

#[test]
fn the_source_is_what_the_system_said() {
    let error = Error::at(
        Operation::Read,
        v4(80),
        io::Error::from(ErrorKind::TimedOut),
    );
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(source.map(io::Error::kind), Some(ErrorKind::TimedOut));
}

#[test]
fn as_an_io_error_it_keeps_kind_and_text() {
    let error = Error::at(Operation::Write, v4(80), Reason::Closed);
    let text = error.to_string();
    assert!(error.is_closed() && !error.is_broken());
    let error = io::Error::from(error);
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(error.to_string(), text);
    assert!(error.get_ref().is_some_and(|inner| inner.is::<Error>()));
}

#[test]
fn it_goes_to_other_threads_and_is_small() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<Error>();
    assert_eq!(size_of::<Result<usize, Error>>(), 16);
}

#[test]
fn errors_of_other_streams_answer_the_same_questions() {
    assert!(Error::busy_reading("it").is_busy());
    assert!(Error::busy_writing("it").is_busy());
    assert!(Error::closed("it").is_closed() && !Error::closed("it").is_broken());
    assert!(Error::unexpected_end("it", 1, 2).is_unexpected_end());
    assert!(Error::reading("it", ErrorKind::ConnectionReset).is_broken());
    assert!(Error::writing("it", ErrorKind::BrokenPipe).is_broken());
    let text = Error::busy_writing("the tunnel").to_string();
    assert!(
        text.starts_with("write to the tunnel: another task is already writing to this stream: "),
        "{text}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "Miri has texts of its own for the system's errors")]
fn any_error_of_the_standard_library_becomes_one_and_goes_back_unchanged() {
    let error = Error::from(system(libc::EMFILE));
    assert!(
        error
            .to_string()
            .starts_with("too many open files; every connection takes"),
        "{error}"
    );
    assert!(error.is_too_many_files());
    let error = Error::from(io::Error::new(ErrorKind::TimedOut, "nobody answers"));
    assert_eq!(error.to_string(), "nobody answers");
    assert!(error.is_broken());

    let there = Error::busy_reading("it");
    let text = there.to_string();
    let back = Error::from(io::Error::from(there));
    assert!(back.is_busy(), "it is the same one");
    assert_eq!(back.to_string(), text);
}
