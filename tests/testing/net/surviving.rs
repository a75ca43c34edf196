//! An echo server and clients that come back, under many seeds of random faults.

use super::*;

use std::cell::Cell;

use nestling::net::{ByteStream, Network, serve_on};

async fn echo(stream: impl ByteStream) -> Result<(), Error> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.send_eof().await,
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Sends `data` and reads it back, in one connection.
async fn attempt<N: Network>(network: &N, data: &[u8]) -> Result<(), Error> {
    let stream = network.connect("server:7").await?;
    for chunk in data.chunks(100) {
        stream.write_all(chunk).await?;
        let mut answer = vec![0; chunk.len()];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, chunk, "whatever arrives is right");
    }
    Ok(())
}

/// Tries until it has worked.
async fn client<N: Network>(network: &N, data: &[u8]) {
    loop {
        match move_on_after(5 * SECOND, attempt(network, data)).await {
            Some(Ok(())) => return,
            Some(Err(_)) | None => sleep(SECOND / 2).await,
        }
    }
}

fn survive(seed: u64) {
    run_virtual(async {
        let link = Link::new()
            .latency(MILLI..=30 * MILLI)
            .pieces(1..=200)
            .loss(0.01);
        let net = VirtualNet::builder(seed).link(link).backlog(4).build();
        let done = Cell::new(0);
        let duration = 30 * SECOND;
        net.inject(
            Faults::during(duration)
                .resets(SECOND..=3 * SECOND)
                .partitions(2 * SECOND..=8 * SECOND, SECOND..=20 * SECOND)
                .unplugs(10 * SECOND..=20 * SECOND, SECOND..=4 * SECOND)
                .refusals(5 * SECOND..=20 * SECOND, SECOND..=4 * SECOND),
        );
        let server = net.host("server");
        let work = open_nursery(async |nursery| {
            nursery
                .start(async |ready| {
                    serve_on(&server, echo, "0.0.0.0:7")
                        .on_error(|_, _| ())
                        .ready(ready)
                        .await
                })
                .await?;
            open_nursery(async |clients| {
                for number in 0..3 {
                    let host = net.host(&format!("client{number}"));
                    let done = &done;
                    clients.start_soon(async move {
                        let data = echo_bytes(seed * 10 + number, 400);
                        // Until the faults are over, and once more.
                        let start = current_time();
                        while current_time() < start + duration {
                            client(&host, &data).await;
                            sleep(2 * SECOND).await;
                        }
                        client(&host, &data).await;
                        done.set(done.get() + 1);
                    });
                }
            })
            .await?;
            nursery.cancel();
            Ok::<_, BoxError>(())
        });
        let in_time = move_on_after(duration + 60 * SECOND, work).await;
        let trace = || net.trace().join("\n");
        assert!(
            in_time.is_some(),
            "seed {seed}: {}\n{}",
            done.get(),
            trace()
        );
        in_time.map(Result::unwrap);
        assert_eq!(done.get(), 3, "seed {seed}:\n{}", trace());
        // The end of what was left behind is on its way.
        sleep(1000 * SECOND).await;
        assert_eq!(net.statistics().remembered, 0, "seed {seed}:\n{}", trace());
        assert_eq!(net.statistics().bytes_in_transit, 0);
    });
}

#[test]
fn clients_get_everything_done_under_many_seeds_of_faults() {
    for seed in 0..times(50, 1) as u64 {
        survive(seed);
    }
}
