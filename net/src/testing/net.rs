//! A network in memory, with virtual hosts and a will of its own.
//!
//! A [`VirtualNet`] has [hosts](Host) that connect to each other as over TCP, all of them in one run
//! and by the run's clock. A [`Host`] is a [`Network`](crate::Network), so that a program which takes
//! the network as an argument runs on it unchanged, server and clients in one test:
//!
//! ```
//! use nestling_net::testing::net::VirtualNet;
//! use nestling_net::{ByteStream, Listener, Network};
//!
//! # fn main() -> Result<(), nestling_net::Error> {
//! # nestling_runtime::run(async {
//! let net = VirtualNet::new(7);
//! let (server, client) = (net.host("server"), net.host("client"));
//!
//! let listener = server.bind("0.0.0.0:80").await?;
//! let stream = client.connect("server:80").await?;
//! let (peer, _) = listener.accept().await?;
//!
//! stream.write_all(b"hello").await?;
//! let mut greeting = [0; 5];
//! peer.read_exact(&mut greeting).await?;
//! assert_eq!(&greeting, b"hello");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Time and chance
//!
//! Nothing happens but by the run's clock: with a virtual one, a day of traffic takes no longer than
//! its computations. What is left to chance (latencies, losses, pieces, [`Faults`]) follows from the
//! seed. So a test that failed fails again with the same seed, to the last byte, as long as the
//! program itself does the same each time; [`VirtualNet::trace`] tells what happened.
//!
//! There is no task behind it. Packets move when their time comes, on a timer of the run, and when
//! somebody uses a stream. A network belongs to one run.
//!
//! # What is as in TCP
//!
//! Bytes arrive in order and once. A [`Link`] has latency, bandwidth and losses, and buffers of limited
//! size at its ends, so that a slow reader holds up its writer. A connection is made by a call and two
//! answers; to a port where nobody listens it is refused, and to a listener whose backlog is full the
//! call is repeated after 1, 2, 4, … seconds. A stream that is dropped with bytes unread, or that is
//! sent something after that, resets the connection. Who is cut off is not told: bytes are held up
//! until the way is free, calls are repeated, and after a long time the sender gives up. A host that has
//! crashed answers with a reset to what it knows nothing of any more, once it is up again.
//!
//! # What is not
//!
//! Losses are seen as delay only, and confirmations of what has arrived are not packets, so nothing
//! waits for them. There is no congestion control, no keep-alive, and a port is free again as soon
//! as its connection is over.

mod builder;
mod connection;
mod faults;
mod host;
mod link;
mod shared;
mod span;
mod statistics;
mod trace;
mod trouble;
mod virtual_listener;
mod virtual_net;
mod virtual_stream;
mod world;

pub use builder::Builder;
pub use connection::Connection;
pub use faults::Faults;
pub use host::Host;
pub use link::Link;
pub use span::Span;
pub use statistics::{HostStatistics, NetStatistics, StreamStatistics};
pub use virtual_listener::VirtualListener;
pub use virtual_net::VirtualNet;
pub use virtual_stream::VirtualStream;
