//! Making a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::places::NOWHERE;
use super::{Conn, ConnId, End, EndId, Event, HostId, Packet, Side, Stage, World};
use crate::testing::net::span::nanos;
use crate::testing::net::trouble::Cause;

/// The pause after the first call that nobody answers, in seconds; each further one is twice as long,
/// as on Linux.
const FIRST_PAUSE: u64 = 1;
const SECOND: u64 = 1_000_000_000;

impl World {
    /// Calls `address` from `host`. What comes of it is at the client's end.
    pub(in crate::testing::net) fn call(
        &mut self,
        host: HostId,
        address: SocketAddr,
    ) -> std::io::Result<ConnId> {
        if !self.hosts[host].is_up {
            return Err(Cause::Crashed.into());
        }
        // As on Linux, an unspecified address means this host.
        let ip = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let to = match self.host_at(host, ip) {
            Some(to) => to,
            None if self.settings.black_hole => NOWHERE,
            None => return Err(Cause::NoRoute.into()),
        };
        let state = &mut self.hosts[host];
        let Some(port) = state.free_port() else {
            return Err(std::io::ErrorKind::AddrNotAvailable.into());
        };
        state.take_port(port);
        let source = if to == host { ip } else { state.ip_towards(ip) };
        let local = SocketAddr::new(source, port);
        let peer = SocketAddr::new(ip, address.port());

        let id = ConnId(self.conn_count);
        self.conn_count += 1;
        let link = self.link_between(host, to);
        let client = End::new(host, local, peer, link);
        let server = End::new(to, peer, local, link);
        let deadline = self
            .now
            .saturating_add(nanos(self.settings.connect_timeout));
        let mut conn = Conn::new(Stage::Calling { deadline }, client, server);
        // Nobody has it as yet.
        conn.end_mut(Side::Server).state = super::EndState::Dead;
        self.conns.insert(id, conn);
        self.totals.calls += 1;
        self.send_syn(id, FIRST_PAUSE);
        Ok(id)
    }

    fn send_syn(&mut self, id: ConnId, pause: u64) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let (from, to) = (conn.end(Side::Client).host, conn.end(Side::Server).host);
        self.note(client(id), "SYN", None);
        if to != NOWHERE {
            let arrival = self.arrival(from, to);
            self.schedule(arrival, Event::Syn(id));
        }
        self.schedule_redial(id, pause);
    }

    fn schedule_redial(&mut self, id: ConnId, pause: u64) {
        let Some(Stage::Calling { deadline } | Stage::Answered { deadline }) =
            self.conns.get(&id).map(|conn| conn.stage)
        else {
            return;
        };
        let at = self.now.saturating_add(pause.saturating_mul(SECOND));
        let redial = Event::Redial(id, pause.saturating_mul(2));
        let key = self.schedule(at.min(deadline), redial);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.redial = Some(key);
        }
    }

    /// When a packet without a connection arrives that is sent now.
    fn arrival(&mut self, from: HostId, to: HostId) -> u64 {
        let link = Self::link_of(&self.links, &self.settings, from, to);
        let delay = link.draw_latency(&mut self.rng) + link.draw_losses(&mut self.rng);
        self.now.saturating_add(delay)
    }

    /// The call has reached the other host.
    pub(super) fn take_call(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        // It may be answered already, or given up.
        let Stage::Calling { deadline } = conn.stage else {
            return;
        };
        let (from, to) = (conn.end(Side::Client).host, conn.end(Side::Server).host);
        let address = conn.end(Side::Server).local;
        if conn.end(Side::Client).broken.is_some() {
            return;
        }
        if !self.is_passable(from, to) {
            self.note(client(id), "SYN is lost", None);
            return;
        }
        let state = &mut self.hosts[to];
        let listener = match state.listener_at(address) {
            Some(_) if state.refuses => None,
            Some(listener) => state.listeners.get_mut(&listener),
            None => None,
        };
        let Some(listener) = listener else {
            self.note(server(id), "refuses", None);
            let arrival = self.arrival(to, from);
            self.schedule(arrival, Event::Refused(id));
            return;
        };
        if listener.answered.len() + listener.queue.len() >= self.settings.backlog {
            self.note(client(id), "SYN is dropped, as the backlog is full", None);
            return;
        }
        listener.answered.insert(id);
        let number = listener.id;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.stage = Stage::Answered { deadline };
            conn.listener = Some(number);
            conn.end_mut(Side::Server).state = super::EndState::Open;
        }
        self.push(server(id), Packet::SynAck);
    }

    /// The client's end hears that nobody listens.
    pub(super) fn call_refused(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        if !matches!(conn.stage, Stage::Calling { .. }) {
            return;
        }
        let (from, to) = (conn.end(Side::Server).host, conn.end(Side::Client).host);
        if self.is_passable(from, to) {
            self.break_end(client(id), Cause::Refused);
        }
    }

    pub(super) fn redial(&mut self, id: ConnId, pause: u64) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        if conn.end(Side::Client).broken.is_some() {
            return;
        }
        match conn.stage {
            Stage::Made => {}
            Stage::Calling { deadline } | Stage::Answered { deadline } if deadline <= self.now => {
                self.note(client(id), "nobody answers", None);
                self.break_end(client(id), Cause::TimedOut);
            }
            Stage::Calling { .. } => self.send_syn(id, pause),
            // The answer is on its way, and waits until it can arrive.
            Stage::Answered { .. } => self.schedule_redial(id, pause),
        }
    }

    /// The client hears that it has been answered.
    pub(super) fn call_answered(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.stage = Stage::Made;
            let waker = conn.end_mut(Side::Client).reader.take();
            self.stop_waiting(client(id));
            self.wake(waker);
            self.push(client(id), Packet::Ack);
        }
    }

    /// The server knows that the client knows: it can be accepted.
    pub(super) fn call_complete(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let (host, number) = (conn.end(Side::Server).host, conn.listener);
        let listeners = self.hosts[host].listeners.values_mut();
        for listener in listeners.filter(|listener| Some(listener.id) == number) {
            if listener.answered.remove(&id) {
                listener.queue.push_back(id);
                self.woken.extend(listener.acceptor.take());
            }
        }
    }

    /// A listener has been closed with this connection in its queue.
    pub(super) fn abandon(&mut self, id: ConnId) {
        self.abort(server(id));
        self.reap(id);
    }

    /// The server's end is gone before it was accepted.
    pub(super) fn forget_answered(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Stage::Answered { deadline } = conn.stage {
            // The client goes on calling.
            conn.stage = Stage::Calling { deadline };
        }
        let (host, number) = (conn.end(Side::Server).host, conn.listener);
        let Some(host) = self.hosts.get_mut(host) else {
            return;
        };
        let listeners = host.listeners.values_mut();
        for listener in listeners.filter(|listener| Some(listener.id) == number) {
            listener.answered.remove(&id);
        }
    }
}

pub(super) fn client(conn: ConnId) -> EndId {
    EndId {
        conn,
        side: Side::Client,
    }
}

pub(super) fn server(conn: ConnId) -> EndId {
    EndId {
        conn,
        side: Side::Server,
    }
}
