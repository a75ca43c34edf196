//! What lies between two hosts.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::span::Span;
use nestling_runtime::testing::Rng;

/// The way between two hosts: how long it takes, how much goes through, and in what pieces. The same
/// in both directions.
///
/// ```
/// use std::time::Duration;
/// use nestling_net::testing::net::{Link, VirtualNet};
///
/// let net = VirtualNet::new(7);
/// let (phone, server) = (net.host("phone"), net.host("server"));
/// let mobile = Link::new()
///     .latency(Duration::from_millis(40)..=Duration::from_millis(400))
///     .bytes_per_second(100_000)
///     .loss(0.01)
///     .pieces(1..=1400);
/// net.link(&phone, &server, mobile);
/// ```
///
/// Latency, bandwidth, loss and pieces hold for what is sent from then on; the buffers hold for
/// connections that are made from then on.
#[derive(Clone, Debug)]
#[must_use = "a link does nothing until it is put between hosts"]
pub struct Link {
    latency: Span,
    slow_close: Span,
    loss: f64,
    bytes_per_second: Option<u64>,
    pieces: Option<(u64, u64)>,
    pub(super) send_buffer: usize,
    pub(super) receive_buffer: usize,
}

/// What a lost packet waits for until it is sent again, the first time; twice that the next time.
/// Linux never waits for less.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How often in a row a packet is lost at most.
const LOSSES_MAX: u32 = 6;

/// The largest packet, if nothing else limits it.
const PACKET_BYTES_MAX: usize = 16 * 1024;

impl Default for Link {
    fn default() -> Link {
        Link::new()
    }
}

impl Link {
    /// A good link: one millisecond, no limit in bandwidth, no losses, buffers of 64 KiB.
    pub fn new() -> Link {
        Link {
            latency: Span::of(Duration::from_millis(1)),
            slow_close: Span::of(Duration::ZERO),
            loss: 0.0,
            bytes_per_second: None,
            pieces: None,
            send_buffer: 64 * 1024,
            receive_buffer: 64 * 1024,
        }
    }

    /// How long a packet is on its way. Packets of one connection never overtake each other, so one
    /// that takes long delays what is behind it.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let satellite = Link::new().latency(std::time::Duration::from_millis(300));
    /// ```
    pub fn latency(mut self, latency: impl Into<Span>) -> Link {
        self.latency = latency.into();
        self
    }

    /// How much goes through in each direction, for all connections together. 0 counts as 1.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let modem = Link::new().bytes_per_second(7_000);
    /// ```
    pub fn bytes_per_second(mut self, count: u64) -> Link {
        self.bytes_per_second = Some(count.max(1));
        self
    }

    /// The probability with which a packet is lost, from 0 to 1. As TCP sends it again, this is seen as
    /// delay: 200 ms, and twice that each further time.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let radio = Link::new().loss(0.05);
    /// ```
    pub fn loss(mut self, probability: f64) -> Link {
        self.loss = probability;
        self
    }

    /// How many bytes a read delivers, a write accepts, and a packet carries at most: drawn each
    /// time. This is what finds code that takes a read for a message. A number of 0 counts as 1.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let in_crumbs = Link::new().pieces(1..=3);
    /// ```
    pub fn pieces(mut self, bytes: RangeInclusive<usize>) -> Link {
        let from = (*bytes.start() as u64).max(1);
        self.pieces = Some((from, (*bytes.end() as u64).max(from)));
        self
    }

    /// How long the end of a stream is on its way beyond the latency, as when the other side's system
    /// is slow to notice.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let slow = Link::new().slow_close(std::time::Duration::from_secs(30));
    /// ```
    pub fn slow_close(mut self, delay: impl Into<Span>) -> Link {
        self.slow_close = delay.into();
        self
    }

    /// How many written bytes a stream keeps that cannot be sent yet. 0 counts as 1.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let tight = Link::new().send_buffer(512).receive_buffer(512);
    /// ```
    pub fn send_buffer(mut self, bytes: usize) -> Link {
        self.send_buffer = bytes.max(1);
        self
    }

    /// How many bytes may be on their way to a stream or lie there unread; until it has read some, the
    /// other side cannot send more. 0 counts as 1.
    ///
    /// ```
    /// # use nestling_net::testing::net::Link;
    /// let tight = Link::new().send_buffer(512).receive_buffer(512);
    /// ```
    pub fn receive_buffer(mut self, bytes: usize) -> Link {
        self.receive_buffer = bytes.max(1);
        self
    }

    /// How long a packet is on its way, in nanoseconds.
    pub(super) fn draw_latency(&self, rng: &mut Rng) -> u64 {
        self.latency.draw(rng)
    }

    /// By how much losses delay a packet, in nanoseconds.
    pub(super) fn draw_losses(&self, rng: &mut Rng) -> u64 {
        let lost = (0..LOSSES_MAX).take_while(|_| chance(self.loss, rng));
        lost.map(|times| super::span::nanos(RETRANSMISSION * 2_u32.pow(times)))
            .sum()
    }

    pub(super) fn draw_slow_close(&self, rng: &mut Rng) -> u64 {
        self.slow_close.draw(rng)
    }

    /// How many of `bytes` go in one step; none only if there are none.
    pub(super) fn draw_piece(&self, bytes: usize, rng: &mut Rng) -> usize {
        match self.pieces {
            None => bytes,
            Some((from, to)) => bytes.min(rng.range(from..to.saturating_add(1)) as usize),
        }
    }

    /// How many of `bytes` the next packet carries. A narrow link carries 20 ms' worth, so that what
    /// has come through is there to be read.
    pub(super) fn draw_packet(&self, bytes: usize, rng: &mut Rng) -> usize {
        let limit = match self.bytes_per_second {
            None => PACKET_BYTES_MAX,
            Some(rate) => PACKET_BYTES_MAX.min((rate / 50).max(1) as usize),
        };
        self.draw_piece(bytes.min(limit), rng)
    }

    /// How long `bytes` occupy the link, in nanoseconds.
    pub(super) fn nanos_for(&self, bytes: usize) -> u64 {
        let Some(rate) = self.bytes_per_second else {
            return 0;
        };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// Whether something happens that does so with `probability`.
fn chance(probability: f64, rng: &mut Rng) -> bool {
    // 53 bits are what a double holds. What never happens draws nothing.
    probability > 0.0 && ((rng.next_u64() >> 11) as f64) < probability * (1_u64 << 53) as f64
}
