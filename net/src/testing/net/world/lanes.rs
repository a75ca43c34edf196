//! Packets: onto the wire, off it, and what they do where they arrive.

use std::collections::BTreeMap;

use super::conn::{Fin, Stall};
use super::transfer::take;
use super::{EndId, EndState, Event, HostId, Packet, Stage, World};
use crate::testing::net::builder::Settings;
use crate::testing::net::link::Link;
use crate::testing::net::span::nanos;
use crate::testing::net::trouble::Cause;

impl World {
    pub(in crate::testing::net) fn set_link(&mut self, one: HostId, other: HostId, link: Link) {
        self.links.insert((one, other), link.clone());
        self.links.insert((other, one), link);
    }

    pub(super) fn link_between(&self, from: HostId, to: HostId) -> &Link {
        Self::link_of(&self.links, &self.settings, from, to)
    }

    /// As [`link_between`](World::link_between), for those who need the rest of the world too.
    pub(super) fn link_of<'a>(
        links: &'a BTreeMap<(HostId, HostId), Link>,
        settings: &'a Settings,
        from: HostId,
        to: HostId,
    ) -> &'a Link {
        links.get(&(from, to)).unwrap_or(if from == to {
            &settings.loopback
        } else {
            &settings.link
        })
    }

    /// Whether a packet can arrive now.
    pub(super) fn is_passable(&self, from: HostId, to: HostId) -> bool {
        let is_up = self.hosts.get(to).is_some_and(|host| host.is_up);
        let is_plugged = |host: HostId| self.hosts.get(host).is_some_and(|host| host.is_plugged);
        let is_free = !self.cuts.contains(&(from, to)) && is_plugged(from) && is_plugged(to);
        is_up && (from == to || is_free)
    }

    /// Sends a packet from this end to the other one.
    pub(super) fn push(&mut self, sender: EndId, packet: Packet) {
        let Some(conn) = self.conns.get_mut(&sender.conn) else {
            return;
        };
        let (from, to) = (
            conn.end(sender.side).host,
            conn.end(sender.side.other()).host,
        );
        let link = Self::link_of(&self.links, &self.settings, from, to);
        let mut at = self.now;
        match &packet {
            Packet::Data(bytes) => {
                let busy = self.busy_until.entry((from, to)).or_default();
                at = at.max(*busy).saturating_add(link.nanos_for(bytes.len()));
                *busy = at;
            }
            Packet::Fin => at = at.saturating_add(link.draw_slow_close(&mut self.rng)),
            _ => {}
        }
        let delay = link.draw_latency(&mut self.rng) + link.draw_losses(&mut self.rng);
        at = at.saturating_add(delay);
        let wire = &mut conn.end_mut(sender.side).lane.wire;
        if let Some((last, _)) = wire.back() {
            at = at.max(*last);
        }
        wire.push_back((at, packet));
        self.schedule(at, Event::Arrive(sender));
    }

    /// Sends what is queued, as far as the other end has room, and then the end of the stream.
    pub(super) fn flush(&mut self, sender: EndId) {
        loop {
            let Some(conn) = self.conns.get_mut(&sender.conn) else {
                return;
            };
            let (from, to) = (
                conn.end(sender.side).host,
                conn.end(sender.side.other()).host,
            );
            let end = conn.end_mut(sender.side);
            let lane = &mut end.lane;
            let count = lane.queued.len().min(lane.window);
            if count == 0 {
                if lane.queued.is_empty() && lane.fin == Fin::Queued {
                    lane.fin = Fin::Sent;
                    self.push(sender, Packet::Fin);
                }
                return;
            }
            let link = Self::link_of(&self.links, &self.settings, from, to);
            let count = link.draw_packet(count, &mut self.rng);
            let mut bytes = vec![0; count];
            take(&mut lane.queued, &mut bytes);
            lane.window -= count;
            self.woken.extend(end.writer.take());
            self.push(sender, Packet::Data(bytes));
        }
    }

    /// Packets of this end's lane are due.
    pub(super) fn arrive(&mut self, sender: EndId) {
        while let Some(conn) = self.conns.get(&sender.conn) {
            let (from, to) = (
                conn.end(sender.side).host,
                conn.end(sender.side.other()).host,
            );
            let lane = &conn.end(sender.side).lane;
            if lane.wire.front().is_none_or(|(at, _)| *at > self.now) {
                break;
            }
            if !self.is_passable(from, to) {
                self.stall(sender);
                break;
            }
            let packet = self
                .end_mut(sender)
                .and_then(|end| end.lane.wire.pop_front());
            if let Some((_, packet)) = packet {
                self.totals.packets += 1;
                self.deliver(sender, packet);
            }
        }
        self.reap(sender.conn);
    }

    /// Packets are due and cannot arrive.
    fn stall(&mut self, sender: EndId) {
        let Some(end) = self.end(sender) else {
            return;
        };
        let stalled = end.lane.stalled;
        // Nobody gives up because the news of room for bytes do not arrive.
        let mut due = end.lane.wire.iter().take_while(|(at, _)| *at <= self.now);
        let matters = due.any(|(_, packet)| !matches!(packet, Packet::Ack | Packet::Room(_)));
        if stalled.is_none() {
            self.note(sender, "is held up", None);
        }
        let mut giving_up = stalled.and_then(|stall| stall.giving_up);
        let limit = self.settings.give_up_after.filter(|_| matters);
        if let (None, Some(limit)) = (giving_up, limit) {
            let at = self.now.saturating_add(nanos(limit));
            giving_up = Some(self.schedule(at, Event::GiveUp(sender)));
        }
        if let Some(end) = self.end_mut(sender) {
            end.lane.stalled = Some(Stall { giving_up });
        }
    }

    /// The way is free again: what should have arrived by now sets out again.
    pub(super) fn release(&mut self, sender: EndId) {
        let Some(conn) = self.conns.get_mut(&sender.conn) else {
            return;
        };
        let (from, to) = (
            conn.end(sender.side).host,
            conn.end(sender.side.other()).host,
        );
        let lane = &mut conn.end_mut(sender.side).lane;
        let Some(stall) = lane.stalled.take() else {
            return;
        };
        let link = Self::link_of(&self.links, &self.settings, from, to);
        let arrival = self.now.saturating_add(link.draw_latency(&mut self.rng));
        for (at, _) in &mut lane.wire {
            *at = arrival.max(*at);
        }
        self.schedule(arrival, Event::Arrive(sender));
        if let Some(key) = stall.giving_up {
            self.unschedule(key);
        }
    }

    /// Nobody has confirmed anything for so long that the sender gives the connection up.
    pub(super) fn give_up(&mut self, sender: EndId) {
        self.note(sender, "gives up", None);
        self.break_end(sender, Cause::TimedOut);
        if self.is_unaccepted(sender.conn) {
            // The client has gone, and its reset did not get through.
            self.break_end(sender.other(), Cause::TimedOut);
        }
        self.reap(sender.conn);
    }

    fn deliver(&mut self, sender: EndId, packet: Packet) {
        let receiver = sender.other();
        let (what, bytes) = match &packet {
            Packet::SynAck => ("SYN-ACK", None),
            Packet::Ack => ("ACK", None),
            Packet::Data(bytes) => ("data", Some(bytes.len())),
            Packet::Room(bytes) => ("room", Some(*bytes)),
            Packet::Fin => ("FIN", None),
            Packet::Reset => ("RST", None),
        };
        self.note(sender, what, bytes);
        let Some(conn) = self.conns.get_mut(&receiver.conn) else {
            return;
        };
        let stage = conn.stage;
        let end = conn.end_mut(receiver.side);
        if let Packet::Reset = packet {
            let cause = if end.ended { Cause::Gone } else { Cause::Reset };
            self.totals.resets += 1;
            self.break_end(receiver, cause);
            return;
        }
        match end.state {
            EndState::Open if end.broken.is_none() => {}
            EndState::Closed => {
                // Nobody will read what comes in now.
                if let Packet::Data(_) = packet {
                    return self.abort(receiver);
                }
            }
            EndState::Open | EndState::Dead => return self.answer_with_reset(receiver),
        }
        match packet {
            Packet::SynAck => {
                if let Stage::Answered { .. } = stage {
                    self.call_answered(receiver.conn);
                }
            }
            Packet::Ack => self.call_complete(receiver.conn),
            Packet::Data(bytes) => {
                let (host, count) = (end.host, bytes.len() as u64);
                end.unread.extend(bytes);
                let reader = end.reader.take();
                self.wake(reader);
                self.totals.bytes += count;
                self.hosts[host].totals.bytes += count;
            }
            Packet::Fin => {
                end.ended = true;
                let reader = end.reader.take();
                self.wake(reader);
            }
            Packet::Room(bytes) => {
                end.lane.window += bytes;
                self.flush(receiver);
            }
            Packet::Reset => {}
        }
    }

    /// This end knows nothing of the connection, and says so, once.
    pub(super) fn answer_with_reset(&mut self, id: EndId) {
        let Some(end) = self.end_mut(id) else {
            return;
        };
        if !std::mem::replace(&mut end.lane.reset_sent, true) {
            self.push(id, Packet::Reset);
        }
    }
}
