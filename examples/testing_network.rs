//! Run it with `cargo run --example testing_network`: a client that comes back, tried on 200 bad days.
//!
//! The program below takes the network as an argument. A test gives it a virtual one, in which
//! connections break, hosts are cut off and calls are refused, at times that follow from a seed; each
//! day passes in virtual time. At the end it runs over the system's network, unchanged.

use std::cell::Cell;
use std::time::Duration;

use nestling::net::{ByteStream, Error, Network, System, serve_on};
use nestling::testing::MockClock;
use nestling::testing::net::{Faults, Link, VirtualNet};
use nestling::{
    BoxError, Builder, NurseryError, current_time, move_on_after, open_nursery, run, sleep,
};

const SECOND: Duration = Duration::from_secs(1);
const SEEDS: u64 = 200;
const QUESTIONS: u32 = 50;

/// Answers each number with its square.
async fn square(stream: impl ByteStream) -> Result<(), Error> {
    loop {
        let mut number = [0; 4];
        stream.read_exact(&mut number).await?;
        let square = u64::from(u32::from_be_bytes(number)).pow(2);
        stream.write_all(&square.to_be_bytes()).await?;
    }
}

/// Asks for the squares of all numbers up to `QUESTIONS`, in as many connections as it takes.
struct Client<'a, N> {
    network: &'a N,
    server: &'a str,
    next: Cell<u32>,
    connections: Cell<u32>,
    failures: Cell<u32>,
}

impl<N: Network> Client<'_, N> {
    async fn work(&self) {
        let mut pause = SECOND / 10;
        while self.next.get() < QUESTIONS {
            let before = self.next.get();
            if self.converse().await.is_ok() {
                continue;
            }
            self.failures.set(self.failures.get() + 1);
            // What helped a little is worth trying again soon.
            let helped = self.next.get() > before;
            pause = if helped { SECOND / 10 } else { pause * 2 };
            pause = pause.min(5 * SECOND);
            sleep(pause).await;
        }
    }

    /// Goes on where the last connection has left off, until this one breaks.
    async fn converse(&self) -> Result<(), BoxError> {
        let connecting = self.network.connect(self.server);
        let stream = move_on_after(3 * SECOND, connecting);
        let stream = stream.await.ok_or("nobody answers")??;
        self.connections.set(self.connections.get() + 1);
        while self.next.get() < QUESTIONS {
            // Without a limit, a server that is cut off would keep us waiting for ever.
            let question = self.ask(&stream, self.next.get());
            let answer = move_on_after(2 * SECOND, question);
            let answer = answer.await.ok_or("no answer")??;
            assert_eq!(answer, u64::from(self.next.get()).pow(2));
            self.next.set(self.next.get() + 1);
        }
        Ok(())
    }

    async fn ask(&self, stream: &N::Stream, number: u32) -> Result<u64, Error> {
        stream.write_all(&number.to_be_bytes()).await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        Ok(u64::from_be_bytes(answer))
    }
}

/// What came of one day.
struct Day {
    connections: u32,
    failures: u32,
    time: Duration,
}

/// The whole program: a server on one network, a client on another, or on the same.
async fn day<N: Network>(
    at_server: &N,
    listen: &str,
    at_client: &N,
    name: Option<&str>,
) -> Result<Day, NurseryError> {
    open_nursery(async |nursery| {
        let address = nursery
            .start(async |ready| {
                serve_on(at_server, square, listen)
                    .on_error(|_, _| ()) // a connection that broke is the client's to replace
                    .ready(ready)
                    .await
            })
            .await?;
        let server = name.map_or_else(|| address.to_string(), str::to_owned);
        let client = Client {
            network: at_client,
            server: &server,
            next: Cell::new(0),
            connections: Cell::new(0),
            failures: Cell::new(0),
        };
        let start = current_time();
        client.work().await;
        nursery.cancel(); // the server
        Ok::<_, BoxError>(Day {
            connections: client.connections.get(),
            failures: client.failures.get(),
            time: current_time() - start,
        })
    })
    .await
}

/// A bad day, in virtual time.
fn virtual_day(seed: u64) -> Result<Day, NurseryError> {
    Builder::new().clock(MockClock::new()).run(async {
        let link = Link::new()
            .latency(SECOND / 50..=SECOND / 5)
            .loss(0.02)
            .pieces(1..=8);
        let net = VirtualNet::builder(seed).link(link).build();
        let minute = 60 * SECOND;
        net.inject(
            Faults::during(minute)
                .resets(2 * SECOND..=6 * SECOND)
                .partitions(5 * SECOND..=15 * SECOND, SECOND..=10 * SECOND)
                .refusals(5 * SECOND..=15 * SECOND, SECOND..=5 * SECOND),
        );
        let (server, client) = (net.host("server"), net.host("client"));
        let day = day(&server, "0.0.0.0:7", &client, Some("server:7"));
        let in_time = move_on_after(2 * minute, day).await;
        // A failure can be looked at again: the seed gives the same day, and the trace tells it.
        in_time.unwrap_or_else(|| panic!("seed {seed}:\n{}", net.trace().join("\n")))
    })
}

fn main() -> Result<(), NurseryError> {
    let (mut connections, mut failures, mut longest) = (0, 0, (Duration::ZERO, 0));
    for seed in 0..SEEDS {
        let day = virtual_day(seed)?;
        connections += day.connections;
        failures += day.failures;
        longest = longest.max((day.time, seed));
    }
    println!("{SEEDS} bad days: {QUESTIONS} of {QUESTIONS} answers on each");
    println!("{connections} connections, {failures} failures");
    println!(
        "the longest took {:.1?}, with seed {}",
        longest.0, longest.1
    );

    let real = run(day(&System, "127.0.0.1:0", &System, None))?;
    println!(
        "over the system's network: {} connection, {} failures",
        real.connections, real.failures
    );
    Ok(())
}

// It prints:
//
// 200 bad days: 50 of 50 answers on each
// 1361 connections, 2177 failures
// the longest took 70.6s, with seed 154
// over the system's network: 1 connection, 0 failures
