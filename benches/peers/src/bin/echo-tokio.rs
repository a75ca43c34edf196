//! tokio, current_thread: the echo server of its front page.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let buffer_len = peers::buffer_len()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            peers::announce(listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(async move {
                    if let Err(error) = echo(stream, buffer_len).await {
                        eprintln!("connection lost: {error}");
                    }
                });
            }
        })
}

async fn echo(mut stream: TcpStream, buffer_len: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; buffer_len];
    loop {
        let received = stream.read(&mut buffer).await?;
        if received == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..received]).await?;
    }
}
