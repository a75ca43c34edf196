//! The floor: one edge-triggered epoll loop, written by hand, without futures.
//!
//! A socket is registered once, for both directions. A read that leaves room in
//! the buffer has emptied the socket, unless the other side hung up.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;

use measured::{Arguments, Error};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

const LISTENER: u64 = u64::MAX;
const EVENTS_PER_WAIT: usize = 1024;

struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    unsent: Range<usize>,
    readable: bool,
    hung_up: bool,
}

impl Connection {
    /// Echoes until the socket has nothing more or takes nothing more.
    /// Ok(false) at end of file.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            while !self.unsent.is_empty() {
                match self.stream.write(&self.buffer[self.unsent.clone()]) {
                    Ok(sent) => self.unsent.start += sent,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                    Err(error) => return Err(error),
                }
            }
            if !self.readable {
                return Ok(true);
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(received) => {
                    self.unsent = 0..received;
                    self.readable = received == self.buffer.len() || self.hung_up;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) => return Err(error),
            }
        }
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    let buffer_len = arguments.buffer;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    measured::announce(listener.local_addr()?);

    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_PER_WAIT);
    loop {
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let (flags, key) = (event.flags, event.data.u64());
            if key == LISTENER {
                accept_all(&listener, &poll, buffer_len, &mut connections, &mut free)?;
                continue;
            }
            let index = key as usize;
            let Some(connection) = connections[index].as_mut() else {
                continue;
            };
            connection.hung_up |=
                flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            connection.readable |= connection.hung_up || flags.contains(EventFlags::IN);
            if !connection.advance().unwrap_or(false) {
                connections[index] = None;
                free.push(index);
            }
        }
    }
}

/// Takes in whoever waits. An event of a slot's former owner that is still in the
/// batch costs its new owner one vain read, no more.
fn accept_all(
    listener: &TcpListener,
    poll: impl rustix::fd::AsFd,
    buffer_len: usize,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let index = free.pop().unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&poll, &stream, EventData::new_u64(index as u64), interest)?;
        let buffer = vec![0; buffer_len].into_boxed_slice();
        connections[index] = Some(Connection {
            stream,
            buffer,
            unsent: 0..0,
            readable: false,
            hung_up: false,
        });
    }
}
