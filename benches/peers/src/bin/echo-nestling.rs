//! Nestling: a nursery, and a child for each connection.
//! (Its streams have TCP_NODELAY set by themselves.)

use nestling::net::{Error, TcpListener, TcpStream};
use nestling::open_nursery;

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let buffer_len = peers::buffer_len()?;
    nestling::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        peers::announce(listener.local_addr()?);
        open_nursery(async |nursery| -> Result<(), Error> {
            loop {
                let (stream, _) = listener.accept().await?;
                nursery.start_soon(async move {
                    if let Err(error) = echo(stream, buffer_len).await {
                        eprintln!("connection lost: {error}");
                    }
                });
            }
        })
        .await?;
        Ok(())
    })
}

async fn echo(stream: TcpStream, buffer_len: usize) -> Result<(), Error> {
    let mut buffer = vec![0; buffer_len];
    loop {
        let received = stream.read(&mut buffer).await?;
        if received == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..received]).await?;
    }
}
