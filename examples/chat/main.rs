//! Run it with `cargo run --example chat`: a chat server and its guests, each of whom sees what all others
//! say.
//!
//! The program takes the network as an argument. So the scene below is played on a virtual network, in
//! virtual time, where it prints the same each time, and then on the system's network. For a server to
//! talk to: `cargo run --example chat -- serve 127.0.0.1:7000`, and `nc 127.0.0.1 7000` in some other
//! terminals; Ctrl-C stops it softly.

#[path = "../kit/mod.rs"]
mod kit;
mod room;
mod scene;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use kit::program::explain;
use kit::say;
use kit::signal::{SIGINT, SIGTERM, name, signals};
use nestling::net::{Network, System};
use nestling::testing::MockClock;
use nestling::testing::net::{Link, VirtualNet};
use nestling::{BoxError, Builder, CancelScope, move_on_after, ok, open_nursery, run};
use room::serve;
use scene::{scene, slow_guest};

/// How long guests may take for their last lines.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until Ctrl-C.
async fn serve_until_told(address: &str) -> Result<(), BoxError> {
    let mut signals = signals(&[SIGINT, SIGTERM])?;
    evening(&System, address, async |address| {
        say!("chat: listening at {address}, Ctrl-C stops it");
        say!("chat: {}: closing", name(signals.recv().await?));
        Ok(())
    })
    .await?;
    say!("chat: closed");
    Ok(())
}

/// A server, as long as `guests` takes. Then it is closed softly.
async fn evening<N: Network>(
    at_server: &N,
    address: &str,
    guests: impl AsyncFnOnce(SocketAddr) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let service = CancelScope::new().name("service");
    open_nursery(async |nursery| {
        let server = async |ready| {
            let serving = service.run(serve(at_server, address, ready)).await;
            serving.unwrap_or(Ok(())) // cut off when the time was up: nothing is wrong with that
        };
        guests(nursery.start(server).await?).await?;
        let report = service.shutdown(GRACE).await;
        if !report.is_clean() {
            say!("chat: somebody did not take the last lines");
        }
        ok(())
    })
    .await?;
    Ok(())
}

fn play() -> Result<(), BoxError> {
    say!("on a virtual network:");
    Builder::new().clock(MockClock::new()).run(async {
        let link = Link::new().send_buffer(400).receive_buffer(400);
        let net = VirtualNet::builder(7).link(link).build();
        let guests = net.host("guests");
        evening(&net.host("server"), "0.0.0.0:7000", async |_| {
            scene(&guests, "server:7000").await?;
            slow_guest(&guests, "server:7000").await
        })
        .await
    })?;
    say!("on the system's network:");
    let guests = async |server: SocketAddr| scene(&System, &server.to_string()).await;
    let played = move_on_after(
        Duration::from_secs(60),
        evening(&System, "127.0.0.1:0", guests),
    );
    run(played).ok_or("it took too long")?
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments[..] {
        [] => play(),
        ["serve", address] => run(serve_until_told(address)),
        _ => Err("usage: chat [serve ADDRESS]".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

// It prints:
//
// on a virtual network:
//   Ann < * what is your name?
//   Ann > Ann
//   Ann < * welcome
//   Bob < * what is your name?
//   Bob > Bob
//   Bob < * welcome
//   Ann < * Bob is here
//   Ann > hello Bob
//   Bob < Ann: hello Bob
//   Bob < * what is your name?
//   Bob > Bob
//   Bob < * take another name
//  Carl > Carl
//  Carl < * welcome
//   Ann < * Carl is here
//   Bob < * Carl is here
//   Bob > /quit
//   Ann < * Bob has left: goodbye
//  Carl < * Bob has left: goodbye
//   Ann < * Carl has left: gone
//  Dora < * what is your name?
//  Dora > Dora
//  Dora < * welcome
//  Emil < * what is your name?
//  Emil > Emil
//  Emil < * welcome
//  Dora < * Emil is here
// Emil tells a story of 100 lines; Dora looks away
//  Dora < 22 lines of the story, and then
//  Dora < * you missed 68 lines
//  Dora < Emil: line 91 of a long, long story
//  Emil > /quit
// on the system's network:
//   Ann < * what is your name?
//   Ann > Ann
//   Ann < * welcome
//   Bob < * what is your name?
//   Bob > Bob
//   Bob < * welcome
//   Ann < * Bob is here
//   Ann > hello Bob
//   Bob < Ann: hello Bob
//   Bob < * what is your name?
//   Bob > Bob
//   Bob < * take another name
//  Carl > Carl
//  Carl < * welcome
//   Ann < * Carl is here
//   Bob < * Carl is here
//   Bob > /quit
//   Ann < * Bob has left: goodbye
//  Carl < * Bob has left: goodbye
//   Ann < * Carl has left: gone
