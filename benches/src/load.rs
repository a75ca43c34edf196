//! The load: a closed loop over C connections, each with one message under way.
//! Every byte that comes back is checked.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;

use crate::statistics::percentile;

/// A server that says nothing for so long has failed. Under valgrind it is slow.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Connections to one server.
pub(crate) struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    message: Vec<u8>,
    echo: Vec<u8>,
    received: usize,
    sent_at: Instant,
}

/// Times from before a message is sent until the whole echo is there.
pub(crate) struct Latencies(Vec<u32>);

impl Load {
    /// Each connection is used once before the next is made, so that the server has
    /// accepted it and no backlog overflows.
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        message_len: usize,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut all = Vec::with_capacity(connections);
        for index in 0..connections {
            let connection = Connection::open(address, index, message_len)?;
            epoll::add(
                &epoll,
                &connection.stream,
                EventData::new_u64(index as u64),
                EventFlags::IN,
            )?;
            all.push(connection);
        }
        Ok(Self {
            epoll,
            connections: all,
        })
    }

    /// Sends `requests` messages in all, and returns when the last echo is there.
    pub(crate) fn run(&mut self, requests: u64) -> io::Result<Latencies> {
        let timeout = Timespec::try_from(SILENCE_MAX).map_err(io::Error::other)?;
        let mut latencies = Vec::with_capacity(requests as usize);
        let mut unsent = requests;
        for connection in self.connections.iter_mut().take(requests as usize) {
            connection.send(unsent)?;
            unsent -= 1;
        }
        let mut events: Vec<Event> = Vec::with_capacity(1024);
        while (latencies.len() as u64) < requests {
            if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))? == 0 {
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "the server has stopped answering",
                ));
            }
            for event in events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                if !connection.receive()? {
                    continue;
                }
                latencies.push(connection.sent_at.elapsed().as_nanos() as u32);
                if unsent > 0 {
                    connection.send(unsent)?;
                    unsent -= 1;
                }
            }
        }
        Ok(Latencies(latencies))
    }
}

impl Connection {
    fn open(address: SocketAddr, index: usize, message_len: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        // No two connections carry the same bytes.
        let message: Vec<u8> = (0..message_len)
            .map(|at| (at * 31 + index * 7) as u8)
            .collect();
        let mut echo = vec![0; message_len];
        stream.write_all(&message)?;
        stream.read_exact(&mut echo)?;
        check(&message, &echo)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            message,
            echo,
            received: 0,
            sent_at: Instant::now(),
        })
    }

    /// Sends the next message, stamped so that an old echo does not pass for its own.
    fn send(&mut self, stamp: u64) -> io::Result<()> {
        self.message[..8].copy_from_slice(&stamp.to_le_bytes());
        self.received = 0;
        self.sent_at = Instant::now();
        let mut sent = 0;
        while sent < self.message.len() {
            match self.stream.write(&self.message[sent..]) {
                Ok(more) => sent += more,
                // Not seen with the messages used here: the buffers hold several.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.stream, PollFlags::OUT)], None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what is there; true once the echo is whole.
    fn receive(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.echo[self.received..]) {
            Ok(0) => {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the server hung up",
                ));
            }
            Ok(more) => self.received += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if self.received < self.echo.len() {
            return Ok(false);
        }
        check(&self.message, &self.echo)?;
        Ok(true)
    }
}

impl Latencies {
    /// In microseconds.
    pub(crate) fn percentiles_us<const N: usize>(self, shares: [f64; N]) -> [f64; N] {
        let mut sorted = self.0;
        sorted.sort_unstable();
        shares.map(|share| f64::from(percentile(&sorted, share)) / 1000.0)
    }
}

fn check(message: &[u8], echo: &[u8]) -> io::Result<()> {
    if message == echo {
        Ok(())
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidData,
            "the echo is not what was sent",
        ))
    }
}
