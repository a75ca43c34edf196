//! Run it: `cargo run --release --example echo_client` (with echo_server running elsewhere)
//!
//! Two children share one connection: one sends, one receives. When the server closes it, the
//! receiver ends both. With `--connections` or `--messages` it is a load test instead, of any server
//! that sends back what it receives.

mod kit;

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use kit::load::{Load, run_load};
use kit::{Bytes, Stop, args, descriptors, say};
use lexopt::prelude::*;
use nestling::net::{self, TcpStream};
use nestling::{BoxError, ok, open_nursery, sleep};

const HELP: &str = "\
A client for echo servers.

Usage: echo_client [ADDR] [--quiet]
       echo_client [ADDR] [--connections N] [--messages N] [--size BYTES]
                   [--timeout SECONDS] [--quiet]

It sends a line each second and shows what comes back. With any of the options
that have a value, it is a load test instead.

  ADDR               the server, as HOST:PORT (default 127.0.0.1:12345)
  --connections N    connections at the same time (default 100)
  --messages N       messages on each connection (default 1000)
  --size BYTES       size of a message, up to 16777216 (default 64)
  --timeout SECONDS  give up when nothing comes back for so long (default 10)
  --quiet            no line per message, no progress
  --help             this text
";

const BUFFER_BYTES: usize = 16 * 1024;

struct Options {
    address: String,
    quiet: bool,
    /// What to do in a load test, if it is to be one.
    load: Option<Load>,
}

fn parse(mut parser: lexopt::Parser) -> Result<Options, Stop> {
    let mut address = None;
    let mut quiet = false;
    let mut load = None::<Load>;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) if address.is_none() => address = Some(args::address(value)?),
            Long("connections") => {
                let load = load.get_or_insert_default();
                load.set_connections(&mut parser, "connections")?;
            }
            Long("messages") => load.get_or_insert_default().set_messages(&mut parser)?,
            Long("size") => load.get_or_insert_default().set_size(&mut parser)?,
            Long("timeout") => load.get_or_insert_default().set_timeout(&mut parser)?,
            Short('q') | Long("quiet") => quiet = true,
            Short('h') | Long("help") => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(load) = &mut load {
        descriptors::check(load.connections, "connections", 1)?;
        load.progress = !quiet;
    }
    Ok(Options {
        address: address.unwrap_or_else(|| String::from(args::DEFAULT_ADDRESS)),
        quiet,
        load,
    })
}

async fn sender(stream: &TcpStream, quiet: bool) -> Result<Infallible, net::Error> {
    say!("sender: started!");
    let data = b"async can sometimes be confusing, but I believe in you!";
    loop {
        if !quiet {
            say!("sender: sending {}", Bytes(data));
        }
        stream.write_all(data).await?;
        sleep(Duration::from_secs(1)).await;
    }
}

async fn receiver(stream: &TcpStream, quiet: bool) -> Result<(), net::Error> {
    say!("receiver: started!");
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if !quiet {
            say!("receiver: got data {}", Bytes(&buffer[..count]));
        }
        if count == 0 {
            say!("receiver: connection closed");
            return Ok(());
        }
    }
}

async fn chat(address: &str, quiet: bool) -> Result<(), BoxError> {
    say!("parent: connecting to {address}");
    let stream = TcpStream::connect(address).await?;
    open_nursery(async |nursery| {
        say!("parent: spawning sender...");
        nursery.start_soon(sender(&stream, quiet));

        say!("parent: spawning receiver...");
        nursery.start_soon(async {
            receiver(&stream, quiet).await?;
            nursery.cancel(); // the sender too
            ok(())
        });
    })
    .await?;
    Ok(())
}

async fn client(options: Options) -> Result<(), BoxError> {
    match &options.load {
        Some(load) => say!("{}", run_load(&options.address, load).await?),
        None => chat(&options.address, options.quiet).await?,
    }
    Ok(())
}

fn main() -> ExitCode {
    kit::program("echo_client", HELP, parse, client)
}

// With an echo_server that is stopped within a second it prints:
//
// parent: connecting to 127.0.0.1:12345
// parent: spawning sender...
// parent: spawning receiver...
// sender: started!
// sender: sending b'async can sometimes be confusing, but I believe in you!'
// receiver: started!
// receiver: got data b'async can sometimes be confusing, but I believe in you!'
// receiver: got data b''
// receiver: connection closed
