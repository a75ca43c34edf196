//! Trouble made on purpose: by hand, and by plan.

use nestling_runtime::testing::Rng;

use super::conn::Fin;
use super::{ConnId, EndId, EndState, Event, HostId, Side, World};
use crate::testing::net::faults::{Fault, Faults};
use crate::testing::net::span::nanos;
use crate::testing::net::trouble::Cause;

/// Between two faults of a kind there is at least this, in nanoseconds, so that time goes on.
const PAUSE_MIN: u64 = 1_000_000;

impl World {
    /// Nothing passes from one host to the other any more.
    pub(in crate::testing::net) fn cut(&mut self, from: HostId, to: HostId) {
        if self.cuts.insert((from, to)) {
            self.note_hosts(from, Some(to), "is cut");
        }
    }

    pub(in crate::testing::net) fn heal(&mut self, from: HostId, to: HostId) {
        if self.cuts.remove(&(from, to)) {
            self.note_hosts(from, Some(to), "is whole again");
            self.release_where(|sender, receiver| (sender, receiver) == (from, to));
        }
    }

    pub(in crate::testing::net) fn heal_all(&mut self) {
        for (from, to) in std::mem::take(&mut self.cuts) {
            self.note_hosts(from, Some(to), "is whole again");
        }
        for host in 0..self.hosts.len() {
            self.plug(host, true);
            self.refuse(host, false);
        }
        self.release_where(|_, _| true);
    }

    pub(in crate::testing::net) fn plug(&mut self, host: HostId, plugged: bool) {
        if std::mem::replace(&mut self.hosts[host].is_plugged, plugged) != plugged {
            let what = if plugged {
                "is plugged in"
            } else {
                "is unplugged"
            };
            self.note_hosts(host, None, what);
            if plugged {
                self.release_where(|sender, receiver| sender == host || receiver == host);
            }
        }
    }

    pub(in crate::testing::net) fn refuse(&mut self, host: HostId, refuses: bool) {
        if std::mem::replace(&mut self.hosts[host].refuses, refuses) != refuses {
            let what = if refuses {
                "refuses connections"
            } else {
                "accepts connections"
            };
            self.note_hosts(host, None, what);
        }
    }

    /// The host forgets all its connections and listeners, and tells nobody.
    pub(in crate::testing::net) fn crash(&mut self, host: HostId) {
        if !std::mem::replace(&mut self.hosts[host].is_up, false) {
            return;
        }
        self.note_hosts(host, None, "crashes");
        let listeners = std::mem::take(&mut self.hosts[host].listeners);
        let mut unaccepted = Vec::new();
        for listener in listeners.into_values() {
            self.woken.extend(listener.acceptor);
            unaccepted.extend(listener.answered);
            unaccepted.extend(listener.queue);
        }
        let on_it = self.ends_where(|end_host, _| end_host == host);
        for id in on_it {
            let is_unaccepted = id.side == Side::Server && unaccepted.contains(&id.conn);
            self.crash_end(id, is_unaccepted);
        }
    }

    fn crash_end(&mut self, id: EndId, is_unaccepted: bool) {
        let was_stalled = self.end(id).is_some_and(|end| end.lane.stalled.is_some());
        self.stop_waiting(id);
        let Some(end) = self.end_mut(id) else {
            return;
        };
        if was_stalled {
            // What has not got through is sent again by a host that knows of it only.
            end.lane.wire.clear();
        }
        end.unread.clear();
        end.ended = false;
        end.broken = Some(Cause::Crashed);
        end.lane.queued.clear();
        end.lane.fin = Fin::Sent;
        if is_unaccepted || end.state == EndState::Closed {
            end.state = EndState::Dead;
        }
        let wakers = [end.reader.take(), end.writer.take()];
        self.woken.extend(wakers.into_iter().flatten());
        self.reap(id.conn);
    }

