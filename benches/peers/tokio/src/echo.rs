//! The echo server of tokio's front page, the accept loop included in a task.

use measured::{Arguments, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::flavour;

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    flavour::run(serve(arguments.buffer))
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    measured::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        flavour::spawn(async move {
            if let Err(error) = echo(stream, buffer).await {
                eprintln!("connection lost: {error}");
            }
        });
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
