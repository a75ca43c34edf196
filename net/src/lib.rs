//! Nestling's networking: TCP streams, listeners and servers.
//!
//! Programs use the `nestling` crate, which re-exports all of this as `nestling::net`.
//!
//! ```
//! use nestling_net::{TcpStream, serve_tcp};
//! use nestling_nursery::{BoxError, NurseryError, open_nursery};
//!
//! async fn echo(stream: TcpStream) -> Result<(), BoxError> {
//!     let mut buffer = [0; 4096];
//!     loop {
//!         let count = stream.read(&mut buffer).await?;
//!         if count == 0 {
//!             return Ok(());
//!         }
//!         stream.write_all(&buffer[..count]).await?;
//!     }
//! }
//!
//! fn main() -> Result<(), NurseryError> {
//!     nestling_runtime::run(open_nursery(async |nursery| {
//!         let address = nursery
//!             .start(async |ready| serve_tcp(echo, "127.0.0.1:0").ready(ready).await)
//!             .await?;
//!         let client = TcpStream::connect(address).await?;
//!         client.write_all(b"hello").await?;
//!         let mut answer = [0; 5];
//!         client.read_exact(&mut answer).await?;
//!         assert_eq!(&answer, b"hello");
//!         nursery.cancel(); // a server does not end by itself
//!         Ok::<_, BoxError>(())
//!     }))
//! }
//! ```
//!
//! # What holds everywhere
//!
//! Every `async fn` here is a checkpoint: in a cancelled context it has no effect. Dropping a stream
//! or a listener closes it. Nothing here blocks the loop, host names included.

mod accept_error;
mod address;
mod connect;
mod error;
mod resolve;
mod serve;
mod server;
mod slots;
mod socket;
mod stream;
mod system;
mod tcp_listener;
mod tcp_stream;
pub mod testing;

pub use accept_error::AcceptErrorKind;
pub use address::Address;
pub use error::Error;
pub use serve::{serve_listeners, serve_on, serve_tcp};
pub use server::Server;
pub use stream::{ByteStream, Listener, Network};
pub use system::System;
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;

/// What an operation that has no other checkpoint on some path awaits there.
async fn proceed() {
    std::future::poll_fn(nestling_runtime::poll_proceed).await;
}
