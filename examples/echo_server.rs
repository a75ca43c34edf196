//! Run it: `cargo run --release --example echo_server`
//!
//! Sends back what it receives, on any number of connections. One that fails does not harm the
//! others. Ctrl-C stops it softly: open connections may finish; a second Ctrl-C cuts them off.

mod kit;

use std::cell::Cell;
use std::process::ExitCode;
use std::time::Duration;

use kit::output::{Bytes, complain};
use kit::signal::{SIGINT, SIGTERM, name, signals};
use kit::{Stop, args, descriptors, say};
use lexopt::prelude::*;
use nestling::net::{self, TcpStream, serve_tcp};
use nestling::{BoxError, NurseryError, ok, open_nursery};

const HELP: &str = "\
A server that sends back what it receives.

Usage: echo_server [ADDR] [--grace SECONDS] [--quiet]

  ADDR             where to listen, as HOST:PORT (default 127.0.0.1:12345)
  --grace SECONDS  how long open connections may go on after the first Ctrl-C
                   or SIGTERM (default 5); the second one cuts them off at once
  --quiet          no line per message
  --help           this text
";

const BUFFER_BYTES: usize = 16 * 1024;

struct Options {
    address: String,
    grace: Duration,
    quiet: bool,
    connections_max: usize,
}

fn parse(mut parser: lexopt::Parser) -> Result<Options, Stop> {
    let mut address = None;
    let mut grace = Duration::from_secs(5);
    let mut quiet = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) if address.is_none() => address = Some(args::address(value)?),
            Long("grace") => grace = args::seconds(&mut parser, "grace")?,
            Short('q') | Long("quiet") => quiet = true,
            Short('h') | Long("help") => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Options {
        address: address.unwrap_or_else(|| String::from(args::DEFAULT_ADDRESS)),
        grace,
        quiet,
        connections_max: descriptors::connections_max()?,
    })
}

/// What the server has done so far. Its handlers share it by reference.
#[derive(Default)]
struct Totals {
    quiet: bool,
    connections: Cell<u64>,
    closed: Cell<u64>,
    crashed: Cell<u64>,
    messages: Cell<u64>,
    bytes: Cell<u64>,
}

impl Totals {
    /// The connections that have not come to their end.
    fn open(&self) -> u64 {
        self.connections.get() - self.closed.get() - self.crashed.get()
    }

    async fn handle(&self, stream: TcpStream) {
        // Each connection has a number, so that one can tell the lines apart.
        let ident = self.connections.replace(self.connections.get() + 1);
        match self.echo(ident, &stream).await {
            Ok(()) => self.closed.set(self.closed.get() + 1),
            Err(error) => {
                self.crashed.set(self.crashed.get() + 1);
                complain(format_args!("echo_server {ident}: crashed: {error}"));
            }
        }
    }

    async fn echo(&self, ident: u64, stream: &TcpStream) -> Result<(), net::Error> {
        say!("echo_server {ident}: started");
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = stream.read(&mut buffer).await?;
            let data = &buffer[..count];
            if !self.quiet {
                say!("echo_server {ident}: received data {}", Bytes(data));
            }
            if data.is_empty() {
                say!("echo_server {ident}: connection closed");
                return Ok(());
            }
            if !self.quiet {
                say!("echo_server {ident}: sending data {}", Bytes(data));
            }
            stream.write_all(data).await?;
            self.messages.set(self.messages.get() + 1);
            self.bytes.set(self.bytes.get() + data.len() as u64);
        }
    }
}

async fn serve(options: Options) -> Result<(), BoxError> {
    let totals = Totals {
        quiet: options.quiet,
        ..Totals::default()
    };
    let mut signals = signals(&[SIGINT, SIGTERM])?;
    let ended = open_nursery(async |nursery| {
        nursery.task().name("signals").daemon().start_soon(async {
            let signal = name(signals.recv().await?);
            let (open, seconds) = (totals.open(), options.grace.as_secs_f64());
            say!(
                "echo_server: {signal}: stopping; open connections: {open}, with {seconds} s to finish"
            );
            // From here on there are no new connections, and after the grace period no old ones.
            drop(nursery.cancel_scope().shutdown(options.grace));

            let signal = name(signals.recv().await?);
            say!("echo_server: {signal} once more: stopping at once");
            nursery.cancel();
            ok(())
        });

        let address = nursery
            .start(async |ready| {
                let handler = async |stream| totals.handle(stream).await;
                serve_tcp(handler, &*options.address)
                    .max_connections(options.connections_max)
                    .ready(ready)
                    .await
            })
            .await?;
        say!("echo_server: listening at {address}, Ctrl-C stops it");
        ok(())
    })
    .await;
    // To be cancelled is how it ends when somebody was too slow.
    if let Err(error @ NurseryError::Failed(_)) = ended {
        return Err(error.into());
    }
    say!(
        "echo_server: {} connections ({} crashed, {} cut off), {} messages, {} bytes",
        totals.connections.get(),
        totals.crashed.get(),
        totals.open(),
        totals.messages.get(),
        totals.bytes.get(),
    );
    Ok(())
}

fn main() -> ExitCode {
    kit::program("echo_server", HELP, parse, serve)
}

// With an echo_client, and Ctrl-C twice within a second, it prints:
//
// echo_server: listening at 127.0.0.1:12345, Ctrl-C stops it
// echo_server 0: started
// echo_server 0: received data b'async can sometimes be confusing, but I believe in you!'
// echo_server 0: sending data b'async can sometimes be confusing, but I believe in you!'
// echo_server: SIGINT: stopping; open connections: 1, with 5 s to finish
// echo_server: SIGINT once more: stopping at once
// echo_server: 1 connections (0 crashed, 1 cut off), 1 messages, 55 bytes
