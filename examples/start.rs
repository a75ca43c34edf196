//! Run it: `cargo run --example start`
//!
//! A server chooses its port itself, and the client must not connect before that. `start` waits until
//! the child says that it is ready, and hands over what it has to tell.

mod kit;

use kit::say; // `println!` that doesn't mind `| head`
use nestling::net::{self, TcpListener, TcpStream};
use nestling::{BoxError, NurseryError, Ready, open_nursery, run};

async fn server(ready: Ready<u16>) -> Result<(), net::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say!("server: listening");
    ready.started(listener.local_addr()?.port());

    // From here on it is a child like any other.
    let (stream, _) = listener.accept().await?;
    stream.write_all(b"good morning").await?;
    say!("server: done");
    Ok(())
}

async fn client(port: u16) -> Result<(), BoxError> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut greeting = [0; 12];
    stream.read_exact(&mut greeting).await?;
    say!(
        "client: the server says {:?}",
        std::str::from_utf8(&greeting)?
    );
    Ok(())
}

fn main() -> Result<(), NurseryError> {
    run(open_nursery(async |nursery| {
        let port = nursery.start(server).await?;
        say!("parent: the server is ready");
        client(port).await
    }))
}

// It prints:
//
// server: listening
// parent: the server is ready
// server: done
// client: the server says "good morning"
