//! A nursery, and a child for each connection. (Its streams have `TCP_NODELAY` set by themselves.)

use measured::{Arguments, Error};
use nestling::net::{self, TcpListener, TcpStream};
use nestling::open_nursery;

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    nestling::run(serve(arguments.buffer))
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    measured::announce(listener.local_addr()?);
    open_nursery(async |nursery| -> Result<(), net::Error> {
        loop {
            let (stream, _) = listener.accept().await?;
            nursery.start_soon(async move {
                if let Err(error) = echo(stream, buffer).await {
                    eprintln!("connection lost: {error}");
                }
            });
        }
    })
    .await?;
    Ok(())
}

async fn echo(stream: TcpStream, buffer: usize) -> Result<(), net::Error> {
    let mut buffer = vec![0; buffer];
    loop {
        let received = stream.read(&mut buffer).await?;
        if received == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..received]).await?;
    }
}
