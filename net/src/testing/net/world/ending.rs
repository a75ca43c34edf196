//! The ways in which a connection ends.

use super::conn::Fin;
use super::{ConnId, EndId, EndState, Side, World};
use crate::testing::net::trouble::Cause;

impl World {
    /// Its stream has been dropped. In good order if everything that came in has been read; otherwise
    /// the other side is told that something was lost, as TCP does.
    pub(in crate::testing::net) fn close(&mut self, id: EndId) {
        let Some(end) = self.end_mut(id) else {
            return;
        };
        if end.state != EndState::Open {
            return self.reap(id.conn);
        }
        if end.broken.is_some() {
            end.state = EndState::Dead;
            end.unread.clear();
        } else if end.unread.is_empty() && !self.is_half_made(id) {
            if let Some(end) = self.end_mut(id) {
                end.state = EndState::Closed;
                if end.lane.fin == Fin::Not {
                    end.lane.fin = Fin::Queued;
                }
            }
            self.flush(id);
        } else {
            self.abort(id);
        }
        self.reap(id.conn);
    }

    fn is_half_made(&self, id: EndId) -> bool {
        let stage = self.conns.get(&id.conn).map(|conn| conn.stage);
        stage != Some(super::Stage::Made)
    }

    /// Ends the connection from this side at once, and tells the other one.
    pub(in crate::testing::net) fn abort(&mut self, id: EndId) {
        let calls = self.conns.get(&id.conn).is_some_and(|conn| {
            id.side == Side::Client && matches!(conn.stage, super::Stage::Calling { .. })
        });
        let Some(end) = self.end_mut(id) else {
            return;
        };
        end.state = EndState::Dead;
        end.unread.clear();
        end.lane.queued.clear();
        if !calls {
            self.answer_with_reset(id);
        }
    }

    /// As [`abort`](World::abort), for a stream that is still there: its operations fail from now on.
    pub(in crate::testing::net) fn reset(&mut self, id: EndId) {
        let Some(end) = self.end_mut(id) else {
            return;
        };
        if end.state != EndState::Open || end.broken.is_some() {
            return;
        }
        end.lane.queued.clear();
        end.unread.clear();
        end.ended = false;
        self.answer_with_reset(id);
        if let Some(end) = self.end_mut(id) {
            end.broken = Some(Cause::Reset);
            let wakers = [end.reader.take(), end.writer.take()];
            self.woken.extend(wakers.into_iter().flatten());
        }
    }

    /// Something in between resets the connection: both ends are told at once.
    pub(in crate::testing::net) fn reset_both(&mut self, id: ConnId) {
        for side in [Side::Client, Side::Server] {
            let end = EndId { conn: id, side };
            self.note(end, "is reset by the network", None);
            self.break_end(end, Cause::Reset);
        }
        self.totals.resets += 1;
        self.reap(id);
    }

    /// This end is of no use any more, for `cause`. What has come in can still be read.
    pub(super) fn break_end(&mut self, id: EndId, cause: Cause) {
        self.stop_waiting(id);
        let Some(end) = self.end_mut(id) else {
            return;
        };
        end.lane.queued.clear();
        end.lane.wire.clear();
        end.lane.fin = Fin::Sent;
        match end.state {
            EndState::Open => {
                end.broken.get_or_insert(cause);
            }
            EndState::Closed | EndState::Dead => end.state = EndState::Dead,
        }
        let wakers = [end.reader.take(), end.writer.take()];
        self.woken.extend(wakers.into_iter().flatten());
        if id.side == Side::Server && self.is_unaccepted(id.conn) {
            self.forget_answered(id.conn);
            if let Some(end) = self.end_mut(id) {
                end.state = EndState::Dead;
            }
        }
    }

    /// Nothing of this end is waited for any more: the next call, or the end of the patience.
    pub(super) fn stop_waiting(&mut self, id: EndId) {
        let Some(conn) = self.conns.get_mut(&id.conn) else {
            return;
        };
        let redial = match id.side {
            Side::Client => conn.redial.take(),
            Side::Server => None,
        };
        let stalled = conn.end_mut(id.side).lane.stalled.take();
        let giving_up = stalled.and_then(|stall| stall.giving_up);
        for key in [redial, giving_up].into_iter().flatten() {
            self.unschedule(key);
        }
    }

    /// Whether the connection is being made, and nobody has it at the server's side.
    pub(super) fn is_unaccepted(&self, id: ConnId) -> bool {
        let Some(conn) = self.conns.get(&id) else {
            return false;
        };
        let host = self.hosts.get(conn.end(Side::Server).host);
        host.is_some_and(|host| {
            host.listeners
                .values()
                .any(|listener| Some(listener.id) == conn.listener && listener.is_making(id))
        })
    }

    /// Forgets the connection if it is over.
    pub(super) fn reap(&mut self, id: ConnId) {
        if self.conns.get(&id).is_none_or(|conn| !conn.is_over()) {
            return;
        }
        for side in [Side::Client, Side::Server] {
            self.stop_waiting(EndId { conn: id, side });
        }
        if let Some(mut conn) = self.conns.remove(&id) {
            let client = conn.end(Side::Client);
            self.hosts[client.host].release_port(client.local.port());
            for side in [Side::Client, Side::Server] {
                let end = conn.end_mut(side);
                let wakers = [end.reader.take(), end.writer.take()];
                self.dropped.extend(wakers.into_iter().flatten());
            }
        }
    }
}
