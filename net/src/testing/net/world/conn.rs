//! A connection: two ends, and a lane from each to the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Waker;

use super::{EventKey, HostId};
use crate::testing::net::link::Link;
use crate::testing::net::trouble::Cause;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::testing::net) struct ConnId(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing::net) enum Side {
    /// The one that called.
    Client,
    Server,
}

impl Side {
    pub(in crate::testing::net) fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing::net) struct EndId {
    pub(in crate::testing::net) conn: ConnId,
    pub(in crate::testing::net) side: Side,
}

impl EndId {
    pub(in crate::testing::net) fn other(self) -> EndId {
        EndId {
            conn: self.conn,
            side: self.side.other(),
        }
    }
}

/// How far the three packets that make a connection have got.
///
/// ```text
/// client                         server
/// Calling      -- SYN -->        Answering   (counts against the backlog)
/// Made         <-- SYN-ACK --
///              -- ACK -->        Made        (waits to be accepted)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing::net) enum Stage {
    /// Nobody has answered yet.
    Calling { deadline: u64 },
    /// The server's system has answered; the client's does not know yet.
    Answered { deadline: u64 },
    /// The client knows.
    Made,
}

#[derive(Debug)]
pub(in crate::testing::net) struct Conn {
    pub(in crate::testing::net) stage: Stage,
    /// The listener that it is on its way to.
    pub(in crate::testing::net) listener: Option<u64>,
    /// When the client calls again, or stops to.
    pub(super) redial: Option<EventKey>,
    client: End,
    server: End,
}

impl Conn {
    pub(super) fn new(stage: Stage, client: End, server: End) -> Conn {
        Conn {
            stage,
            listener: None,
            redial: None,
            client,
            server,
        }
    }

    pub(in crate::testing::net) fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(in crate::testing::net) fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Somebody has it, and it works as far as that one knows.
    pub(super) fn is_live(&self) -> bool {
        [&self.client, &self.server]
            .iter()
            .any(|end| end.state == EndState::Open && end.broken.is_none())
    }

    /// Nobody has it, and nothing of it is on its way.
    pub(super) fn is_over(&self) -> bool {
        [&self.client, &self.server]
            .iter()
            .all(|end| end.state != EndState::Open && end.lane.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing::net) enum EndState {
    /// A stream has it, a caller, or the queue of a listener.
    Open,
    /// Its stream was dropped in good order; what was written is still delivered.
    Closed,
    /// Its host does not know the connection any more, and answers with a reset.
    Dead,
}

#[derive(Debug)]
pub(in crate::testing::net) struct End {
    pub(in crate::testing::net) host: HostId,
    pub(in crate::testing::net) local: SocketAddr,
    pub(in crate::testing::net) peer: SocketAddr,
    pub(in crate::testing::net) state: EndState,
    pub(in crate::testing::net) broken: Option<Cause>,
    /// What has come in and has not been read.
    pub(in crate::testing::net) unread: VecDeque<u8>,
    /// The other side's end of the stream has come in.
    pub(in crate::testing::net) ended: bool,
    /// This side has sent the end of its stream, or has it queued.
    pub(in crate::testing::net) eof_sent: bool,
    /// Bytes that have been read, and whose room the other side does not know of yet.
    pub(super) room_owed: usize,
    pub(super) receive_buffer: usize,
    pub(in crate::testing::net) lane: Lane,
    pub(in crate::testing::net) reader: Option<Waker>,
    pub(in crate::testing::net) writer: Option<Waker>,
    pub(in crate::testing::net) bytes_written: u64,
    pub(in crate::testing::net) bytes_read: u64,
}

/// The way from an end to the other one.
#[derive(Debug)]
pub(in crate::testing::net) struct Lane {
    /// Written, and not sent yet.
    pub(in crate::testing::net) queued: VecDeque<u8>,
    pub(super) send_buffer: usize,
    /// How many bytes the other end has room for, those on the wire counted.
    pub(super) window: usize,
    pub(in crate::testing::net) fin: Fin,
    pub(super) reset_sent: bool,
    /// Packets with the times of their arrival, in order.
    pub(super) wire: VecDeque<(u64, Packet)>,
    /// A packet is due and cannot arrive.
    pub(in crate::testing::net) stalled: Option<Stall>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::testing::net) struct Stall {
    /// When the sender gives up, if it does.
    pub(super) giving_up: Option<EventKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing::net) enum Fin {
    Not,
    /// To be sent behind what is queued.
    Queued,
    Sent,
}

#[derive(Debug)]
pub(in crate::testing::net) enum Packet {
    SynAck,
    Ack,
    Data(Vec<u8>),
    /// Room for that many bytes more.
    Room(usize),
    Fin,
    Reset,
}

impl End {
    pub(super) fn new(host: HostId, local: SocketAddr, peer: SocketAddr, link: &Link) -> End {
        End {
            host,
            local,
            peer,
            state: EndState::Open,
            broken: None,
            unread: VecDeque::new(),
            ended: false,
            eof_sent: false,
            room_owed: 0,
            receive_buffer: link.receive_buffer,
            lane: Lane {
                queued: VecDeque::new(),
                send_buffer: link.send_buffer,
                window: link.receive_buffer,
                fin: Fin::Not,
                reset_sent: false,
                wire: VecDeque::new(),
                stalled: None,
            },
            reader: None,
            writer: None,
            bytes_written: 0,
            bytes_read: 0,
        }
    }
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.wire.is_empty()
    }

    pub(super) fn room(&self) -> usize {
        self.send_buffer.saturating_sub(self.queued.len())
    }

    pub(in crate::testing::net) fn bytes_on_wire(&self) -> usize {
        let bytes = |(_, packet): &(u64, Packet)| match packet {
            Packet::Data(bytes) => bytes.len(),
            _ => 0,
        };
        self.wire.iter().map(bytes).sum()
    }
}
