//! `echo_server`, from the side of its clients.

use super::*;

#[test]
fn it_tells_what_each_connection_does() {
    let (mut server, address) = echo_server(&[]);
    let mut client = connect(address);
    exchange(&mut client, b"it's\n");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"");
    for line in [
        "echo_server 0: started",
        r"echo_server 0: received data b'it\'s\n'",
        r"echo_server 0: sending data b'it\'s\n'",
        "echo_server 0: received data b''",
        "echo_server 0: connection closed",
    ] {
        assert_eq!(server.line(), line);
    }
    exchange(&mut connect(address), b"next");
    assert_eq!(server.line(), "echo_server 1: started");
}

#[test]
fn half_close_is_answered_by_the_rest_and_the_end() {
    let (_server, address) = echo_server(&["--quiet"]);
    let mut client = connect(address);
    let mut writer = client.try_clone().unwrap();
    let sent = vec![7; 3_000_000];
    let all = sent.clone();
    let sender = thread::spawn(move || {
        writer.write_all(&all).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(rest(&mut client) == sent, "other bytes came back");
    sender.join().unwrap();
}

#[test]
fn five_hundred_connections_at_once_get_their_bytes_back() {
    let (mut server, address) = echo_server(&["--quiet"]);
    let mut clients: Vec<_> = (0..500).map(|_| connect(address)).collect();
    for _ in 0..2 {
        for (number, client) in clients.iter_mut().enumerate() {
            client
                .write_all(format!("client {number:>4}").as_bytes())
                .unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let mut returned = [0; 11];
            client.read_exact(&mut returned).unwrap();
            assert_eq!(returned, format!("client {number:>4}").as_bytes());
        }
    }
    for client in &mut clients {
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(client), b"");
    }
    server.signal(Signal::INT);
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    let summary = "echo_server: 500 connections (0 crashed, 0 cut off), ";
    assert!(output.stdout.contains(summary), "{output:?}");
}

#[test]
fn a_connection_that_breaks_does_not_harm_the_others() {
    let (mut server, address) = echo_server(&["--quiet"]);
    let mut other = connect(address);
    exchange(&mut other, b"before");
    let mut broken = connect(address);
    broken.write_all(b"and gone").unwrap();
    broken.peek(&mut [0; 8]).unwrap();
    drop(broken); // with bytes that it has not read, which resets the connection
    let complaint = server.complaint();
    assert!(
        complaint.starts_with("echo_server 1: crashed: read from 127.0.0.1:"),
        "{complaint}"
    );
    assert!(complaint.contains("connection reset"), "{complaint}");
    exchange(&mut other, b"after");
    server.signal(Signal::TERM);
    server.line_with("SIGTERM");
    drop(other);
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(
        output
            .stdout
            .contains("2 connections (1 crashed, 0 cut off), "),
        "{output:?}"
    );
}

#[test]
fn a_port_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = Program::start("echo_server", &[&address]).end();
    output.assert_failure(&format!(
        "echo_server: bind {address}: address already in use"
    ));
}

#[test]
fn without_descriptors_it_says_so() {
    let output = Program::start_limited("-n 8", "echo_server", &["127.0.0.1:0"]).end();
    output.assert_usage_error("a limit of 8 file descriptors leaves none for connections");
}

#[test]
fn with_few_descriptors_connections_wait_for_their_turn() {
    let mut server = Program::start_limited("-n 30", "echo_server", &["127.0.0.1:0", "--quiet"]);
    let address = address_in(&server.line_with("listening at")).to_string();
    let options = [&*address, "--connections", "60", "--messages", "5"];
    let output = Program::start("echo_client", &options).end();
    assert_eq!(output.code(), 0, "{output:?}");
    server.signal(Signal::TERM);
    let output = server.end();
    assert!(
        output
            .stdout
            .contains("60 connections (0 crashed, 0 cut off)"),
        "{output:?}"
    );
}

#[test]
fn an_address_of_another_machine_is_named() {
    let output = Program::start("echo_server", &["192.0.2.1:12345"]).end();
    output.assert_failure("echo_server: bind 192.0.2.1:12345: cannot assign requested address");
}
