//! `chat`, as a server for others.

use std::io::BufRead;
use std::io::BufReader;

use super::*;

/// A guest with a name.
fn enter(address: SocketAddr, name: &str) -> BufReader<TcpStream> {
    let mut guest = BufReader::new(connect(address));
    hears(&mut guest, "* what is your name?");
    says(&mut guest, name);
    hears(&mut guest, "* welcome");
    guest
}

fn says(guest: &mut BufReader<TcpStream>, line: &str) {
    guest
        .get_mut()
        .write_all(format!("{line}\r\n").as_bytes())
        .unwrap();
}

fn hears(guest: &mut BufReader<TcpStream>, expected: &str) {
    let mut line = String::new();
    guest.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), expected);
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let mut server = Program::start("chat", &["serve", "127.0.0.1:0"]);
    let address = address_in(&server.line_with("listening at"));
    let mut ann = enter(address, "Ann");
    let mut bob = enter(address, "Bob");
    hears(&mut ann, "* Bob is here");
    says(&mut bob, "hello");
    hears(&mut ann, "Bob: hello");

    // Of all the bytes of a line that does not end, only the first few are read.
    bob.get_mut().write_all(&[b'x'; 5000]).unwrap();
    hears(&mut ann, "* Bob has left: a line is longer than 500 bytes");

    server.signal(Signal::TERM);
    hears(&mut ann, "* we are closing, good night");
    assert_eq!(rest(ann.get_mut()), b"");
    let output = server.end();
    assert_eq!(output.code(), 0, "{output:?}");
    assert_eq!(output.stdout.lines().last(), Some("chat: closed"));
    assert_eq!(output.stderr, "");
}

#[test]
fn other_arguments_are_an_error() {
    let output = Program::start("chat", &["serve"]).end();
    assert_eq!(output.code(), 1);
    assert_eq!(output.stderr, "chat: usage: chat [serve ADDRESS]\n");
}
