//! How `echo_server` ends.

use super::*;

#[test]
fn without_connections_it_is_at_once() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut server, _) = echo_server(&["--grace", "3600"]);
        server.signal(signal);
        let output = server.end();
        assert_eq!(output.code(), 0, "{output:?}");
        assert!(
            output
                .stdout
                .contains("stopping; open connections: 0, with 3600 s to finish"),
            "{output:?}"
        );
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn open_connections_may_finish_and_new_ones_are_refused() {
    let (mut server, address) = echo_server(&["--quiet", "--grace", "3600"]);
    let mut client = connect(address);
    exchange(&mut client, b"before");
    server.signal(Signal::INT);
    server.line_with("open connections: 1, with 3600 s to finish");
    // The listener is closed in the turn after that line; nobody is served any more.
    let refused = (0..1000).any(|_| match TcpStream::connect(address) {
        Ok(mut late) => late.read(&mut [0]).map_or(true, |count| count == 0),
        Err(_) => true,
    });
    assert!(refused);
    exchange(&mut client, b"after");
    drop(client);
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(
        output
            .stdout
            .contains("1 connections (0 crashed, 0 cut off), 2 messages, 11 bytes"),
        "{output:?}"
    );
}

#[test]
fn after_the_grace_time_they_are_cut_off() {
    let (mut server, address) = echo_server(&["--quiet", "--grace", "0.2"]);
    let mut client = connect(address);
    exchange(&mut client, b"before");
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(rest(&mut client), b"");
    assert!(start.elapsed() >= Duration::from_millis(200));
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(
        output
            .stdout
            .contains("1 connections (0 crashed, 1 cut off)"),
        "{output:?}"
    );
}

#[test]
fn a_second_signal_cuts_them_off_at_once() {
    let (mut server, address) = echo_server(&["--quiet", "--grace", "3600"]);
    let mut client = connect(address);
    exchange(&mut client, b"before");
    server.signal(Signal::INT);
    server.line_with("with 3600 s to finish");
    server.signal(Signal::INT);
    assert_eq!(rest(&mut client), b"");
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(
        output.stdout.contains("SIGINT once more: stopping at once"),
        "{output:?}"
    );
    assert!(
        output
            .stdout
            .contains("1 connections (0 crashed, 1 cut off)"),
        "{output:?}"
    );
}

#[test]
fn under_load_it_ends_within_the_grace_time() {
    let (mut server, address) = echo_server(&["--quiet", "--grace", "0.3"]);
    let options = ["--connections", "50", "--messages", "1000000000"];
    let mut clients = Program::start(
        "echo_client",
        &[&[&*address.to_string()], &options[..]].concat(),
    );
    for _ in 0..50 {
        server.line_with("started");
    }
    server.signal(Signal::INT);
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(
        output
            .stdout
            .contains("50 connections (0 crashed, 50 cut off)"),
        "{output:?}"
    );
    // The clients notice, and say so.
    let output = clients.end();
    assert_eq!(output.code(), 1, "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
}
