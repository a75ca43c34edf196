//! Settings of a network.

use std::time::Duration;

use super::VirtualNet;
use super::link::Link;

/// Settings of a [`VirtualNet`], made by [`VirtualNet::builder`].
///
/// ```
/// use std::time::Duration;
/// use nestling_net::testing::net::{Link, VirtualNet};
///
/// let net = VirtualNet::builder(7)
///     .link(Link::new().latency(Duration::from_millis(20)).pieces(1..=100))
///     .backlog(5)
///     .build();
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `build` is called"]
pub struct Builder {
    seed: u64,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) link: Link,
    pub(super) loopback: Link,
    pub(super) backlog: usize,
    pub(super) connect_timeout: Duration,
    pub(super) give_up_after: Option<Duration>,
    pub(super) black_hole: bool,
    pub(super) trace_lines: usize,
}

impl Builder {
    pub(super) fn new(seed: u64) -> Builder {
        Builder {
            seed,
            settings: Settings {
                link: Link::new(),
                loopback: Link::new().latency(Duration::ZERO),
                backlog: 128,
                connect_timeout: Duration::from_secs(127),
                give_up_after: Some(Duration::from_millis(924_600)),
                black_hole: false,
                trace_lines: 1000,
            },
        }
    }

    /// What lies between hosts for which nothing else is set with
    /// [`VirtualNet::link`]; at first [`Link::new`].
    ///
    /// ```
    /// # use nestling_net::testing::net::{Link, VirtualNet};
    /// let net = VirtualNet::builder(7).link(Link::new().bytes_per_second(1000)).build();
    /// ```
    pub fn link(mut self, link: Link) -> Builder {
        self.settings.link = link;
        self
    }

    /// What lies between a host and itself; at first a link without latency.
    ///
    /// ```
    /// # use nestling_net::testing::net::{Link, VirtualNet};
    /// let net = VirtualNet::builder(7).loopback(Link::new().pieces(1..=10)).build();
    /// ```
    pub fn loopback(mut self, link: Link) -> Builder {
        self.settings.loopback = link;
        self
    }

    /// How many connections a listener keeps that have not been accepted; at first 128, and at least
    /// one. A call beyond that is not answered, and tries again after 1, 2, 4, … seconds.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::builder(7).backlog(1).build();
    /// ```
    pub fn backlog(mut self, count: usize) -> Builder {
        self.settings.backlog = count.max(1);
        self
    }

    /// After what time a call that nobody answers fails; at first 127 s, as on Linux.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # use std::time::Duration;
    /// let net = VirtualNet::builder(7).connect_timeout(Duration::from_secs(21)).build();
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.connect_timeout = timeout;
        self
    }

    /// After what time a connection breaks whose bytes do not arrive; at first 924.6 s, as on Linux.
    /// `None` stands for never. Who only reads is never told, as with TCP: put a deadline around it.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// # use std::time::Duration;
    /// let net = VirtualNet::builder(7).give_up_after(Duration::from_secs(60)).build();
    /// ```
    pub fn give_up_after(mut self, time: impl Into<Option<Duration>>) -> Builder {
        self.settings.give_up_after = time.into();
        self
    }

    /// Whether calls to addresses that no host has get no answer; at first they fail at once, as there
    /// is no route.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::builder(7).black_hole(true).build();
    /// ```
    pub fn black_hole(mut self, is_black_hole: bool) -> Builder {
        self.settings.black_hole = is_black_hole;
        self
    }

    /// How many lines [`VirtualNet::trace`] keeps, the last ones; at first 1000.
    ///
    /// ```
    /// # use nestling_net::testing::net::VirtualNet;
    /// let net = VirtualNet::builder(7).trace_lines(usize::MAX).build();
    /// ```
    pub fn trace_lines(mut self, count: usize) -> Builder {
        self.settings.trace_lines = count;
        self
    }

    /// The network.
    #[must_use]
    pub fn build(self) -> VirtualNet {
        VirtualNet::with(self.seed, self.settings)
    }
}