    /// It is up again, knowing nothing of what was before.
    pub(in crate::testing::net) fn restart(&mut self, host: HostId) {
        if !std::mem::replace(&mut self.hosts[host].is_up, true) {
            self.note_hosts(host, None, "is up again");
            self.release_where(|_, receiver| receiver == host);
        }
    }

    /// The senders whose own host and the other one are such.
    fn ends_where(&self, is_such: impl Fn(HostId, HostId) -> bool) -> Vec<EndId> {
        let both = self.conns.iter().flat_map(|(&conn, state)| {
            [Side::Client, Side::Server].map(|side| {
                let there = state.end(side.other()).host;
                (EndId { conn, side }, state.end(side).host, there)
            })
        });
        both.filter(|&(_, here, there)| is_such(here, there))
            .map(|(id, ..)| id)
            .collect()
    }

    fn release_where(&mut self, is_such: impl Fn(HostId, HostId) -> bool) {
        for sender in self.ends_where(is_such) {
            self.release(sender);
        }
    }

    /// Resets all connections between such hosts, given the caller's first; how many there were.
    pub(in crate::testing::net) fn reset_where(
        &mut self,
        is_such: impl Fn(HostId, HostId) -> bool,
    ) -> usize {
        let such = |&(_, client, server): &(ConnId, HostId, HostId)| is_such(client, server);
        let found: Vec<ConnId> = self.live().filter(such).map(|(id, ..)| id).collect();
        for &id in &found {
            self.reset_both(id);
        }
        found.len()
    }

    pub(in crate::testing::net) fn inject(&mut self, faults: Faults) {
        let until = self.now.saturating_add(nanos(faults.during));
        let mut rng = Rng::new(self.rng.next_u64());
        for kind in faults.kinds {
            let rng = Rng::new(rng.next_u64());
            self.schedule_fault(Fault::Strike { kind, until, rng });
        }
    }

    /// The next one of its kind, if that is in time.
    fn schedule_fault(&mut self, fault: Fault) {
        let Fault::Strike {
            kind,
            until,
            mut rng,
        } = fault
        else {
            return;
        };
        let pause = kind.every.draw(&mut rng).max(PAUSE_MIN);
        let at = self.now.saturating_add(pause);
        if at < until {
            self.schedule(at, Event::Fault(Fault::Strike { kind, until, rng }));
        }
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        use super::super::faults::What;
        let (kind, until, mut rng) = match fault {
            Fault::Strike { kind, until, rng } => (kind, until, rng),
            Fault::Heal(one, other) => {
                self.heal(one, other);
                return self.heal(other, one);
            }
            Fault::PlugIn(host) => return self.plug(host, true),
            Fault::Accept(host) => return self.refuse(host, false),
        };
        let count = self.hosts.len();
        // Drawn whether they are of use or not, so that the times of later ones do not depend on it.
        let end = self
            .now
            .saturating_add(kind.lasting.draw(&mut rng))
            .min(until);
        let mut places = Rng::new(rng.next_u64());
        let mut pick = |count: usize| places.below(count as u64) as usize;
        match kind.what {
            What::Reset => {
                let live: Vec<ConnId> = self.live().map(|(id, ..)| id).collect();
                if let Some(&id) = live.get(pick(live.len())) {
                    self.reset_both(id);
                }
            }
            What::Partition if count >= 2 => {
                let one = pick(count);
                let other = (one + 1 + pick(count - 1)) % count;
                self.cut(one, other);
                self.cut(other, one);
                self.schedule(end, Event::Fault(Fault::Heal(one, other)));
            }
            What::Unplug if count >= 1 => {
                let host = pick(count);
                self.plug(host, false);
                self.schedule(end, Event::Fault(Fault::PlugIn(host)));
            }
            What::Refuse if count >= 1 => {
                let host = pick(count);
                self.refuse(host, true);
                self.schedule(end, Event::Fault(Fault::Accept(host)));
            }
            What::Partition | What::Unplug | What::Refuse => {}
        }
        self.schedule_fault(Fault::Strike { kind, until, rng });
    }
}
