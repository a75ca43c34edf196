//! Run it with `cargo run --example graceful_shutdown`: a server under load is told to stop.
//!
//! It sends itself the signal SIGTERM, as a service manager would. With `-- --wait` it waits for yours
//! instead. A third of the clients are patient: they would stay for ever. They are the laggards.

use std::process::ExitCode;
use std::time::Duration;

use nestling::net::{TcpStream, serve_tcp};
use nestling::{BoxError, CancelScope, NurseryError, open_nursery, run, sleep, sleep_forever};

const GRACE: Duration = Duration::from_millis(300);
const CLIENTS: usize = 12;

/// Echoes until the client has said all.
async fn echo(stream: TcpStream) -> Result<(), BoxError> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Talks to the server for a while, or for ever.
async fn client(address: std::net::SocketAddr, patient: bool) -> Result<(), BoxError> {
    let stream = TcpStream::connect(address).await?;
    let mut answer = [0; 5];
    for _ in 0..10 {
        stream.write_all(b"hello").await?;
        stream.read_exact(&mut answer).await?;
        sleep(Duration::from_millis(5)).await;
    }
    if patient {
        sleep_forever().await;
    }
    Ok(())
}

async fn serve_until_told(wait_for_signal: bool) -> Result<usize, NurseryError> {
    let service = CancelScope::new().name("service");
    open_nursery(async |nursery| {
        let address = nursery
            .start(async |ready| {
                // A server listens for the request to stop by itself: it accepts nobody any more and
                // waits for its handlers. After the grace period the scope cuts them off.
                let serve = async { serve_tcp(echo, "127.0.0.1:0").ready(ready).await };
                service.run(serve).await.unwrap_or(Ok(()))
            })
            .await?;
        for number in 0..CLIENTS {
            nursery
                .task()
                .daemon()
                .start_soon(client(address, number % 3 == 0));
        }
        wait_for_stop(wait_for_signal).await?;
        println!("told to stop; everybody has {GRACE:?} to finish");
        let report = service.shutdown(GRACE).await;
        // The server names its handlers `connection from` and the client's address.
        for late in report.laggards() {
            if let Some((what, _)) = late.task().split_once(" from ") {
                println!("cut off: a {what} that was still open");
            }
        }
        nestling::ok(report.laggards().len())
    })
    .await
}

#[cfg(unix)]
async fn wait_for_stop(wait_for_signal: bool) -> Result<(), BoxError> {
    use nestling::signal::{self, SIGINT, SIGTERM};

    let mut signals = signal::signals(&[SIGINT, SIGTERM])?;
    if !wait_for_signal {
        sleep(Duration::from_millis(20)).await;
        // `kill` is what a service manager does.
        let me = std::process::id().to_string();
        std::process::Command::new("kill")
            .args(["-TERM", &me])
            .status()?;
    }
    println!("got {}", signal::name(signals.recv().await?));
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for_stop(_: bool) -> Result<(), BoxError> {
    sleep(Duration::from_millis(20)).await;
    Ok(())
}

fn main() -> ExitCode {
    let wait_for_signal = std::env::args().any(|argument| argument == "--wait");
    match run(serve_until_told(wait_for_signal)) {
        Ok(_) => {
            println!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

// It prints:
//
// got SIGTERM
// told to stop; everybody has 300ms to finish
// cut off: a connection that was still open
// cut off: a connection that was still open
// cut off: a connection that was still open
// cut off: a connection that was still open
// stopped
