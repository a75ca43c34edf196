//! What streams and listeners ask for. `None` stands for "not yet", and then the waker has been kept.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::Waker;

use super::calling::server;
use super::conn::Fin;
use super::{ConnId, EndId, HostId, Packet, Side, Stage, World};
use crate::testing::net::trouble::Cause;

impl World {
    /// Reads what is there into `buffer`, which is not empty.
    pub(in crate::testing::net) fn read(
        &mut self,
        id: EndId,
        buffer: &mut [u8],
        waker: &mut Option<Waker>,
    ) -> Option<io::Result<usize>> {
        let Some(conn) = self.conns.get_mut(&id.conn) else {
            return Some(Err(Cause::Reset.into()));
        };
        let (here, there) = (conn.end(id.side).host, conn.end(id.side.other()).host);
        let end = conn.end_mut(id.side);
        if end.unread.is_empty() {
            if end.ended {
                return Some(Ok(0));
            }
            if let Some(cause) = end.broken {
                return Some(Err(cause.into()));
            }
            Self::park(&mut self.dropped, &mut end.reader, waker);
            return None;
        }
        let link = Self::link_of(&self.links, &self.settings, there, here);
        let count = link.draw_piece(buffer.len().min(end.unread.len()), &mut self.rng);
        take(&mut end.unread, &mut buffer[..count]);
        end.bytes_read += count as u64;
        end.room_owed += count;
        // As in TCP: not for each byte, or a slow reader would cause a flood of packets. The other
        // side still has room for as much as is kept back here.
        let tell = end.room_owed * 2 >= end.receive_buffer && !end.ended && end.broken.is_none();
        if tell {
            let room = std::mem::take(&mut end.room_owed);
            self.push(id, Packet::Room(room));
        }
        Some(Ok(count))
    }

    /// Takes as much of `bytes`, which are not empty, as there is room for.
    pub(in crate::testing::net) fn write(
        &mut self,
        id: EndId,
        bytes: &[u8],
        waker: &mut Option<Waker>,
    ) -> Option<io::Result<usize>> {
        let Some(conn) = self.conns.get_mut(&id.conn) else {
            return Some(Err(Cause::Reset.into()));
        };
        let (here, there) = (conn.end(id.side).host, conn.end(id.side.other()).host);
        let end = conn.end_mut(id.side);
        if let Some(cause) = end.broken {
            return Some(Err(cause.into()));
        }
        let room = end.lane.room();
        if room == 0 {
            Self::park(&mut self.dropped, &mut end.writer, waker);
            return None;
        }
        let link = Self::link_of(&self.links, &self.settings, here, there);
        let count = link.draw_piece(bytes.len().min(room), &mut self.rng);
        end.lane.queued.extend(&bytes[..count]);
        end.bytes_written += count as u64;
        self.flush(id);
        Some(Ok(count))
    }

    /// Sends the end of the stream behind what has been written.
    pub(in crate::testing::net) fn send_eof(&mut self, id: EndId) -> io::Result<()> {
        let Some(end) = self.end_mut(id) else {
            return Err(Cause::Reset.into());
        };
        if let Some(cause) = end.broken {
            return Err(cause.into());
        }
        end.eof_sent = true;
        if end.lane.fin == Fin::Not {
            end.lane.fin = Fin::Queued;
            self.flush(id);
        }
        Ok(())
    }

    /// What has come of a call.
    pub(in crate::testing::net) fn called(
        &mut self,
        id: EndId,
        waker: &mut Option<Waker>,
    ) -> Option<io::Result<()>> {
        let Some(conn) = self.conns.get_mut(&id.conn) else {
            return Some(Err(Cause::Reset.into()));
        };
        let made = conn.stage == Stage::Made;
        let end = conn.end_mut(id.side);
        let result = match end.broken {
            Some(cause) => Err(cause.into()),
            None if made => Ok(()),
            None => {
                Self::park(&mut self.dropped, &mut end.reader, waker);
                return None;
            }
        };
        self.dropped.extend(end.reader.take());
        Some(result)
    }

    /// The next connection of a listener.
    pub(in crate::testing::net) fn accept(
        &mut self,
        host: HostId,
        address: SocketAddr,
        listener: u64,
        waker: &mut Option<Waker>,
    ) -> Option<io::Result<EndId>> {
        if self.listener_mut(host, address, listener).is_none() {
            return Some(Err(Cause::Crashed.into()));
        }
        let listener = self.hosts[host].listeners.get_mut(&address)?;
        match listener.queue.pop_front() {
            Some(conn) => {
                self.totals.accepted += 1;
                self.hosts[host].totals.accepted += 1;
                Some(Ok(server(conn)))
            }
            None => {
                Self::park(&mut self.dropped, &mut listener.acceptor, waker);
                None
            }
        }
    }

    /// Bytes that have been written and not read.
    pub(in crate::testing::net) fn bytes_in_transit(&self) -> usize {
        let ends = self
            .conns
            .values()
            .flat_map(|conn| [Side::Client, Side::Server].map(|side| conn.end(side)));
        ends.map(|end| end.lane.queued.len() + end.lane.bytes_on_wire() + end.unread.len())
            .sum()
    }

    /// Connections that are made and have not ended, with their ends.
    pub(in crate::testing::net) fn live(&self) -> impl Iterator<Item = (ConnId, HostId, HostId)> {
        self.conns
            .iter()
            .filter(|(_, conn)| conn.stage == Stage::Made && conn.is_live())
            .map(|(&id, conn)| (id, conn.end(Side::Client).host, conn.end(Side::Server).host))
    }
}

/// Fills `buffer` from a queue that has as many bytes at least.
pub(super) fn take(queue: &mut VecDeque<u8>, buffer: &mut [u8]) {
    let (front, back) = queue.as_slices();
    let from_front = front.len().min(buffer.len());
    let (head, tail) = buffer.split_at_mut(from_front);
    head.copy_from_slice(&front[..head.len()]);
    tail.copy_from_slice(&back[..tail.len()]);
    queue.drain(..buffer.len());
}
