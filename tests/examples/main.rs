//! Each example program, run as a user runs it: what it prints, and how it ends.
#![cfg(all(unix, not(miri)))]

mod chat;
mod client;
mod closed_output;
mod command_lines;
mod echo;
#[path = "../../examples/kit/mod.rs"]
mod kit;
mod program;
mod server;
mod stopping;
mod teaching;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use program::{Output, Program, Signal};

/// Ends any wait for a socket, so that no test hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `data` and expects it back.
fn exchange(stream: &mut TcpStream, data: &[u8]) {
    stream.write_all(data).unwrap();
    let mut returned = vec![0; data.len()];
    stream.read_exact(&mut returned).unwrap();
    assert_eq!(returned, data);
}

/// The rest of the stream.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = vec![];
    stream.read_to_end(&mut rest).unwrap();
    rest
}

/// An echo server with its address.
fn echo_server(options: &[&str]) -> (Program, SocketAddr) {
    let mut server = Program::start("echo_server", &[&["127.0.0.1:0"], options].concat());
    let line = server.line_with("listening at");
    (server, address_in(&line))
}

fn address_in(line: &str) -> SocketAddr {
    let mut words = line.split([' ', ',']);
    let address = words.find_map(|word| word.parse().ok());
    address.unwrap_or_else(|| panic!("no address in {line:?}"))
}

/// A server on threads of the standard library, which does `serve` with each connection.
fn other_server(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address.to_string()
}

fn echo_by_threads(mut stream: TcpStream) {
    let mut buffer = [0; 1000];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// The name of each program, and its source, or the first file of that.
fn sources() -> Vec<(String, String)> {
    let folder = format!("{}/examples", env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let sources = entries.filter_map(|path| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let file = if path.is_dir() {
            path.join("main.rs")
        } else {
            path
        };
        // The folder of what they share has no first file.
        Some((name, fs::read_to_string(file).ok()?))
    });
    sources.collect()
}

/// The lines that a program's source promises at its end.
fn promised(name: &str) -> String {
    let (_, source) = sources()
        .into_iter()
        .find(|(other, _)| other == name)
        .unwrap();
    let (_, comment) = source.rsplit_once("prints").unwrap();
    let lines = comment
        .lines()
        .skip(2)
        .map(|line| line.trim_start_matches("//"));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The number behind `label` in the table.
fn in_table(output: &Output, label: &str) -> f64 {
    let line = output.stdout.lines().find(|line| line.starts_with(label));
    let number = line.and_then(|line| line[label.len()..].split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no {label} in {output:?}"))
}
