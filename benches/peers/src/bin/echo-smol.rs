//! smol on one thread: a `LocalExecutor` under `block_on`, as its documentation
//! shows for futures that stay on their thread.

use smol::LocalExecutor;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};

fn main() -> Result<(), peers::Error> {
    peers::end_with_parent()?;
    let buffer_len = peers::buffer_len()?;
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        peers::announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = executor.spawn(async move {
                if let Err(error) = echo(stream, buffer_len).await {
                    eprintln!("connection lost: {error}");
                }
            });
            connection.detach();
        }
    }))
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
