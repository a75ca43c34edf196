//! Clients that send messages to an echo server and compare what comes back.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use nestling::net::TcpStream;
use nestling::{BoxError, NurseryError, move_on_after, ok, open_nursery, sleep};

use super::args;
use super::histogram::Histogram;
use super::pattern::Pattern;
use super::progress;
use super::report::Report;
use super::{Bytes, Stop};

/// No more than this is read at once.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// A message up to this size fits into the system's buffers, so it can be sent before reading on.
const FITS_BUFFERS_BYTES: usize = 4 * 1024;
/// All messages come from one buffer of about this size, however many connections there are.
const SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// So many connections are being made at once: a server's backlog is limited.
const CONNECTING_MAX: u64 = 64;
/// How long a server may take to close a connection that it was told is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much there is to do.
#[derive(Debug)]
pub struct Load {
    /// Connections at the same time.
    pub connections: u64,
    /// Messages on each of them, one after the other.
    pub messages: u64,
    /// Bytes in each message.
    pub size: usize,
    /// How long nothing at all may come back.
    pub timeout: Duration,
    /// Whether to show how far it has come.
    pub progress: bool,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            connections: 100,
            messages: 1000,
            size: 64,
            timeout: Duration::from_secs(10),
            progress: true,
        }
    }
}

impl Load {
    /// Takes the value of `--connections`, or however the program calls it.
    pub fn set_connections(
        &mut self,
        parser: &mut lexopt::Parser,
        option: &str,
    ) -> Result<(), Stop> {
        self.connections = args::number(parser, option, "connections", 1..=1_000_000)?;
        Ok(())
    }

    /// Takes the value of `--messages`.
    pub fn set_messages(&mut self, parser: &mut lexopt::Parser) -> Result<(), Stop> {
        self.messages = args::number(parser, "messages", "messages", 1..=1_000_000_000)?;
        Ok(())
    }

    /// Takes the value of `--size`.
    pub fn set_size(&mut self, parser: &mut lexopt::Parser) -> Result<(), Stop> {
        self.size = args::number(parser, "size", "bytes", 1..=SIZE_BYTES_MAX)?;
        Ok(())
    }

    /// Takes the value of `--timeout`.
    pub fn set_timeout(&mut self, parser: &mut lexopt::Parser) -> Result<(), Stop> {
        self.timeout = args::seconds(parser, "timeout")?;
        Ok(())
    }
}

/// What went wrong with an echo.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// What came back is not what was sent.
    #[error(
        "connection {connection}, message {message}: byte {byte} came back as {} and not as {}: \
         that is no echo", Bytes(&[*.received]), Bytes(&[*.sent])
    )]
    Differs {
        connection: u64,
        message: u64,
        byte: usize,
        sent: u8,
        received: u8,
    },
    /// The server closed the connection too early.
    #[error(
        "connection {connection}: the server closed it when {returned} of {all} bytes of message \
         {message} had come back"
    )]
    Closed {
        connection: u64,
        message: u64,
        returned: usize,
        all: usize,
    },
    /// More came back than was sent.
    #[error("connection {connection}: {surplus} came back after the last message: that is no echo")]
    Surplus { connection: u64, surplus: String },
    /// Nothing came back for a long time.
    #[error("nothing came back from {address} for {timeout:?}: is it an echo server?")]
    Silence { address: String, timeout: Duration },
}

/// How far the work has come.
#[derive(Debug)]
pub struct Tally {
    wanted: u64,
    messages: Cell<u64>,
    bytes: Cell<u64>,
    /// Whatever shows that the server is alive.
    signs: Cell<u64>,
    round_trips: RefCell<Histogram>,
}

impl Tally {
    fn new(load: &Load) -> Tally {
        Tally {
            wanted: load.connections * load.messages,
            messages: Cell::new(0),
            bytes: Cell::new(0),
            signs: Cell::new(0),
            round_trips: RefCell::default(),
        }
    }

    /// Messages that have come back.
    pub fn messages(&self) -> u64 {
        self.messages.get()
    }

    /// Messages that are to come back in all.
    pub fn messages_wanted(&self) -> u64 {
        self.wanted
    }

    fn connected(&self) {
        self.signs.set(self.signs.get() + 1);
    }

    fn received(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
        self.signs.set(self.signs.get() + 1);
    }

    fn message(&self, round_trip: Duration) {
        self.messages.set(self.messages.get() + 1);
        self.round_trips.borrow_mut().record(round_trip);
    }
}

