//! Connections that stay in memory.

use std::rc::Rc;

use super::memory_stream::MemoryStream;
use super::pipe::Pipe;

/// A connection in memory, without a limit to what may be written and not yet read.
///
/// ```
/// use nestling_net::{ByteStream, Error};
/// use nestling_net::testing::memory_stream_pair;
///
/// # nestling_runtime::run(async {
/// let (client, server) = memory_stream_pair();
/// client.write_all(b"hello").await?;
/// drop(client);
/// let mut text = [0; 5];
/// server.read_exact(&mut text).await?;
/// assert_eq!(&text, b"hello");
/// assert_eq!(server.read(&mut text).await?, 0);
/// # Ok::<_, Error>(())
/// # })?;
/// # Ok::<_, Error>(())
/// ```
#[must_use]
pub fn memory_stream_pair() -> (MemoryStream, MemoryStream) {
    memory_stream_pair_with_capacity(usize::MAX)
}

/// A connection in memory that holds up to `capacity` bytes in each direction; a write waits while
/// there is no room. A capacity of 0 makes a [`lockstep_stream_pair`].
///
/// ```
/// use nestling_net::{ByteStream, Error};
/// use nestling_net::testing::memory_stream_pair_with_capacity;
///
/// # nestling_runtime::run(async {
/// let (client, server) = memory_stream_pair_with_capacity(3);
/// assert_eq!(client.write(b"hello").await?, 3);
/// assert_eq!(server.read(&mut [0; 64]).await?, 3);
/// assert_eq!(client.write(b"lo").await?, 2);
/// # Ok::<_, Error>(())
/// # })?;
/// # Ok::<_, Error>(())
/// ```
#[must_use]
pub fn memory_stream_pair_with_capacity(capacity: usize) -> (MemoryStream, MemoryStream) {
    let there = Rc::new(Pipe::new(capacity));
    let back = Rc::new(Pipe::new(capacity));
    (
        MemoryStream::new(Rc::clone(&back), Rc::clone(&there)),
        MemoryStream::new(there, back),
    )
}

/// A connection in memory without any buffer: a write completes only while the other side waits in a
/// read, and gives it no more than that read has asked for.
///
/// That is as little as a network ever does for a program, so that a protocol that deadlocks when
/// both sides write at first, or that takes one read for one message, shows it here at once.
///
/// ```
/// use nestling_net::{ByteStream, Error};
/// use nestling_net::testing::lockstep_stream_pair;
/// use nestling_nursery::{BoxError, open_nursery};
///
/// # nestling_runtime::run(async {
/// let (client, server) = lockstep_stream_pair();
/// open_nursery(async |nursery| {
///     nursery.start_soon(client.write_all(b"hello"));
///     let mut buffer = [0; 3];
///     assert_eq!(server.read(&mut buffer).await?, 3);
///     assert_eq!(server.read(&mut buffer).await?, 2);
///     Ok::<_, BoxError>(())
/// })
/// .await
/// # })?;
/// # Ok::<_, nestling_nursery::NurseryError>(())
/// ```
#[must_use]
pub fn lockstep_stream_pair() -> (MemoryStream, MemoryStream) {
    memory_stream_pair_with_capacity(0)
}
