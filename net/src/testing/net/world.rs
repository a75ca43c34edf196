//! The network as a machine of its own: hosts, connections, and what is due when.
//!
//! It runs no foreign code and knows no clock: who has it says what time it is ([`World::advance`]),
//! and afterwards wakes `woken` and drops `dropped` while it is not borrowed.
//!
//! A connection has two *ends*; each has a *lane* to the other one: bytes that wait to be sent, and
//! packets on the wire, in order. A packet that is due while the way is cut stays at the front of its
//! wire, and everything behind it too, until the way is free: TCP would send it again and again. Only
//! the SYN of a call is really lost, and sent again after 1, 2, 4, … seconds. As in TCP, a sender may
//! have no more bytes on the wire and unread at the other end than that end's buffer holds; reading
//! gives the room back by a packet of its own.

mod calling;
mod conn;
mod ending;
mod faulting;
mod lanes;
mod places;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

pub(super) use conn::{Conn, ConnId, End, EndId, EndState, Packet, Side, Stage};
pub(super) use places::{HostId, HostState};

use super::builder::Settings;
use super::faults::Fault;
use super::link::Link;
use super::statistics::Totals;
use super::trace::{Entry, Place, Trace};
use nestling_runtime::testing::Rng;

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) rng: Rng,
    /// In nanoseconds since the network was first used.
    pub(super) now: u64,
    pub(super) hosts: Vec<HostState>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    pub(super) trace: Trace,
    pub(super) totals: Totals,
    /// To be woken when nothing is borrowed.
    pub(super) woken: Vec<Waker>,
    /// To be dropped when nothing is borrowed.
    pub(super) dropped: Vec<Waker>,
    links: BTreeMap<(HostId, HostId), Link>,
    cuts: BTreeSet<(HostId, HostId)>,
    /// When a narrow link has sent what it has got so far.
    busy_until: BTreeMap<(HostId, HostId), u64>,
    events: BTreeMap<EventKey, Event>,
    event_count: u64,
    conn_count: u64,
    listener_count: u64,
}

/// The time of an event, and a number that tells it from others of that time.
type EventKey = (u64, u64);

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Packets of this end's lane are due.
    Arrive(EndId),
    /// A call reaches the other host.
    Syn(ConnId),
    /// The answer that nobody listens reaches the caller.
    Refused(ConnId),
    /// Nobody has answered; the number is the next pause in seconds.
    Redial(ConnId, u64),
    /// The lane has been stalled for so long that its sender gives up.
    GiveUp(EndId),
    /// Trouble made on purpose.
    Fault(Fault),
}

impl World {
    pub(super) fn new(seed: u64, settings: Settings) -> World {
        World {
            rng: Rng::new(seed),
            now: 0,
            hosts: Vec::new(),
            conns: BTreeMap::new(),
            trace: Trace::new(settings.trace_lines),
            totals: Totals::default(),
            woken: Vec::new(),
            dropped: Vec::new(),
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            busy_until: BTreeMap::new(),
            events: BTreeMap::new(),
            event_count: 0,
            conn_count: 0,
            listener_count: 0,
            settings,
        }
    }

    /// Lets everything happen that is due by `now`, each thing at its own time.
    pub(super) fn advance(&mut self, now: u64) {
        while let Some(first) = self.events.first_entry() {
            let (at, _) = *first.key();
            if at > now {
                break;
            }
            let event = first.remove();
            self.now = self.now.max(at);
            self.handle(event);
        }
        self.now = self.now.max(now);
    }

    pub(super) fn next_event(&self) -> Option<u64> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets `event` happen at `at`, behind what is to happen then already.
    fn schedule(&mut self, at: u64, event: Event) -> EventKey {
        let key = (at, self.event_count);
        self.event_count += 1;
        self.events.insert(key, event);
        key
    }

    fn unschedule(&mut self, key: EventKey) {
        self.events.remove(&key);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive(sender) => self.arrive(sender),
            Event::Syn(conn) => self.take_call(conn),
            Event::Refused(conn) => self.call_refused(conn),
            Event::Redial(conn, pause) => self.redial(conn, pause),
            Event::GiveUp(sender) => self.give_up(sender),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    pub(super) fn end(&self, id: EndId) -> Option<&End> {
        self.conns.get(&id.conn).map(|conn| conn.end(id.side))
    }

    pub(super) fn end_mut(&mut self, id: EndId) -> Option<&mut End> {
        self.conns
            .get_mut(&id.conn)
            .map(|conn| conn.end_mut(id.side))
    }

    /// Wakes whoever waits in the slot, later.
    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        self.woken.extend(waker);
    }

    /// Keeps `waker` in `slot`; the one before is dropped later.
    pub(super) fn park(
        dropped: &mut Vec<Waker>,
        slot: &mut Option<Waker>,
        waker: &mut Option<Waker>,
    ) {
        dropped.extend(std::mem::replace(slot, waker.take()));
    }

    /// A line about a packet of this end, or about the end itself.
    pub(super) fn note(&mut self, id: EndId, what: &'static str, bytes: Option<usize>) {
        let Some(conn) = self.conns.get(&id.conn) else {
            return;
        };
        let place = |side| {
            let end = conn.end(side);
            Some(Place {
                host: end.host,
                address: Some(end.local),
            })
        };
        self.trace.push(Entry {
            at: self.now,
            from: place(id.side),
            to: place(id.side.other()),
            what,
            bytes,
        });
    }

    /// A line about a host, or two.
    pub(super) fn note_hosts(&mut self, from: HostId, to: Option<HostId>, what: &'static str) {
        let place = |host| Place {
            host,
            address: None,
        };
        self.trace.push(Entry {
            at: self.now,
            from: Some(place(from)),
            to: to.map(place),
            what,
            bytes: None,
        });
    }

    pub(super) fn trace_lines(&self) -> Vec<String> {
        self.trace
            .lines(|host| self.hosts.get(host).map(|host| host.name.as_str()))
    }
}
