//! Run it: `cargo run --release --example echo`
//!
//! An echo server and its clients in one nursery. Every byte that comes back is compared; a table at
//! the end tells how fast it was.

mod kit;

use std::process::ExitCode;

use kit::load::{Load, run_load};
use kit::{Stop, descriptors, say};
use lexopt::prelude::*;
use nestling::net::{self, TcpStream, serve_tcp};
use nestling::{BoxError, ok, open_nursery};

const HELP: &str = "\
An echo server and its clients in one program.

Usage: echo [--clients N] [--messages N] [--size BYTES] [--quiet]

  --clients N    connections at the same time (default 100)
  --messages N   messages on each connection (default 1000)
  --size BYTES   size of a message, up to 16777216 (default 64)
  --quiet        only the table, no progress
  --help         this text
";

const BUFFER_BYTES: usize = 16 * 1024;

fn parse(mut args: lexopt::Parser) -> Result<Load, Stop> {
    let mut load = Load::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("clients") => load.set_connections(&mut args, "clients")?,
            Long("messages") => load.set_messages(&mut args)?,
            Long("size") => load.set_size(&mut args)?,
            Short('q') | Long("quiet") => load.progress = false,
            Short('h') | Long("help") => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    // Both ends of each connection are in this process.
    descriptors::check(load.connections, "clients", 2)?;
    Ok(load)
}

async fn echo(stream: TcpStream) -> Result<(), net::Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

async fn server_and_clients(load: Load) -> Result<(), BoxError> {
    let report = open_nursery(async |nursery| {
        // As a daemon, the server is cancelled when the clients are done.
        let server = nursery.task().name("server").daemon();
        let address = server
            .start(async |ready| serve_tcp(echo, "127.0.0.1:0").ready(ready).await)
            .await?;
        say!(
            "{} clients of an echo server at {address}",
            load.connections
        );
        ok(run_load(&address.to_string(), &load).await?)
    })
    .await?;
    say!("{report}");
    Ok(())
}

fn main() -> ExitCode {
    kit::program("echo", HELP, parse, server_and_clients)
}

// It prints, with your numbers (and a progress bar meanwhile):
//
// 100 clients of an echo server at 127.0.0.1:45231
// connections              100
// messages              100000
// bytes                6400000  each way, all compared
// time                  1.17 s
// messages/s             85642
// round trip p50        967 µs
//            p99       5.11 ms
//            max       9.11 ms
