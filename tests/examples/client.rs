//! `echo_client`, against our server and others.

use super::*;

#[test]
fn it_talks_to_the_server_until_that_closes() {
    let address = other_server(|mut stream| {
        let mut buffer = [0; 100];
        let count = stream.read(&mut buffer).unwrap();
        stream.write_all(&buffer[..count]).unwrap();
    });
    let output = Program::start("echo_client", &[&address]).end();
    assert_eq!(output.code(), 0, "{output:?}");
    let text = "b'async can sometimes be confusing, but I believe in you!'";
    let expected = format!(
        "\
parent: connecting to {address}
parent: spawning sender...
parent: spawning receiver...
sender: started!
sender: sending {text}
receiver: started!
receiver: got data {text}
receiver: got data b''
receiver: connection closed
"
    );
    assert_eq!(output.stdout, expected);
    assert_eq!(output.stderr, "");
}

#[test]
fn it_ends_when_the_server_is_stopped() {
    let (mut server, address) = echo_server(&["--grace", "0"]);
    let mut client = Program::start("echo_client", &[&address.to_string(), "--quiet"]);
    client.line_with("receiver: started!");
    server.line_with("sending data");
    server.signal(Signal::INT);
    assert_eq!(server.end().code(), 0);
    let output = client.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(!output.stdout.contains("got data"), "{output:?}");
}

#[test]
fn its_load_test_works_against_our_server() {
    let (_server, address) = echo_server(&["--quiet"]);
    let options = ["--connections", "20", "--messages", "50", "--size", "20000"];
    let output = Program::start(
        "echo_client",
        &[&[&*address.to_string()], &options[..]].concat(),
    )
    .end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert_eq!(in_table(&output, "bytes"), 20_000_000.0);
}

#[test]
fn its_load_test_works_against_a_server_of_threads() {
    let address = other_server(echo_by_threads);
    let options = [&address, "--connections", "8", "--messages", "100"];
    let output = Program::start("echo_client", &options).end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert_eq!(in_table(&output, "connections"), 8.0);
    assert_eq!(in_table(&output, "messages"), 800.0);
    assert_eq!(in_table(&output, "bytes"), 51_200.0);
}

#[test]
fn a_host_name_will_do() {
    let address = other_server(echo_by_threads).replace("127.0.0.1", "localhost");
    let output = Program::start("echo_client", &[&address, "--messages", "2"]).end();
    assert_eq!(output.code(), 0, "{output:?}");
}

#[test]
fn a_refused_connection_is_named() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    for options in [&[&*free][..], &[&*free, "--connections", "100"]] {
        let output = Program::start("echo_client", options).end();
        output.assert_failure(&format!(
            "echo_client: connect to {free}: connection refused"
        ));
    }
}

#[test]
fn a_byte_that_differs_is_found() {
    let address = other_server(|mut stream| {
        let mut data = [0; 64];
        stream.read_exact(&mut data).unwrap();
        data[41] ^= 1;
        stream.write_all(&data).unwrap();
        stream.read_exact(&mut data).unwrap_or_default();
    });
    let options = [&address, "--connections", "1"];
    let output = Program::start("echo_client", &options).end();
    output.assert_failure("echo_client: connection 0, message 0: byte 41 came back as b'");
}

#[test]
fn a_byte_too_many_is_found() {
    let address = other_server(|mut stream| {
        let mut data = [0; 64];
        stream.read_exact(&mut data).unwrap();
        stream.write_all(&data).unwrap();
        stream.write_all(b"more").unwrap();
        stream.read_exact(&mut data).unwrap_or_default();
    });
    let options = [&address, "--connections", "1", "--messages", "1"];
    let output = Program::start("echo_client", &options).end();
    output.assert_failure("echo_client: connection 0: b'more' came back after the last message");
}

#[test]
fn a_server_that_closes_early_is_named() {
    let address = other_server(|mut stream| {
        let mut data = [0; 64];
        stream.read_exact(&mut data).unwrap();
        stream.write_all(&data[..10]).unwrap();
    });
    let output = Program::start("echo_client", &[&address, "--connections", "1"]).end();
    output.assert_failure(
        "echo_client: connection 0: the server closed it when 10 of 64 bytes of message 0 had come back",
    );
}

#[test]
fn a_server_that_says_nothing_is_named() {
    let address = other_server(|mut stream| {
        stream.read_to_end(&mut vec![]).unwrap_or_default();
    });
    let output = Program::start("echo_client", &[&address, "--timeout", "0.2"]).end();
    let expected = format!("echo_client: nothing came back from {address} for 200ms");
    output.assert_failure(&expected);
}
