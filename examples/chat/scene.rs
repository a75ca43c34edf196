//! What is played: guests, and what they say and hear.

use std::time::Duration;

use nestling::net::{ByteStream, Network};
use nestling::{BoxError, fail_after};

use crate::kit::lines::Lines;
use crate::kit::say;
use crate::room::LINE_BYTES_MAX;

/// Within this, whatever should be heard is heard.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest's side of a connection.
struct Visitor<S> {
    name: &'static str,
    lines: Lines<S>,
}

impl<S: ByteStream> Visitor<S> {
    async fn says(&self, text: &str) -> Result<(), BoxError> {
        say!("{:>5} > {text}", self.name);
        let line = format!("{text}\n");
        Ok(self.lines.stream().write_all(line.as_bytes()).await?)
    }

    async fn next(&mut self) -> Result<String, BoxError> {
        let line = fail_after(PATIENCE, self.lines.next()).await??;
        Ok(line.ok_or("the server has hung up")?)
    }

    async fn hears(&mut self, count: usize) -> Result<(), BoxError> {
        for _ in 0..count {
            let line = self.next().await?;
            say!("{:>5} < {line}", self.name);
        }
        Ok(())
    }
}

/// Somebody who comes in under a name of their own.
async fn visitor<N: Network>(
    network: &N,
    server: &str,
    name: &'static str,
) -> Result<Visitor<N::Stream>, BoxError> {
    let stream = network.connect(server).await?;
    let lines = Lines::new(stream, LINE_BYTES_MAX);
    let mut visitor = Visitor { name, lines };
    visitor.hears(1).await?;
    visitor.says(name).await?;
    visitor.hears(1).await?;
    Ok(visitor)
}

/// Some guests, one after the other, each of whom waits for what it should hear.
pub(crate) async fn scene<N: Network>(network: &N, server: &str) -> Result<(), BoxError> {
    let mut ann = visitor(network, server, "Ann").await?;
    let mut bob = visitor(network, server, "Bob").await?;
    ann.hears(1).await?;
    ann.says("hello Bob").await?;
    bob.hears(1).await?;

    let mut other = visitor(network, server, "Bob").await?;
    other.name = "Carl";
    other.says("Carl").await?;
    other.hears(1).await?;
    ann.hears(1).await?;
    bob.hears(1).await?;
    bob.says("/quit").await?;
    ann.hears(1).await?;
    other.hears(1).await?;
    drop(other); // without a word
    ann.hears(1).await
}

/// A guest who does not look at the screen for a while.
pub(crate) async fn slow_guest<N: Network>(network: &N, server: &str) -> Result<(), BoxError> {
    let mut dora = visitor(network, server, "Dora").await?;
    let emil = visitor(network, server, "Emil").await?;
    dora.hears(1).await?;
    say!("Emil tells a story of 100 lines; Dora looks away");
    for number in 1..=100 {
        let line = format!("line {number} of a long, long story\n");
        emil.lines.stream().write_all(line.as_bytes()).await?;
        nestling::sleep(Duration::from_millis(10)).await;
    }
    let mut heard = 0;
    loop {
        let line = dora.next().await?;
        if line.starts_with('*') {
            say!(" Dora < {heard} lines of the story, and then");
            say!(" Dora < {line}");
            break;
        }
        heard += 1;
    }
    dora.hears(1).await?;
    emil.says("/quit").await?;
    while !dora.next().await?.ends_with("goodbye") {}
    Ok(())
}