/// Connects to `address`, sends all that `load` says, and compares every byte that comes back.
pub async fn run_load(address: &str, load: &Load) -> Result<Report, NurseryError> {
    let tally = Tally::new(load);
    let pattern = Pattern::new(load.size);
    let time = open_nursery(async |nursery| {
        nursery
            .task()
            .name("patience")
            .daemon()
            .start_soon(lose_patience(address, load, &tally));
        let streams = connect_all(address, load.connections, &tally).await?;
        if load.progress {
            nursery
                .task()
                .name("progress")
                .daemon()
                .start_soon(progress::show(&tally));
        }
        let start = Instant::now();
        open_nursery(async |clients| {
            for (connection, stream) in (0..).zip(streams) {
                let client = Client {
                    connection,
                    stream,
                    tally: &tally,
                };
                clients.start_soon(client.run(load, &pattern));
            }
        })
        .await?;
        ok(start.elapsed())
    })
    .await?;
    Ok(Report {
        connections: load.connections,
        messages: tally.messages.get(),
        bytes: tally.bytes.get(),
        time,
        round_trips: tally.round_trips.into_inner(),
    })
}

/// A few children share the connecting; each takes the next number until there is none left.
async fn connect_all(
    address: &str,
    connections: u64,
    tally: &Tally,
) -> Result<Vec<TcpStream>, NurseryError> {
    let streams = RefCell::new(Vec::new());
    let mut numbers = 0..connections;
    let numbers = RefCell::new(&mut numbers);
    open_nursery(async |nursery| {
        for _ in 0..connections.min(CONNECTING_MAX) {
            nursery.start_soon(async {
                while numbers.borrow_mut().next().is_some() {
                    let stream = TcpStream::connect(address).await?;
                    tally.connected();
                    streams.borrow_mut().push(stream);
                }
                ok(())
            });
        }
    })
    .await?;
    Ok(streams.into_inner())
}

/// Fails when there was no sign of life for a while. Costs nothing while messages are exchanged.
async fn lose_patience(address: &str, load: &Load, tally: &Tally) -> Result<Infallible, EchoError> {
    let mut last_sign = (tally.signs.get(), Instant::now());
    while last_sign.1.elapsed() < load.timeout {
        sleep(load.timeout / 10).await;
        if tally.signs.get() != last_sign.0 {
            last_sign = (tally.signs.get(), Instant::now());
        }
    }
    Err(EchoError::Silence {
        address: address.to_owned(),
        timeout: load.timeout,
    })
}

struct Client<'a> {
    connection: u64,
    stream: TcpStream,
    tally: &'a Tally,
}

impl Client<'_> {
    async fn run(self, load: &Load, pattern: &Pattern) -> Result<(), BoxError> {
        let mut buffer = vec![0; load.size.min(BUFFER_BYTES_MAX)];
        for message in 0..load.messages {
            let sent = pattern.message(self.connection, message);
            let start = Instant::now();
            if sent.len() <= FITS_BUFFERS_BYTES {
                self.stream.write_all(sent).await?;
                self.compare(message, sent, &mut buffer).await?;
            } else {
                // Sender and receiver at once: the server does not read on while nobody reads what
                // it sends back.
                open_nursery(async |nursery| {
                    nursery.start_soon(self.stream.write_all(sent));
                    self.compare(message, sent, &mut buffer).await
                })
                .await?;
            }
            self.tally.message(start.elapsed());
        }
        self.stream.send_eof().await?;
        // Some servers do not close a connection for that; it is none of our business.
        let farewell = move_on_after(FAREWELL, self.stream.read(&mut buffer)).await;
        match farewell.transpose()? {
            None | Some(0) => Ok(()),
            Some(count) => Err(EchoError::Surplus {
                connection: self.connection,
                surplus: Bytes(&buffer[..count.min(16)]).to_string(),
            })?,
        }
    }

    async fn compare(&self, message: u64, sent: &[u8], buffer: &mut [u8]) -> Result<(), BoxError> {
        let mut returned = 0;
        while returned < sent.len() {
            let wanted = buffer.len().min(sent.len() - returned);
            let count = self.stream.read(&mut buffer[..wanted]).await?;
            if count == 0 {
                return Err(EchoError::Closed {
                    connection: self.connection,
                    message,
                    returned,
                    all: sent.len(),
                })?;
            }
            let expected = &sent[returned..returned + count];
            if let Some(at) = (0..count).find(|&at| buffer[at] != expected[at]) {
                return Err(EchoError::Differs {
                    connection: self.connection,
                    message,
                    byte: returned + at,
                    sent: expected[at],
                    received: buffer[at],
                })?;
            }
            self.tally.received(count);
            returned += count;
        }
        Ok(())
    }
}
