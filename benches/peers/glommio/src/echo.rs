//! A task for each connection.

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use measured::{Arguments, Error};

use crate::run::run;

pub(crate) fn echo(arguments: Arguments) -> Result<(), Error> {
    run(serve(arguments.buffer))
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    measured::announce(address);
    loop {
        let stream = listener.accept().await.map_err(|error| error.to_string())?;
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let connection = glommio::spawn_local(async move {
            if let Err(error) = answer(stream, buffer).await {
                eprintln!("connection lost: {error}");
            }
        });
        connection.detach();
    }
}

async fn answer(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let received = stream.read(&mut buffer).await?;
        if received == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..received]).await?;
    }
}
