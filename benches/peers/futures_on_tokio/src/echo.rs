//! A set of connections beside the accept loop, as the documentation of `select!` has it.

use futures::future::FutureExt;
use futures::select;
use futures::stream::{FuturesUnordered, StreamExt};
use measured::{Arguments, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalRuntime;
use tokio::task::spawn_local;

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    LocalRuntime::new()?.block_on(async { spawn_local(serve(arguments.buffer)).await? })
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    measured::announce(listener.local_addr()?);
    let mut connections = FuturesUnordered::new();
    loop {
        select! {
            accepted = listener.accept().fuse() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                connections.push(async move {
                    if let Err(error) = echo(stream, buffer).await {
                        eprintln!("connection lost: {error}");
                    }
                });
            }
            () = connections.select_next_some() => {}
        }
    }
}

async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let received = stream.read(&mut buffer).await?;
        if received == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..received]).await?;
    }
}
