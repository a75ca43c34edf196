//! A task of the `LocalExecutor` for each connection.

use measured::{Arguments, Error};
use smol::LocalExecutor;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    let buffer = arguments.buffer;
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        measured::announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = executor.spawn(async move {
                if let Err(error) = echo(stream, buffer).await {
                    eprintln!("connection lost: {error}");
                }
            });
            connection.detach();
        }
    }))
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
