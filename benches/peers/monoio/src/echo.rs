//! The echo server of monoio's front page: a buffer goes into each operation and comes back with the result.

use measured::{Arguments, Error};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};

use crate::driver::run;

pub(crate) fn echo(arguments: Arguments) -> Result<(), Error> {
    run(serve(arguments.buffer))
}

async fn serve(buffer: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    measured::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(async move {
            if let Err(error) = answer(stream, buffer).await {
                eprintln!("connection lost: {error}");
            }
        });
    }
}

async fn answer(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(buffer);
    loop {
        let (received, filled) = stream.read(buffer).await;
        if received? == 0 {
            return Ok(());
        }
        let (sent, sent_buffer) = stream.write_all(filled).await;
        sent?;
        buffer = sent_buffer;
        buffer.clear();
    }
}
