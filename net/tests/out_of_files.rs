//! A server that runs out of descriptors warns, waits, goes on serving those it has, and takes up the
//! others later.
//!
//! The server is this very program, run once more with a limit of its own.

#![cfg(unix)]

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nestling_net::{Error, TcpStream, serve_tcp};
use nestling_nursery::{BoxError, open_nursery};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What the shell understands, and enough for a run and some thirty connections.
const LIMIT: &str = "ulimit -n 40 && exec \"$0\" \"$@\"";
const CLIENTS: usize = 60;
const ASKED_FOR: &str = "NESTLING_TEST_SERVER";

/// Prints a line for each warning.
struct Warnings;

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        assert_eq!(event.metadata().target(), "nestling_net::serve");
        println!("warning");
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut word = [0; 4];
    loop {
        match stream.read_exact(&mut word).await {
            Err(error) if error.is_unexpected_end() => return Ok(()),
            other => other?,
        }
        stream.write_all(&word).await?;
    }
}

/// The server of the test below, and nothing if nobody asks for it.
#[test]
fn server() {
    if env::var_os(ASKED_FOR).is_none() {
        return;
    }
    tracing::subscriber::set_global_default(Warnings).unwrap();
    nestling_runtime::run(open_nursery(async |nursery| {
        let address = nursery
            .start(async |ready| serve_tcp(echo, "127.0.0.1:0").ready(ready).await)
            .await?;
        println!("listening on {address}");
        Ok::<_, BoxError>(())
    }))
    .unwrap();
}

/// Ends the server whatever becomes of the test.
struct Server(Child);

impl Server {
    fn start() -> (Server, BufReader<impl Read>, String) {
        let mut child = Command::new("sh")
            .args(["-c", LIMIT])
            .arg(env::current_exe().unwrap())
            .args(["server", "--exact", "--nocapture"])
            .env(ASKED_FOR, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let server = Server(child);
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "the server has ended"
            );
            // The test's own name may stand before it.
            if let Some((_, address)) = line.trim().split_once("listening on ") {
                return (server, output, address.to_owned());
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn assert_echo(client: &TcpStream) {
    client.write_all(b"echo").await.unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"echo");
}

#[test]
fn a_server_without_descriptors_serves_on_and_recovers() {
    let (server, mut output, address) = Server::start();
    let begin = Instant::now();
    nestling_runtime::run(async {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            // The system takes them into its queue, whatever the server can do.
            clients.push(TcpStream::connect(address.as_str()).await.unwrap());
        }
        let mut line = String::new();
        while line.trim() != "warning" {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "the server has ended"
            );
        }
        for _ in 0..50 {
            assert_echo(&clients[0]).await;
        }
        for client in clients {
            assert_echo(&client).await;
        }
    });
    let turns = begin.elapsed().as_millis() / Duration::from_millis(100).as_millis();
    drop(server);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    // One was read above, and one may have come since the clock was read.
    let warnings = 1 + rest.lines().filter(|line| line.trim() == "warning").count() as u128;
    assert!(
        warnings <= turns + 2,
        "{warnings} in {turns} tenths of a second"
    );
}
