//! A task for each connection; its buffer goes into each operation and comes back with the result.

use compio::buf::{BufResult, IntoInner, IoBuf};
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};
use measured::{Arguments, Error};

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    Runtime::new()?.block_on(async {
        match spawn(serve(arguments.buffer)).await {
            Ok(served) => served,
            Err(_) => Err("the server was cancelled".into()),
        }
    })
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    measured::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = spawn(async move {
            if let Err(error) = echo(stream, buffer).await {
                eprintln!("connection lost: {error}");
            }
        });
        connection.detach();
    }
}

async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(buffer);
    loop {
        buffer.clear();
        let BufResult(received, filled) = stream.read(buffer).await;
        let received = received?;
        if received == 0 {
            return Ok(());
        }
        let BufResult(sent, slice) = stream.write_all(filled.slice(..received)).await;
        sent?;
        buffer = slice.into_inner();
    }
}
