//! Run it with `cargo run --example cleanup`: a connection that says goodbye when it is cancelled.

use std::time::Duration;

use nestling::net::{TcpListener, TcpStream};
use nestling::{BoxError, NurseryError, on_cancel, open_nursery, run, sleep_forever};

/// Greets the client and then waits for work that never comes. However it ends, the client is told.
async fn serve(stream: TcpStream) -> Result<(), BoxError> {
    let work = async {
        stream.write_all(b"hello\n").await?;
        sleep_forever().await;
        Ok(())
    };
    // When the work is cut off, it is dropped first, and then this runs, shielded. A peer that does
    // not take our goodbye must not keep the program from stopping.
    on_cancel(work, async || stream.write_all(b"goodbye\n").await)
        .within(Duration::from_secs(1))
        .await
}

async fn read_line(stream: &TcpStream) -> Result<String, BoxError> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).await? == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    Ok(String::from_utf8(line)?)
}

fn main() -> Result<(), NurseryError> {
    run(async {
        let client = open_nursery(async |nursery| {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let client = TcpStream::connect(listener.local_addr()?).await?;
            let (stream, _) = listener.accept().await?;
            nursery
                .task()
                .name("connection")
                .daemon()
                .start_soon(serve(stream));
            println!("the server says {}", read_line(&client).await?);
            // The body ends here. Only a daemon is left, so it is cancelled and waited for.
            nestling::ok(client)
        })
        .await?;
        let last_words = read_line(&client).await;
        println!("the server says {}", last_words.unwrap_or_default());
        Ok(())
    })
}

// It prints:
//
// the server says hello
// the server says goodbye
